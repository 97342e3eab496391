//! Evidence of a run: a running hash of everything that happens, and its last events.
//!
//! The hash is the proof of determinism: the same seed must give the same number, in one
//! process or in two. The recorder is for people: it keeps the last events for the report and
//! costs nothing while it is off.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use kernel::{Instant, NodeId, Ticket, TimerId};

/// A running 64-bit hash. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    hash: u64,
    words: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { hash: 0x243f_6a88_85a3_08d3, words: 0 }
    }
}

impl Trace {
    /// Adds a word; the order of words matters.
    #[inline]
    pub fn add(&mut self, word: u64) {
        self.hash = fold(self.hash.rotate_left(23) ^ word, 0x9e37_79b9_7f4a_7c15);
        self.words += 1;
    }

    /// The hash of all words so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        fold(self.hash ^ self.words, 0xd6e8_feb8_6659_fd93)
    }
}

/// Multiplies to 128 bits and folds the halves: one multiplication mixes all bits.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ 0x1319_8a2e_0370_7344) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// A hash of some bytes.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
        hash = fold(hash.rotate_left(23) ^ word, 0x9e37_79b9_7f4a_7c15);
    }
    let rest = chunks.remainder().iter().fold(1u64, |word, byte| (word << 8) | u64::from(*byte));
    fold(hash.rotate_left(23) ^ rest, 0xd6e8_feb8_6659_fd93)
}

/// Why a frame did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lost {
    /// The link was cut.
    Cut,
    /// Chance.
    Loss,
    /// The link's queue was full.
    Queue,
    /// Nobody runs at the other end.
    Down,
    /// The paused receiver's inbox was full.
    Inbox,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A frame left for a peer; `frame` names it.
    Sent {
        /// The receiver.
        to: NodeId,
        /// Number of the frame in this run.
        frame: u64,
        /// The content.
        bytes: Bytes,
    },
    /// A frame was given to the machine.
    Delivered {
        /// The sender.
        from: NodeId,
        /// Number of the frame in this run.
        frame: u64,
    },
    /// A frame was lost on its way to this node.
    Dropped {
        /// The sender.
        from: NodeId,
        /// Number of the frame in this run.
        frame: u64,
        /// Why.
        why: Lost,
    },
    /// A timer fired.
    Timer(TimerId),
    /// Work was done.
    Done(u64),
    /// A client's request was given to the machine.
    Request(Ticket),
    /// The machine answered a client.
    Reply(Ticket),
    /// The node started; how often before.
    Booted(u64),
    /// The node refused to start, or stopped itself.
    Halted(String),
    /// The process died; with `power` its unsynced writes, too.
    Crashed {
        /// Whether the whole machine lost power.
        power: bool,
    },
    /// The disk was emptied.
    Wiped,
    /// The process was stopped.
    Paused,
    /// The process goes on.
    Resumed,
    /// A fault struck. The node is [`NodeId::NONE`] where it concerns several.
    Injected {
        /// What.
        fault: String,
        /// Whether it goes on until it is healed.
        lasting: bool,
    },
    /// A fault ended.
    Healed(String),
    /// The machine's own log.
    Log(String),
    /// The caller says what the node is from now on, such as "leader term 3".
    Role(String),
    /// The caller says what a part of the node knows from now on.
    State(State),
    /// The caller points at something.
    Mark(String),
}

/// What a part of a node knows, for the table of states at the cursor of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which part, such as a shard; empty if the node has one.
    pub of: String,
    /// Names and values, always the same names.
    pub facts: Vec<(&'static str, String)>,
}

/// When, where and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// True time.
    pub at: Instant,
    /// Where; [`NodeId::NONE`] is the world.
    pub node: NodeId,
    /// What.
    pub what: What,
}

/// The last events of a run.
#[derive(Clone, Debug)]
pub struct Recorder {
    last: VecDeque<Record>,
    capacity: usize,
    forgotten: u64,
    /// The last role of each node that was forgotten.
    roles: BTreeMap<NodeId, String>,
    /// The last states that were forgotten, by node and part.
    states: BTreeMap<(NodeId, String), State>,
    /// The newest role and states: what does not change them is not kept.
    newest: BTreeMap<(NodeId, Option<String>), What>,
}

impl Recorder {
    /// Keeps the last `capacity` events.
    #[must_use]
    pub fn new(capacity: usize) -> Recorder {
        Recorder {
            last: VecDeque::new(),
            capacity: capacity.max(1),
            forgotten: 0,
            roles: BTreeMap::new(),
            states: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }

    /// Adds an event and forgets the oldest if there are too many. Roles and states that were said
    /// before are no events.
    pub fn add(&mut self, record: Record) {
        let part = match &record.what {
            What::Role(_) => Some(None),
            What::State(state) => Some(Some(state.of.clone())),
            _ => None,
        };
        if let Some(part) = part {
            let before = self.newest.insert((record.node, part), record.what.clone());
            if before.as_ref() == Some(&record.what) {
                return;
            }
        }
        if self.last.len() == self.capacity {
            self.forget();
        }
        self.last.push_back(record);
    }

    fn forget(&mut self) {
        self.forgotten += 1;
        match self.last.pop_front() {
            Some(Record { node, what: What::Role(role), .. }) => {
                self.roles.insert(node, role);
            }
            Some(Record { node, what: What::State(state), .. }) => {
                self.states.insert((node, state.of.clone()), state);
            }
            _ => {}
        }
    }

    /// What the parts of nodes knew before the oldest event that is still known.
    pub fn states_before(&self) -> impl Iterator<Item = (NodeId, &State)> {
        self.states.iter().map(|((node, _), state)| (*node, state))
    }

    /// What a node was before the oldest event that is still known.
    #[must_use]
    pub fn role_before(&self, node: NodeId) -> Option<&str> {
        self.roles.get(&node).map(String::as_str)
    }

    /// The events that are still known, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.last.iter()
    }

    /// How many older events were forgotten.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(words: &[u64]) -> u64 {
        let mut trace = Trace::default();
        words.iter().for_each(|word| trace.add(*word));
        trace.hash()
    }

    #[test]
    fn order_and_number_of_words_matter() {
        assert_eq!(hash(&[1, 2]), hash(&[1, 2]));
        assert_ne!(hash(&[1, 2]), hash(&[2, 1]));
        assert_ne!(hash(&[0]), hash(&[0, 0]));
        assert_ne!(hash(&[]), hash(&[0]));
    }

    #[test]
    fn every_bit_and_the_length_of_bytes_matter() {
        let bytes = *b"seventeen bytes!!";
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(hash_bytes(&bytes), hash_bytes(&other), "bit {bit}");
        }
        assert_ne!(hash_bytes(&[0; 8]), hash_bytes(&[0; 9]));
        assert_ne!(hash_bytes(b""), hash_bytes(&[0]));
    }

    #[test]
    fn the_recorder_keeps_the_newest() {
        let mut recorder = Recorder::new(3);
        for at in 0..5 {
            recorder.add(Record { at: Instant(at), node: NodeId(1), what: What::Done(at) });
        }
        assert_eq!(recorder.iter().map(|r| r.at.0).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(recorder.forgotten(), 2);
        recorder.add(Record { at: Instant(5), node: NodeId(1), what: What::Role("leader".into()) });
        assert_eq!(recorder.role_before(NodeId(1)), None);
        for at in 6..9 {
            recorder.add(Record { at: Instant(at), node: NodeId(1), what: What::Done(at) });
        }
        assert_eq!(recorder.role_before(NodeId(1)), Some("leader"));
    }

    #[test]
    fn states_are_events_only_when_they_change_and_outlive_being_forgotten() {
        let mut recorder = Recorder::new(2);
        let mut say = |of: &str, term: &str| {
            let state = State { of: of.into(), facts: vec![("term", term.into())] };
            recorder.add(Record { at: Instant(1), node: NodeId(1), what: What::State(state) });
        };
        for (of, term) in [("s1", "1"), ("s1", "1"), ("s2", "1"), ("s1", "2"), ("s1", "3")] {
            say(of, term);
        }
        assert_eq!((recorder.iter().count(), recorder.forgotten()), (2, 2));
        let before: Vec<&str> = recorder.states_before().map(|(_, s)| s.of.as_str()).collect();
        assert_eq!(before, ["s1", "s2"]);
    }
}
