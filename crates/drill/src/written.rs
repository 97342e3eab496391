//! What was ever written to one journal: nothing else may come back from it.
//!
//! A crash may take the end away, and damage may take anything away; but what a journal gives
//! back, somebody wrote. Records are known by a hash, and live as long as the run.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

use kernel::ShardId;
use sim::audit::hash_bytes;
use store::Record;

/// The records of one node's journal, over all its lives.
#[derive(Clone, Default)]
pub struct Written {
    records: Rc<RefCell<HashSet<u64>>>,
    removed: Rc<RefCell<BTreeSet<ShardId>>>,
}

impl Written {
    /// These go to the journal.
    pub fn add(&self, records: &[Record]) {
        self.records.borrow_mut().extend(records.iter().map(name));
    }

    /// The first record that was never written.
    #[must_use]
    pub fn stranger<'a>(&self, records: &'a [Record]) -> Option<&'a Record> {
        let written = self.records.borrow();
        records.iter().find(|record| !written.contains(&name(record)))
    }

    /// It is durable that the replica of this shard was dropped.
    pub fn dropped(&self, shard: ShardId) {
        self.removed.borrow_mut().insert(shard);
    }

    /// Whether a replica of this shard was ever dropped, and that was durable.
    #[must_use]
    pub fn has_dropped(&self, shard: ShardId) -> bool {
        self.removed.borrow().contains(&shard)
    }
}

/// Without the span, of which a later record may have taken the end away.
fn name(record: &Record) -> u64 {
    hash_bytes(&record.body) ^ record.shard.0.rotate_left(32) ^ (record.kind as u64) << 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::RecordKind;

    #[test]
    fn what_was_written_is_known_and_nothing_else() {
        let record = |shard, kind, body: &'static str| Record {
            shard: ShardId(shard),
            kind,
            span: None,
            body: body.into(),
        };
        let (written, kind) = (Written::default(), RecordKind::Append);
        written.add(&[record(1, kind, "one"), record(2, kind, "two")]);
        assert_eq!(written.stranger(&[record(2, kind, "two"), record(1, kind, "one")]), None);
        let strangers =
            [record(1, kind, "two"), record(1, RecordKind::State, "one"), record(1, kind, "one\0")];
        for stranger in strangers {
            assert_eq!(written.stranger(std::slice::from_ref(&stranger)), Some(&stranger));
        }
    }
}
