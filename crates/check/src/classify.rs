//! What a key holds, from what is done to it.

use std::collections::BTreeMap;

use crate::history::{Action, History, Seen, ValueId};

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holds {
    Register,
    Counter,
    Set,
    List,
    /// A keyspace with etcd's model.
    Keyspace,
    /// Writes and additions, or appends, to one key.
    Mixed,
}

/// What was done to a key.
#[derive(Clone, Copy, Default)]
struct Done {
    writes: bool,
    adds: bool,
    appends: bool,
    reads_list: bool,
    reads_zero: bool,
    adds_other: bool,
    asks: bool,
}

impl Done {
    fn note(&mut self, history: &History, action: Action) {
        match action {
            Action::Write(_) | Action::Cas(..) => self.writes = true,
            Action::Append(_) => self.appends = true,
            Action::Read(Seen::List(_)) => self.reads_list = true,
            Action::Read(Seen::Value(value)) => {
                self.reads_zero |= history.values.int(value) == Some(0);
            }
            Action::Add(value, _) => {
                self.adds = true;
                self.adds_other |= history.values.int(value).is_none();
            }
            Action::Etcd(_) => self.asks = true,
            Action::Read(_) | Action::Txn(_) => {}
        }
    }

    /// `None` for a key that is only read, and not as a list.
    fn holds(self) -> Option<Holds> {
        match (self.writes, self.adds, self.appends) {
            (false, false, false) if self.asks => Some(Holds::Keyspace),
            _ if self.asks => Some(Holds::Mixed),
            (true, false, false) => Some(Holds::Register),
            (false, true, false) if self.reads_list || self.adds_other => Some(Holds::Set),
            (false, true, false) => Some(Holds::Counter),
            (false, false, true) => Some(Holds::List),
            (false, false, false) => None,
            _ => Some(Holds::Mixed),
        }
    }
}

/// The operations of each key (by index, transactions apart), and what the keys hold.
pub(crate) struct Keys {
    pub ops: BTreeMap<ValueId, Vec<usize>>,
    pub holds: BTreeMap<ValueId, Holds>,
    /// Transactions of several parts.
    pub transactions: Vec<usize>,
}

/// Groups a history by key.
pub(crate) fn keys(history: &History) -> Keys {
    let mut ops: BTreeMap<ValueId, Vec<usize>> = BTreeMap::new();
    let mut done: BTreeMap<ValueId, Done> = BTreeMap::new();
    let mut transactions = Vec::new();
    for (index, op) in history.ops.iter().enumerate() {
        if let Action::Txn(span) = op.action {
            transactions.push(index);
            for part in history.parts(span) {
                done.entry(part.key).or_default().note(history, part.action);
            }
            continue;
        }
        ops.entry(op.key).or_default().push(index);
        done.entry(op.key).or_default().note(history, op.action);
    }
    let mut holds: BTreeMap<ValueId, Holds> =
        done.iter().filter_map(|(&key, done)| Some((key, done.holds()?))).collect();
    // A key that is only read is taken for what most others are, unless what it shows tells: what
    // nobody touched is null in a register, 0 in a counter and empty in a set.
    let mut count: BTreeMap<Holds, usize> = BTreeMap::new();
    let data = holds.values().filter(|&&holds| holds != Holds::Keyspace);
    data.for_each(|&holds| *count.entry(holds).or_default() += 1);
    let counters = count.contains_key(&Holds::Counter);
    let usual = count.into_iter().max_by_key(|&(_, count)| count);
    let usual = usual.map_or(Holds::Register, |(holds, _)| holds);
    for (&key, done) in &done {
        let lone = match usual {
            Holds::Register if done.reads_list => Holds::Set,
            Holds::Register if done.reads_zero && counters => Holds::Counter,
            usual => usual,
        };
        holds.entry(key).or_insert(lone);
    }
    Keys { ops, holds, transactions }
}
