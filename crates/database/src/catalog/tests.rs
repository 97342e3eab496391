//! The catalog's commands over a view, and the cache read back from the engine.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use bytes::Bytes;
use contract::{Contract, Program};
use kernel::{NodeId, ShardId, Version};
use prost::Message;
use store::{
    engine::{Engine, MemEngine},
    mvcc::{Pending, Reader, Space},
};

use super::*;

/// Applies one command at the next index.
struct Bench {
    engine: MemEngine,
    index: u64,
}

impl Bench {
    fn new(members: u64) -> Bench {
        let mut bench = Bench { engine: MemEngine::new(), index: 0 };
        for node in 1..=members {
            let peer = alloc::format!("n{node}:7170");
            let member = MemberWire { node, peer, ..MemberWire::default() };
            assert!(bench.apply(Change::AddMember(member)).changed);
        }
        bench
    }

    fn apply(&mut self, change: Change) -> CatalogReply {
        self.index += 1;
        let version = Version { index: self.index, ..Version::default() };
        let command: Bytes = CatalogCommand::from(change).encode_to_vec().into();
        let mut pending = Pending::new(&self.engine, Space::new(CATALOG, 0), false, 0);
        let reply = apply(&command, &mut pending.view(version)).unwrap();
        let batch = pending.into_batch();
        self.engine.write(batch).unwrap();
        CatalogReply::decode(reply).unwrap()
    }

    fn create(&mut self, name: &str, replicas: u32) -> CatalogReply {
        let contract = Contract { replicas, ..Contract::new(Program::Kv) };
        let contract = Some((&contract).into());
        self.apply(Change::Create(Create { name: name.into(), contract }))
    }

    fn catalog(&self) -> Catalog {
        Catalog::load(&Reader::latest(&self.engine, Space::new(CATALOG, 0))).unwrap()
    }
}

#[test]
fn a_keyspace_gets_a_shard_on_the_emptiest_members() {
    let mut bench = Bench::new(5);
    assert!(bench.create("a", 3).changed);
    assert!(bench.create("b", 1).changed);
    let catalog = bench.catalog();
    assert_eq!(catalog.members.len(), 5);
    let wanted = |id| catalog.shards[&ShardId(id)].wanted.clone();
    assert_eq!(wanted(2), [NodeId(1), NodeId(2), NodeId(3)]);
    assert_eq!(wanted(3), [NodeId(4)]);
    assert_eq!(catalog.keyspaces["b"].shards, [ShardId(3)]);
}

#[test]
fn the_same_again_changes_nothing_and_another_contract_is_refused() {
    let mut bench = Bench::new(3);
    assert!(bench.create("a", 3).changed);
    let again = bench.create("a", 3);
    assert!(!again.changed && again.failure().is_none());
    assert_eq!(bench.create("a", 1).code, "keyspace-exists");
    assert_eq!(bench.create("b", 5).code, "contract-refused");
    assert_eq!(bench.create("B", 3).code, "keyspace-name");
}

#[test]
fn a_move_keeps_as_many_replicas_as_the_contract_asks_for() {
    let mut bench = Bench::new(5);
    assert!(bench.create("a", 3).changed);
    let mut go = |from, to| {
        let reply = bench.apply(Change::Move(Move { shard: 2, from, to }));
        let held = bench.catalog().shards[&ShardId(2)].wanted.clone();
        (reply.code, reply.changed, held.into_iter().map(|node| node.0).collect::<Vec<_>>())
    };
    let refused = |held: [u64; 3]| ("shard".to_string(), false, held.to_vec());
    let done = |changed, held: [u64; 3]| (String::new(), changed, held.to_vec());
    // The group is still on its way to {2, 3, 4} when somebody who has not heard of it asks again.
    assert_eq!(go(1, 4), done(true, [2, 3, 4]));
    assert_eq!(go(2, 4), refused([2, 3, 4]), "both hold one: two would be left");
    assert_eq!(go(1, 5), refused([2, 3, 4]), "neither holds one: there would be four");
    assert_eq!(go(3, 0), refused([2, 3, 4]));
    assert_eq!(go(0, 5), refused([2, 3, 4]));
    assert_eq!(go(1, 4), done(false, [2, 3, 4]), "the same again");
    assert_eq!(go(2, 5), done(true, [3, 4, 5]));
}

#[test]
fn a_shard_that_is_short_of_replicas_gets_them_back() {
    let mut bench = Bench::new(5);
    assert!(bench.create("a", 3).changed);
    let mut pending = Pending::new(&bench.engine, Space::new(CATALOG, 0), false, 0);
    let mut view = pending.view(Version { index: 100, ..Version::default() });
    let mut placement = state::read_placement(ShardId(2), &mut view).unwrap().unwrap();
    placement.wanted = [1].map(NodeId).to_vec();
    state::write_placement(ShardId(2), &placement, &mut view).unwrap();
    let batch = pending.into_batch();
    bench.engine.write(batch).unwrap();
    bench.index = 100;
    let mut go = |from, to| bench.apply(Change::Move(Move { shard: 2, from, to })).changed;
    assert!(!go(1, 0) && go(0, 2) && go(2, 4) && go(0, 5) && !go(0, 2));
    let held = bench.catalog().shards[&ShardId(2)].wanted.clone();
    assert_eq!(held, [1, 4, 5].map(NodeId));
}

#[test]
fn a_member_that_holds_a_shard_stays() {
    let mut bench = Bench::new(4);
    assert!(bench.create("a", 3).changed);
    assert_eq!(bench.apply(Change::RemoveMember(1)).code, "node");
    let placed = |bench: &Bench| bench.catalog().shards[&ShardId(2)].clone();
    let founded = placed(&bench);
    assert_eq!(founded.moved, founded.created);
    let moved = bench.apply(Change::Move(Move { shard: 2, from: 1, to: 4 }));
    assert!(moved.changed);
    let at = placed(&bench).moved;
    assert!(at > founded.moved, "another placement has another name");
    assert!(!bench.apply(Change::Move(Move { shard: 2, from: 1, to: 4 })).changed);
    assert_eq!(placed(&bench).moved, at);
    assert_eq!(placed(&bench).leaving, [NodeId(1)]);
    let refused = bench.apply(Change::RemoveMember(1));
    assert_eq!(refused.code, "node");
    assert!(refused.text.contains("may still vote in s2"), "{}", refused.text);
    let settled = |bench: &mut Bench, moved| {
        bench.apply(Change::Settled(Settled { shard: 2, moved })).changed
    };
    assert!(!settled(&mut bench, founded.moved), "an older placement");
    assert!(settled(&mut bench, at) && !settled(&mut bench, at));
    assert!(bench.apply(Change::RemoveMember(1)).changed);
    assert_eq!(bench.catalog().shards[&ShardId(2)].wanted, [NodeId(2), NodeId(3), NodeId(4)]);
    assert!(bench.apply(Change::End("a".into())).changed);
    assert!(bench.catalog().shards.is_empty() && bench.catalog().keyspaces.is_empty());
}

#[test]
fn who_leaves_is_kept_over_moves_that_cross_until_the_group_has_settled() {
    let mut bench = Bench::new(5);
    assert!(bench.create("a", 3).changed);
    let mut go = |from, to| {
        assert!(bench.apply(Change::Move(Move { shard: 2, from, to })).changed);
        let placed = bench.catalog().shards[&ShardId(2)].clone();
        (placed.leaving.iter().map(|node| node.0).collect::<Vec<_>>(), placed.moved)
    };
    assert_eq!(go(1, 4).0, [1]);
    assert_eq!(go(2, 5).0, [1, 2], "nobody has seen the group without node 1");
    let (leaving, moved) = go(3, 1);
    assert_eq!(leaving, [2, 3], "node 1 is wanted again");
    let settled = Change::Settled(Settled { shard: 2, moved });
    let bytes = CatalogCommand::from(settled.clone()).encode_to_vec();
    assert_eq!(bytes, [58, 4, 8, 2, 16, moved as u8], "golden");
    assert!(bench.apply(settled).changed);
    assert!(bench.catalog().shards[&ShardId(2)].leaving.is_empty());
}

#[test]
fn a_survivor_keeps_what_it_holds_and_nobody_else() {
    let mut bench = Bench::new(3);
    assert!(bench.create("a", 3).changed);
    assert!(bench.create("b", 1).changed);
    let survive = Survive { node: 3, shards: [1, 2].into() };
    let bytes = CatalogCommand::from(Change::Survive(survive.clone())).encode_to_vec();
    assert_eq!(bytes, [50, 6, 8, 3, 18, 2, 1, 2], "golden");
    assert!(bench.apply(Change::Survive(survive)).changed);
    let catalog = bench.catalog();
    assert_eq!(catalog.members.keys().copied().collect::<Vec<_>>(), [NodeId(3)]);
    let (held, lost) = (&catalog.shards[&ShardId(2)], &catalog.shards[&ShardId(3)]);
    assert_eq!((&held.wanted[..], held.moved, held.born.0), (&[NodeId(3)][..], bench.index, 1));
    assert_eq!(lost.wanted, [NodeId(1)], "nobody has it, and that can be seen");
    let addressed = MemberWire { node: 1, etcd: "h:1".into(), ..MemberWire::default() };
    assert_eq!(addressed.encode_to_vec(), [8, 1, 42, 3, b'h', b':', b'1'], "golden");
    let back = MemberWire { node: 1, peer: "n1:7170".into(), ..MemberWire::default() };
    assert!(bench.apply(Change::AddMember(back)).changed);
    assert!(bench.apply(Change::Move(Move { shard: 2, from: 0, to: 1 })).changed);
}

#[test]
fn who_held_what_was_dropped_is_known_until_all_have_heard() {
    let mut bench = Bench::new(4);
    assert!(bench.create("a", 3).changed);
    assert!(bench.apply(Change::Move(Move { shard: 2, from: 1, to: 4 })).changed);
    let end = Change::End("a".into());
    let bytes = CatalogCommand::from(end.clone()).encode_to_vec();
    assert_eq!(bytes, [66, 1, b'a'], "golden");
    assert!(bench.apply(end.clone()).changed);
    let gone = bench.catalog().gone[&ShardId(2)].clone();
    assert_eq!(gone.holders, [1, 2, 3, 4].map(NodeId), "one may not have left yet");
    assert_eq!((gone.copies, gone.dropped, &*gone.keyspace), (3, bench.index, "a"));
    assert!(gone.decides(2) && !gone.decides(1), "two of three decide");
    assert!(!bench.apply(end).changed, "it is gone already");
    assert!(bench.create("a", 3).changed);
    let heard = CatalogCommand::from(Change::Heard(2)).encode_to_vec();
    assert_eq!(heard, [72, 2], "golden");
    assert!(bench.apply(Change::Heard(2)).changed);
    assert!(!bench.apply(Change::Heard(2)).changed);
    assert!(bench.catalog().gone.is_empty() && bench.catalog().keyspaces.contains_key("a"));
}

#[test]
fn a_log_of_before_is_applied_as_it_was_then() {
    let mut bench = Bench::new(3);
    assert!(bench.create("a", 3).changed);
    assert!(bench.apply(Change::Drop("a".into())).changed);
    assert!(bench.catalog().keyspaces.is_empty() && bench.catalog().gone.is_empty());
}

#[test]
fn no_more_is_dropped_than_can_be_remembered() {
    let mut bench = Bench::new(1);
    for _ in 0..GONE_MAX {
        assert!(bench.create("a", 1).changed);
        assert!(bench.apply(Change::End("a".into())).changed);
    }
    assert!(bench.create("a", 1).changed);
    assert_eq!(bench.apply(Change::End("a".into())).code, "overloaded");
    assert!(bench.apply(Change::Heard(2)).changed);
    assert!(bench.apply(Change::End("a".into())).changed);
}
