//! One of three, with logs in every state.

use alloc::collections::BTreeSet;

use raft::Entry;
use store::{
    MemEngine,
    journal::{Damage, Lsn, RecordKind, Span, Tail},
};

use super::*;

const ME: NodeId = NodeId(3);

/// What a founder of three writes first, then three entries.
fn log(shard: u64, group: &Membership) -> Vec<journal::Record> {
    let meta = raft::SnapshotMeta { membership: group.clone(), ..raft::SnapshotMeta::default() };
    let entry = |index| {
        let command = Command::own(Timestamp(index * 10), Do::Fence(true));
        Entry::command(index, 4, command.encode_to_vec().into())
    };
    let records = [
        raft::Record::Snapshot { meta: meta.into() },
        raft::Record::HardState { term: 6, vote: NodeId(1) },
        raft::Record::Append { entries: (1..=3).map(entry).collect() },
    ];
    let hard = (6, NodeId(1));
    records.iter().map(|r| record::of(ShardId(shard), hard, Standing::Sound, r)).collect()
}

fn three() -> Membership {
    Membership::new([1, 2, 3].map(NodeId), [])
}

fn journal(records: Vec<journal::Record>) -> Recovery {
    Recovery {
        shards: records.iter().map(|record| record.shard).collect(),
        records,
        tail: Tail::Clean,
        damage: Vec::new(),
        suspects: BTreeSet::new(),
    }
}

fn damage(shard: u64, kind: RecordKind, span: Option<Span>) -> Damage {
    let (shard, kind) = (Some(ShardId(shard)), Some(kind));
    Damage { at: 6, segment: 1, offset: 0, first: Lsn(1), last: Lsn(1), shard, kind, span }
}

fn planned(journal: &Recovery) -> Plan {
    recover(ME, false, journal, &mut MemEngine::new(), Incarnation(2)).unwrap()
}

fn whys(plan: &Plan) -> Vec<(u64, Why)> {
    plan.left.iter().map(|left| (left.shard.0, left.why)).collect()
}

#[test]
fn every_sound_replica_becomes_its_group_behind_all_that_it_holds() {
    let mut found = journal([log(1, &three()), log(2, &three())].concat());
    let plan = planned(&found);
    let kept: Vec<_> = plan.kept.iter().map(|k| (k.shard.0, k.index, k.term)).collect();
    assert_eq!((kept, plan.alone), (alloc::vec![(1, 3, 4), (2, 3, 4)], false));
    assert!(plan.left.is_empty());

    found.records.extend(plan.records);
    for (id, log) in open::logs(&found) {
        let start = open::remembered(false, false, &log);
        assert_eq!((start.end().term, start.end().membership), (7, Membership::new([ME], [])));
        let acts = start.entries.iter().filter_map(|e| Command::decode(e.data.clone()).ok());
        let cut = acts.filter(|command| command.act == Some(Do::Sever(2))).map(|c| c.timestamp);
        assert_eq!(cut.collect::<Vec<_>>(), [30], "{id}: time does not go back");
    }
    assert!(planned(&found).alone, "and there is nothing to force any more");
}

#[test]
fn what_cannot_go_on_is_named_with_the_reason() {
    let pair = Membership::new([1, 2].map(NodeId), []);
    let records = [log(1, &three()), log(2, &three()), log(3, &three()), log(4, &pair)].concat();
    let mut found = journal(records);
    let span = Span { first: 2, last: 3, term: 4 };
    found.damage =
        alloc::vec![damage(2, RecordKind::Append, Some(span)), damage(3, RecordKind::State, None),];
    let plan = planned(&found);
    assert_eq!(whys(&plan), [(2, Why::Damaged(2)), (3, Why::Forgetful), (4, Why::Outside)]);
    assert_eq!(plan.kept.len(), 1);
    assert!(plan.records.iter().all(|record| record.shard == CATALOG));
}

#[test]
fn a_node_that_holds_no_catalog_recovers_nothing() {
    assert_eq!(whys(&planned(&journal(log(2, &three())))), [(1, Why::Absent)]);
    let mut wiped = journal(log(1, &three()));
    wiped.records.retain(|record| record.kind != RecordKind::State);
    let plan = recover(ME, true, &wiped, &mut MemEngine::new(), Incarnation(2)).unwrap();
    assert_eq!(whys(&plan), [(1, Why::Forgetful)]);
}
