//! What `dev` does when it is told to, and what it remembers of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use console::{Action, Order, Process, Scene};

use super::{Children, workload::Workload};
use crate::{ambient, exit::Failure, signal::Signal};

/// Actions that are remembered.
const ACTIONS_MAX: usize = 200;

/// The processes of the nodes, the workload, and the log of what was done.
pub struct Director {
    children: Children,
    workload: Workload,
    paused: BTreeSet<u16>,
    /// Faults in force inside a node, by kind.
    faults: BTreeMap<u16, BTreeMap<String, String>>,
    /// Nodes whose end somebody ordered.
    killed: BTreeSet<u16>,
    /// Oldest first.
    actions: VecDeque<Action>,
}

impl Director {
    /// Takes over running nodes.
    pub fn new(children: Children) -> Director {
        let endpoints = children.layout().endpoints();
        Director {
            children,
            workload: Workload::new(endpoints),
            paused: BTreeSet::new(),
            faults: BTreeMap::new(),
            killed: BTreeSet::new(),
            actions: VecDeque::new(),
        }
    }

    /// Carries an order out.
    pub fn obey(&mut self, order: Order) -> Result<(), Failure> {
        let (name, kind, text) = match &order {
            Order::Kill { node } => (node, "kill", format!("{node} was killed (kill -9)")),
            Order::Pause { node } => (node, "pause", format!("{node} was paused (SIGSTOP)")),
            Order::Resume { node } => (node, "resume", format!("{node} went on")),
            Order::Restart { node } => (node, "restart", format!("{node} was started again")),
            Order::Fault { node, kind, text } if text.is_empty() => {
                (node, "heal", format!("{node}: {kind} ended"))
            }
            Order::Fault { node, kind, text } => (node, kind.as_str(), format!("{node} {text}")),
            Order::Begin | Order::End | Order::Healed => return self.obey_all(&order),
        };
        let node = self.number(name)?;
        match &order {
            Order::Kill { .. } => {
                self.children.signal(node, Signal::Kill)?;
                self.killed.insert(node);
                self.forget(node);
            }
            Order::Pause { .. } => {
                self.children.signal(node, Signal::Stop)?;
                self.paused.insert(node);
            }
            Order::Resume { .. } => {
                self.children.signal(node, Signal::Continue)?;
                self.paused.remove(&node);
            }
            Order::Restart { .. } => {
                self.ended();
                if let Some(pid) = self.children.pid(node) {
                    return Err(Failure::usage(format!("n{node} runs as process {pid}")));
                }
                self.children.spawn(node)?;
                self.forget(node);
            }
            Order::Fault { kind, text, .. } => {
                let faults = self.faults.entry(node).or_default();
                if text.is_empty() {
                    faults.remove(kind);
                } else {
                    faults.insert(kind.clone(), text.clone());
                }
            }
            Order::Begin | Order::End | Order::Healed => {}
        }
        let name = name.clone();
        self.log(name, kind.to_owned(), text);
        Ok(())
    }

    fn obey_all(&mut self, order: &Order) -> Result<(), Failure> {
        let (kind, text) = match order {
            Order::Begin => {
                // What was done before it began has no gap of its clients.
                self.close();
                self.workload.begin()?;
                ("workload", "The workload began")
            }
            Order::End => {
                self.workload.end()?;
                ("workload", "The workload ended")
            }
            _ => {
                self.faults.clear();
                ("heal", "All injected faults ended")
            }
        };
        self.log(String::new(), kind.into(), text.into());
        Ok(())
    }

    /// A node's number.
    fn number(&self, name: &str) -> Result<u16, Failure> {
        let number = name.strip_prefix('n').and_then(|number| number.parse().ok());
        let known = number.filter(|number| self.children.layout().numbers().any(|n| n == *number));
        known.ok_or_else(|| Failure::usage(format!("there is no node {name}")))
    }

    /// A process that ends takes its state with it.
    fn forget(&mut self, node: u16) {
        self.paused.remove(&node);
        self.faults.remove(&node);
    }

    /// The last action has had its effect: whatever gap follows is another's.
    fn close(&mut self) {
        let gap_ms = self.workload.mark();
        if let Some(last) = self.actions.back_mut() {
            last.gap_ms = last.gap_ms.max(gap_ms);
        }
    }

    fn log(&mut self, node: String, kind: String, text: String) {
        self.close();
        if self.actions.len() == ACTIONS_MAX {
            self.actions.pop_front();
        }
        let at_ms = ambient::unix_ms();
        self.actions.push_back(Action { at_ms, node, kind, text, gap_ms: None });
    }

    /// Nodes that have ended since the last look, with how; those that nobody ordered are written
    /// down.
    pub fn ended(&mut self) -> Vec<(u16, String)> {
        let ended = self.children.ended();
        for (node, how) in &ended {
            if !self.killed.remove(node) {
                self.forget(*node);
                let text = format!("n{node} ended by itself ({how})");
                self.log(format!("n{node}"), "ended".into(), text);
            }
        }
        ended
    }

    /// What goes on.
    pub fn scene(&self) -> Scene {
        let process = |node: u16| Process {
            node: format!("n{node}"),
            pid: self.children.pid(node).filter(|_| !self.killed.contains(&node)),
            paused: self.paused.contains(&node),
            faults: self.faults.get(&node).into_iter().flat_map(|f| f.values().cloned()).collect(),
        };
        let mut actions: Vec<Action> = self.actions.iter().rev().cloned().collect();
        if let Some(last) = actions.first_mut() {
            last.gap_ms = self.workload.gap_since_mark();
        }
        Scene {
            processes: self.children.layout().numbers().map(process).collect(),
            bench: self.workload.bench(),
            actions,
        }
    }

    /// Ends the workload and gives the processes back.
    pub fn into_children(mut self) -> Children {
        let _ = self.workload.end();
        self.children
    }
}
