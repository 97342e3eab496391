//! A replica that is dropped, and a node that comes back after that.

use alloc::collections::BTreeSet;

use bytes::Bytes;
use contract::{Contract, Program};
use kernel::{
    ClusterId, Effect, Event, Incarnation, Now, Process, Token, Version, process::EffectsOf,
};
use prost::Message as _;
use store::{
    Batch, MemEngine, Record, RecordKind,
    engine::Read,
    mvcc::{Pending, Table},
};

use super::{super::UPKEEP, *};
use crate::{
    Envelope,
    catalog::{CatalogCommand, Change, ContractWire, Create, MemberWire, Move, apply},
    message::{Body, ReplicaReport, Report},
};

const SHARD: ShardId = ShardId(2);

fn member(node: u64) -> Member {
    let address = alloc::format!("n{node}:7170");
    Member { node: NodeId(node), peer: address.clone(), http: address, ..Member::default() }
}

/// An engine whose catalog says that nodes 1, 2 and 3 founded a shard, and then these changes.
fn engine(later: &[Change]) -> MemEngine {
    let mut engine = MemEngine::new();
    let contract = Contract { replicas: 3, ..Contract::new(Program::Kv) };
    let contract = Some(ContractWire::from(&contract));
    let members = (1..=4).map(|node| Change::AddMember(MemberWire::from(&member(node))));
    let create = Change::Create(Create { name: "a".into(), contract });
    for (change, index) in members.chain([create]).chain(later.iter().cloned()).zip(1..) {
        let command = CatalogCommand::from(change).encode_to_vec().into();
        let mut pending = Pending::new(&engine, Space::new(CATALOG, 0), false, 0);
        apply(&command, &mut pending.view(Version { index, ..Version::default() })).unwrap();
        let batch = pending.into_batch();
        engine.write(batch).unwrap();
    }
    engine
}

/// Node 1 on this engine; its journal has these records, and dead ones of these shards.
fn open(engine: MemEngine, records: Vec<Record>, dead: &[ShardId]) -> Database<MemEngine> {
    let identity =
        Identity { node: NodeId(1), cluster: ClusterId(1), incarnation: Incarnation(1), pid: 0 };
    let boot = Boot { mode: Mode::Bootstrap, members: (1..=4).map(member).collect() };
    let journal = Recovery {
        shards: records.iter().map(|record| record.shard).chain(dead.iter().copied()).collect(),
        records,
        tail: journal::Tail::Clean,
        damage: Vec::new(),
        suspects: BTreeSet::new(),
    };
    let (settings, rng) = (Settings::default(), Rng::new(1));
    Database::open(settings, identity, member(1), boot, &journal, engine, rng).unwrap()
}

fn held(db: &Database<MemEngine>) -> usize {
    db.engine().scan(Space::new(SHARD, 0).range()).count()
}

#[test]
fn a_replica_that_was_dropped_does_not_found_its_shard_again() {
    let standing = |dead: &[ShardId]| {
        let db = open(engine(&[]), Vec::new(), dead);
        db.shards[&SHARD].raft.status().standing
    };
    assert_eq!(standing(&[]), Standing::Sound, "a founder that has just heard of the shard");
    assert_eq!(standing(&[ShardId(3)]), Standing::Sound);
    assert_eq!(standing(&[SHARD]), Standing::Amnesiac, "the catalog here is older than that");
}

/// A record of one entry.
fn appended(index: u64) -> Record {
    let entries = alloc::vec![raft::Entry::empty(index, 1)];
    let span = Some(Span { first: index, last: index, term: 1 });
    let body = raft::Record::Append { entries }.encode();
    Record { shard: SHARD, kind: RecordKind::Append, span, body }
}

/// Damage that the journal does not tell of must not make a log shorter than what was acknowledged
/// (found by seed 32931292716044 of the simulation).
#[test]
fn a_log_whose_appends_do_not_connect_is_not_believed() {
    let start = |pieces: &[Piece<'_>]| remembered(false, false, pieces);
    let [one, two, four] = [1, 2, 4].map(appended);
    let whole = start(&[Piece::Kept(&one), Piece::Kept(&two)]);
    assert_eq!((whole.standing, whole.entries.len(), whole.rebased), (Standing::Sound, 2, false));
    let lost = Piece::Lost(Span { first: 4, last: 5, term: 1 });
    for behind in [Piece::Kept(&four), lost] {
        let start = start(&[Piece::Kept(&one), Piece::Kept(&two), behind]);
        assert_eq!((start.standing, start.entries.len()), (Standing::Amnesiac, 0));
        assert!(start.rebased, "the next start must not stumble over the same appends");
    }
    let filled = Piece::Lost(Span { first: 3, last: 3, term: 1 });
    let known = start(&[Piece::Kept(&one), Piece::Kept(&two), filled, Piece::Kept(&four)]);
    assert_eq!((known.standing, known.entries.len()), (Standing::Sound, 4));
}

/// Somebody has put an older engine, or none, in the place of the one from which the log goes on.
#[test]
fn a_log_that_goes_on_from_more_than_the_engine_holds_is_of_no_use() {
    let meta = |index| raft::SnapshotMeta {
        index,
        term: 1,
        membership: Membership::new([1, 2, 3].map(NodeId), []),
    };
    let base = |index| {
        let span = Some(Span { first: index, last: index, term: 1 });
        let body = raft::Record::Compacted { meta: meta(index).into() }.encode();
        Record { shard: SHARD, kind: RecordKind::Base, span, body }
    };
    let status = |index| {
        let records = alloc::vec![base(index), appended(index + 1)];
        open(engine(&[]), records, &[]).shards[&SHARD].raft.status()
    };
    assert_eq!((status(0).standing, status(0).last_index), (Standing::Sound, 1));
    assert_eq!((status(7).standing, status(7).last_index), (Standing::Amnesiac, 0));
}

/// A node that holds a replica which the catalog has given to node 4.
fn unwanted() -> Database<MemEngine> {
    let mut engine = engine(&[Change::Move(Move { shard: 2, from: 1, to: 4 })]);
    let mut batch = Batch::new();
    batch.put(Space::new(SHARD, 0).key(Table::Meta, b"x"), Bytes::from_static(b"state"));
    engine.write(batch).unwrap();
    let meta = raft::SnapshotMeta {
        membership: Membership::new([1, 2, 3].map(NodeId), []),
        ..raft::SnapshotMeta::default()
    };
    let span = Some(journal::Span { first: 0, last: 0, term: 0 });
    let body = raft::Record::Compacted { meta: meta.into() }.encode();
    open(engine, alloc::vec![Record { shard: SHARD, kind: RecordKind::Base, span, body }], &[])
}

/// Hands over an event; the token under which it is written that the replica is dropped.
fn drops(db: &mut Database<MemEngine>, event: Event<Envelope, crate::Request>) -> Option<Token> {
    let mut out = EffectsOf::<Database<MemEngine>>::new();
    db.handle(Now::default(), event, &mut out);
    db.settle(Now::default(), &mut out);
    out.drain().find_map(|effect| match effect {
        Effect::Persist { token, records } => {
            records.iter().any(|record| record.kind == RecordKind::Remove).then_some(token)
        }
        _ => None,
    })
}

/// The leader of term 2 tells which placement its group has come to; then it is time to look.
fn told(db: &mut Database<MemEngine>, settled: u64) -> Option<Token> {
    let replica = ReplicaReport { shard: 2, role: 1, term: 2, settled, ..ReplicaReport::default() };
    let report = Report { replicas: alloc::vec![replica], ..Report::default() };
    let message = Envelope::of(kernel::ShardId(0), Body::Report(report));
    let heard = drops(db, Event::Message { from: NodeId(2), message });
    heard.or(drops(db, Event::Timer(UPKEEP)))
}

#[test]
fn what_a_dropped_replica_holds_stays_until_the_journal_says_that_it_is_dropped() {
    let mut db = unwanted();
    let moved = db.core.catalog.shards[&SHARD].moved;
    assert_eq!(told(&mut db, moved - 1), None, "the group has come to the placement before");
    let first = told(&mut db, moved).expect("the group has come to the placement that is wanted");
    assert_eq!((db.shards.contains_key(&SHARD), held(&db)), (false, 1));
    // The record is lost: it is written again when its time comes, and nothing else has happened.
    assert_eq!(drops(&mut db, Event::PersistFailed(first)), None);
    let second = drops(&mut db, Event::Timer(UPKEEP)).expect("it is tried again");
    assert_eq!((drops(&mut db, Event::Timer(UPKEEP)), held(&db)), (None, 1));
    assert_eq!(drops(&mut db, Event::Persisted(second)), None);
    assert_eq!(held(&db), 0);
}

#[test]
fn what_a_crash_left_of_a_dropped_replica_goes_at_the_next_start() {
    let db = unwanted();
    assert_eq!(held(&db), 1);
    let db = open(db.into_engine(), Vec::new(), &[SHARD]);
    assert_eq!((db.shards.contains_key(&SHARD), held(&db)), (false, 0));
}
