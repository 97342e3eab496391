//! Nodes that move only when told to: messages wait on their links, writes wait on their disks,
//! time stands still. What the scripts and the paper's tests are played on.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use kernel::{Event, Instant, NodeId, Rng, Ticket, TimerId, Token};
use raft::{Body, Config, Entry, Membership, Message, Out, Raft, Record};

use crate::{
    node::{Deed, Node},
    show,
};

pub const ELECTION: TimerId = TimerId(0);
pub const HEARTBEAT: TimerId = TimerId(1);

pub struct Stage {
    pub nodes: BTreeMap<NodeId, Node>,
    pub now: Instant,
    /// Sent and not delivered, oldest first.
    pub wire: VecDeque<(NodeId, NodeId, Message)>,
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    /// Nodes whose writes wait to be told.
    pub held: BTreeSet<NodeId>,
    writes: VecDeque<(NodeId, Token)>,
    pub committed: BTreeMap<NodeId, Vec<Entry>>,
    pub reads: Vec<(Ticket, Option<u64>)>,
    /// What happened since it was last taken.
    pub lines: Vec<String>,
    tune: Box<dyn Fn(&mut Config)>,
    seen: BTreeMap<NodeId, usize>,
}

impl Stage {
    /// Founders 1..=`voters`, not started.
    pub fn new(voters: u64, tune: impl Fn(&mut Config) + 'static) -> Stage {
        let mut stage = Stage {
            nodes: BTreeMap::new(),
            now: Instant(1_000_000_000),
            wire: VecDeque::new(),
            cuts: BTreeSet::new(),
            held: BTreeSet::new(),
            writes: VecDeque::new(),
            committed: BTreeMap::new(),
            reads: Vec::new(),
            lines: Vec::new(),
            tune: Box::new(tune),
            seen: BTreeMap::new(),
        };
        let founders = Membership::new((1..=voters).map(NodeId), []);
        (1..=voters).for_each(|id| stage.add(NodeId(id), &founders));
        stage
    }

    /// A started group whose first leader is node 1.
    pub fn led(voters: u64, tune: impl Fn(&mut Config) + 'static) -> Stage {
        let mut stage = Stage::new(voters, tune);
        stage.start_all();
        stage.campaign(NodeId(1));
        stage.settle();
        stage.lines.clear();
        stage
    }

    pub fn add(&mut self, id: NodeId, founders: &Membership) {
        let mut config = Config::new(id);
        (self.tune)(&mut config);
        self.nodes.insert(id, Node::new(config, founders));
    }

    /// Gives a node that has not started a log of these terms.
    pub fn give_log(&mut self, id: NodeId, terms: &[u64]) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        for (index, term) in (1..).zip(terms) {
            let data = Bytes::from(format!("{index}of{term}"));
            let entries = vec![Entry::command(index, *term, data)];
            node.durable.replay(Record::Append { entries });
        }
    }

    pub fn give_term(&mut self, id: NodeId, term: u64, vote: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.durable.replay(Record::HardState { term, vote });
        }
    }

    pub fn raft(&self, id: NodeId) -> &Raft {
        self.nodes[&id].raft.as_ref().expect("the node is up")
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub fn start(&mut self, id: NodeId) {
        let now = self.now;
        self.seen.insert(id, self.nodes[&id].notes.len());
        self.act(id, |node| node.start(now, Rng::new(id.0)));
    }

    pub fn start_all(&mut self) {
        self.ids().into_iter().for_each(|id| self.start(id));
    }

    pub fn crash(&mut self, id: NodeId) {
        self.writes.retain(|(node, _)| *node != id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.crash(|_| 0);
        }
    }

    pub fn handle(&mut self, id: NodeId, event: Event<Message, raft::Request>) {
        let now = self.now;
        self.act(id, |node| node.handle(now, event));
    }

    pub fn call<T>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut Raft, kernel::Now, &mut Out) -> T,
    ) -> T {
        let now = self.now;
        let mut answer = None;
        self.act(id, |node| {
            let (value, deeds) = node.call(now, call).expect("the node is up");
            answer = Some(value);
            deeds
        });
        answer.expect("it was called")
    }

    /// A message from somebody, perhaps from nobody on the stage.
    pub fn send(&mut self, from: u64, to: NodeId, term: u64, body: Body) {
        let message = Message { term, body: Some(body) };
        self.handle(to, Event::Message { from: NodeId(from), message });
    }

    pub fn advance(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// The node's patience ends, by its own clock.
    pub fn campaign(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.ahead += Duration::from_millis(500);
        }
        self.handle(id, Event::Timer(ELECTION));
    }

    /// The leader's regular round.
    pub fn heartbeat(&mut self, id: NodeId) {
        self.advance(Duration::from_millis(50));
        self.handle(id, Event::Timer(HEARTBEAT));
    }

    pub fn propose(&mut self, id: NodeId, data: &str) -> Result<(u64, u64), raft::Refusal> {
        let data = Bytes::from(data.to_owned());
        self.call(id, |raft, now, _| raft.propose(now, data))
    }

    /// Delivers the oldest message that `wanted` names; false if there is none.
    pub fn deliver_one(&mut self, wanted: impl Fn(NodeId, NodeId) -> bool) -> bool {
        let at = self.wire.iter().position(|(from, to, _)| wanted(*from, *to));
        let Some((from, to, message)) = at.and_then(|at| self.wire.remove(at)) else {
            return false;
        };
        self.handle(to, Event::Message { from, message });
        true
    }

    /// Delivers everything, and what comes of it, until nothing moves.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.deliver_one(|_, _| true) {
                return;
            }
        }
        panic!("the messages never end");
    }

    /// The disk of a node finishes its writes, or refuses them.
    pub fn write(&mut self, id: NodeId, well: bool) {
        let (now, mine): (_, Vec<Token>) = (
            self.now,
            self.writes.iter().filter(|(node, _)| *node == id).map(|(_, token)| *token).collect(),
        );
        self.writes.retain(|(node, _)| *node != id);
        for token in mine {
            self.act(id, |node| match well {
                true => node.written(now, token),
                false => node.failed(now, token),
            });
        }
    }

    fn act(&mut self, id: NodeId, deed: impl FnOnce(&mut Node) -> Vec<Deed>) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let deeds = deed(node);
        let seen = self.seen.entry(id).or_default();
        for note in &node.notes[*seen..] {
            self.lines.push(format!("{id} {note:?}"));
        }
        *seen = node.notes.len();
        deeds.into_iter().for_each(|deed| self.carry_out(id, deed));
    }

    fn carry_out(&mut self, id: NodeId, deed: Deed) {
        match deed {
            Deed::Send { to, message } => {
                let cut = self.cuts.contains(&(id, to));
                let lost = if cut { " (lost)" } else { "" };
                self.lines.push(format!("{id} → {to} {}{lost}", show::message(&message)));
                if !cut {
                    self.wire.push_back((id, to, message));
                }
            }
            Deed::Persist { token, records } => {
                let text: Vec<_> = records.iter().map(show::record).collect();
                self.lines.push(format!("{id} writes {}", text.join("; ")));
                self.writes.push_back((id, token));
                if !self.held.contains(&id) {
                    self.write(id, true);
                }
            }
            Deed::Committed { entries } => {
                self.lines.push(format!("{id} commits {}", show::entries(&entries)));
                self.committed.entry(id).or_default().extend(entries);
            }
            Deed::Read { ticket, index } => {
                self.lines.push(match index {
                    Some(index) => format!("{id} read {} at {index}", ticket.0),
                    None => format!("{id} read {} failed", ticket.0),
                });
                self.reads.push((ticket, index));
            }
            Deed::Halted { text } => self.lines.push(format!("{id} HALTS: {text}")),
            Deed::Timer { .. } => {}
        }
    }
}
