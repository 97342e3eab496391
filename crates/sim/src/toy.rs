//! The smallest complete machine: a counter with a primary, backups and a disk.
//!
//! ```text
//!   client ──Add──▶ n1 (primary) ──state──▶ n2 … (backups)
//!                    │ write, sync            │ write, sync
//!                    ◀──────── ack ───────────┘
//!          ◀─value── once a majority has synced it
//! ```
//!
//! It is here to be read by whoever hosts a system in the simulator, and to be run by the
//! simulator's own tests. There is no election: the first node is the primary for ever, and a
//! wiped primary forgets. The whole state is one record, so every message is self-contained and
//! the heartbeat is the retransmission.

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::{Duration, NodeId, Now, Ticket, TimerId, disk::Disk, wire};

use crate::{
    disk::{SECTOR, SimDisk},
    machine::{Action, Boot, Factory, Input, Machine, Work},
};

const HEARTBEAT: TimerId = TimerId(1);
const EVERY: Duration = Duration::from_millis(50);
const FILE: &str = "counter";
const PRIMARY: NodeId = NodeId(1);

/// The state of the counter after its `seq`-th change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    seq: u64,
    value: u64,
}

impl State {
    fn to_bytes(self) -> Vec<u8> {
        let words = [self.seq.to_le_bytes(), self.value.to_le_bytes()];
        wire::seal(1, 1, &words.concat())
    }

    fn from_bytes(bytes: &[u8]) -> Option<State> {
        let (_, body) = wire::unseal(1, 1, bytes).ok()?;
        let (seq, value) = (body.first_chunk()?, body.last_chunk()?);
        Some(State { seq: u64::from_le_bytes(*seq), value: u64::from_le_bytes(*value) })
    }
}

/// Adds to the counter; add zero to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add(pub u64);

/// What the counter answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The value after the change.
    Is(u64),
    /// Ask the first node.
    NotPrimary,
}

/// One node of the counter.
#[derive(Debug)]
pub struct Counter {
    node: NodeId,
    nodes: u64,
    disk: SimDisk,
    now: State,
    synced: State,
    acked: BTreeMap<NodeId, u64>,
    waiting: BTreeMap<u64, (Ticket, u64)>,
}

/// Makes counters.
#[derive(Clone, Debug)]
pub struct Counters {
    /// How many nodes there are.
    pub nodes: u64,
}

impl Factory for Counters {
    type Machine = Counter;

    fn boot(&mut self, boot: Boot) -> Result<Counter, String> {
        let mut disk = boot.disk;
        if disk.list().map_err(|e| e.to_string())?.is_empty() {
            disk.create(FILE, 2 * SECTOR as u64).map_err(|e| e.to_string())?;
        }
        // Two slots are written in turn, so that a torn write harms the newer state only.
        let slot = |index: u64| {
            let mut bytes = State::default().to_bytes();
            let read = disk.read(FILE, index * SECTOR as u64, &mut bytes);
            read.map(|()| State::from_bytes(&bytes)).map_err(|error| error.to_string())
        };
        let now = slot(0)?.max(slot(1)?).unwrap_or_default();
        Ok(Counter {
            node: boot.node,
            nodes: self.nodes,
            disk,
            now,
            synced: now,
            acked: BTreeMap::new(),
            waiting: BTreeMap::new(),
        })
    }
}

type Actions = Vec<Action<Value>>;

impl Machine for Counter {
    type Request = Add;
    type Reply = Value;

    fn handle(&mut self, now: Now, input: Input<Add>, out: &mut Actions) {
        match input {
            Input::Start | Input::Timer(_) => {
                if self.node == PRIMARY {
                    self.replicate(out);
                    out.push(Action::SetTimer { timer: HEARTBEAT, at: now.instant + EVERY });
                }
            }
            Input::Frame { from, bytes } if self.node == PRIMARY => {
                if let Some(state) = State::from_bytes(&bytes) {
                    self.acknowledged(from, state.seq, out);
                }
            }
            Input::Frame { bytes, .. } => match State::from_bytes(&bytes) {
                Some(state) if state > self.now => {
                    self.now = state;
                    self.save(out);
                }
                Some(_) => self.send(PRIMARY, self.synced, out),
                None => out.push(Action::Log("a frame that is no state".to_owned())),
            },
            Input::Request { ticket, .. } if self.node != PRIMARY => {
                out.push(Action::Reply { ticket, reply: Value::NotPrimary });
            }
            Input::Request { ticket, request: Add(by) } => {
                let State { seq, value } = self.now;
                self.now = State { seq: seq + 1, value: value.wrapping_add(by) };
                self.waiting.insert(self.now.seq, (ticket, self.now.value));
                self.save(out);
            }
            Input::Done(seq) => match self.disk.sync(FILE) {
                Err(error) => out.push(Action::Halt(error.to_string())),
                Ok(()) if seq == self.now.seq => {
                    self.synced = self.now;
                    match self.node {
                        PRIMARY => self.replicate(out),
                        _ => self.send(PRIMARY, self.synced, out),
                    }
                    self.acknowledged(self.node, self.synced.seq, out);
                }
                Ok(()) => {}
            },
        }
    }

    fn settle(&mut self, _: Now, _: &mut Actions) {}

    fn state_hash(&self) -> u64 {
        crate::audit::hash_bytes(&self.now.to_bytes())
    }
}

impl Counter {
    /// The value that this node holds, perhaps not yet durable.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.now.value
    }

    fn save(&mut self, out: &mut Actions) {
        let slot = self.now.seq % 2 * SECTOR as u64;
        match self.disk.write(FILE, slot, &self.now.to_bytes()) {
            Err(error) => out.push(Action::Halt(error.to_string())),
            Ok(()) => out.push(Action::Work { id: self.now.seq, kind: Work::DiskSync, bytes: 24 }),
        }
    }

    fn replicate(&self, out: &mut Actions) {
        for node in (1..=self.nodes).map(NodeId).filter(|node| *node != self.node) {
            self.send(node, self.synced, out);
        }
    }

    fn send(&self, to: NodeId, state: State, out: &mut Actions) {
        out.push(Action::Send { to, bytes: Bytes::from(state.to_bytes()) });
    }

    /// Answers every request whose change a majority has synced.
    fn acknowledged(&mut self, by: NodeId, seq: u64, out: &mut Actions) {
        let known = self.acked.entry(by).or_default();
        *known = seq.max(*known);
        let mut acked: Vec<u64> = self.acked.values().copied().collect();
        acked.sort_unstable_by(|a, b| b.cmp(a));
        let Some(durable) = acked.get(self.nodes as usize / 2).copied() else { return };
        while let Some(entry) = self.waiting.first_entry().filter(|e| *e.key() <= durable) {
            let (ticket, value) = entry.remove();
            out.push(Action::Reply { ticket, reply: Value::Is(value) });
        }
    }
}
