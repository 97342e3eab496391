//! The processes of a development cluster.

use std::{fs::OpenOptions, process::Stdio};

use client::{Client, Options};
use kernel::Duration;
use tokio::process::{Child, Command};

use super::Layout;
use crate::{
    ambient,
    exit::Failure,
    signal::{self, Signal},
};

/// Between looks whether a node is ready.
const POLL: Duration = Duration::from_millis(10);

/// Server processes; they end with this one.
#[derive(Debug)]
pub struct Children {
    layout: Layout,
    /// By node, from 1; none where the process has ended.
    slots: Vec<Option<Child>>,
}

impl Children {
    /// Starts every node.
    pub fn start(layout: Layout) -> Result<Children, Failure> {
        let slots = layout.numbers().map(|_| None).collect();
        let mut children = Children { layout, slots };
        for node in children.layout.numbers() {
            children.spawn(node)?;
        }
        Ok(children)
    }

    /// Where the nodes live.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Starts a node that does not run.
    pub fn spawn(&mut self, node: u16) -> Result<(), Failure> {
        let path = self.layout.log(node);
        let log = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(self.layout.arguments(node))
            .args(["--parent", &std::process::id().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            // Ctrl-C on the terminal is for us; we tell the nodes.
            .process_group(0);
        let child = command.spawn()?;
        if let Some(slot) = self.slots.get_mut(usize::from(node - 1)) {
            *slot = Some(child);
        }
        Ok(())
    }

    /// The process id of a node that runs.
    pub fn pid(&self, node: u16) -> Option<u32> {
        self.slots.get(usize::from(node.checked_sub(1)?))?.as_ref()?.id()
    }

    /// Every process id.
    pub fn pids(&self) -> Vec<u32> {
        self.layout.numbers().filter_map(|node| self.pid(node)).collect()
    }

    /// Sends a signal to a node.
    pub fn signal(&self, node: u16, signal: Signal) -> Result<(), Failure> {
        let pid = self.pid(node).ok_or_else(|| Failure::new(format!("n{node} does not run")))?;
        Ok(signal::send(pid, signal)?)
    }

    /// Kills a node as a crash would and waits until it is gone.
    pub async fn kill(&mut self, node: u16) -> Result<(), Failure> {
        self.signal(node, Signal::Kill)?;
        if let Some(child) = self.slots[usize::from(node - 1)].as_mut() {
            child.wait().await?;
        }
        self.slots[usize::from(node - 1)] = None;
        Ok(())
    }

    /// Nodes whose process has ended since the last look, with how.
    pub fn ended(&mut self) -> Vec<(u16, String)> {
        let mut ended = Vec::new();
        for (node, slot) in (1..).zip(&mut self.slots) {
            if let Some(child) = slot
                && let Ok(Some(status)) = child.try_wait()
            {
                ended.push((node, status.to_string()));
                *slot = None;
            }
        }
        ended
    }

    /// Waits until every node serves, or one of them has ended.
    pub async fn ready(&mut self, patience: Duration) -> Result<(), Failure> {
        let deadline = ambient::now() + patience;
        for node in self.layout.numbers() {
            let options =
                Options { retry: false, timeout: Duration::from_secs(1), ..Options::default() };
            let client = Client::new([self.layout.http(node)], options);
            while let Err(error) = client.control().ready().await {
                if let Some((ended, how)) = self.ended().into_iter().next() {
                    return Err(self.explain(ended, &how));
                }
                if ambient::now() > deadline {
                    let text = format!("n{node} is not ready in time: {error}");
                    return Err(Failure::unavailable(text));
                }
                ambient::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// Why a node ended: the last lines of its log.
    fn explain(&self, node: u16, how: &str) -> Failure {
        let path = self.layout.log(node);
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        let tail: Vec<&str> = lines.into_iter().rev().collect();
        Failure::new(format!("n{node} ended ({how}); {}:\n{}", path.display(), tail.join("\n")))
    }

    /// Asks every node to end and waits; kills those that take too long.
    pub async fn stop(&mut self, patience: Duration) {
        for pid in self.pids() {
            // A stopped process could not hear the request.
            let _ = signal::send(pid, Signal::Continue);
            let _ = signal::send(pid, Signal::Term);
        }
        let deadline = ambient::now() + patience;
        for child in self.slots.iter_mut().flatten() {
            let left = deadline.saturating_duration_since(ambient::now());
            if ambient::within(left, child.wait()).await.is_none() {
                let _ = child.kill().await;
            }
        }
        self.slots.iter_mut().for_each(|slot| *slot = None);
    }
}
