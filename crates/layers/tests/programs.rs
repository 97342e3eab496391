//! Programs against models: every command and query of both, over the real view.

mod stage;

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::Program;
use kernel::Version;
use layers::{
    counter,
    kv::{self, Command, Condition, Delete, Get, Put, Query, Scan, Status},
};
use proptest::prelude::*;
use prost::Message;
use stage::Stage;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(key: &str, value: &str) -> Put {
    Put { key: bytes(key), value: bytes(value), ..Put::default() }
}

fn delete(key: &str) -> Delete {
    Delete { key: bytes(key), condition: None }
}

fn kv(stage: &mut Stage, command: &Command) -> kv::Reply {
    kv::Reply::read(&stage.apply(Program::Kv, &command.encode_to_vec().into())).unwrap()
}

fn ask(stage: &Stage, query: impl Into<Query>) -> kv::QueryReply {
    let query: Query = query.into();
    kv::QueryReply::read(&stage.query(Program::Kv, &query.encode_to_vec().into())).unwrap()
}

fn get(stage: &Stage, key: &str) -> Option<Bytes> {
    ask(stage, Get { key: bytes(key) }).items.pop().map(|item| item.value)
}

fn scan(limit: u32) -> Scan {
    Scan { limit, ..Scan::default() }
}

#[test]
fn a_put_tells_what_it_replaced() {
    let mut stage = Stage::new();
    let first = kv(&mut stage, &Command::one(put("k", "1")));
    assert!(!first.outcomes[0].existed);
    let second = kv(&mut stage, &Command::one(put("k", "2")));
    assert!(second.outcomes[0].existed);
    assert_eq!(second.outcomes[0].previous, first.version);
    assert_eq!(get(&stage, "k"), Some(bytes("2")));
    let third = kv(&mut stage, &Command::one(delete("k")));
    assert_eq!(third.outcomes[0].previous, second.version);
    assert_eq!(get(&stage, "k"), None);
    assert!(!kv(&mut stage, &Command::one(delete("k"))).outcomes[0].existed);
}

#[test]
fn conditions_hold_or_nothing_happens() {
    let mut stage = Stage::new();
    let made = kv(&mut stage, &Command::one(put("k", "1")));
    let made = Version::from_bytes(&made.version).unwrap();
    let other = Version { index: 99, ..made };
    for (key, condition, holds) in [
        ("k", Condition::version(made), true),
        ("k", Condition::version(other), false),
        ("k", Condition::present(), true),
        ("k", Condition::absent(), false),
        ("none", Condition::version(made), false),
        ("none", Condition::present(), false),
        ("none", Condition::absent(), true),
    ] {
        let mut stage = stage.clone();
        let put = Put { condition: Some(condition.clone()), ..put(key, "new") };
        let before = get(&stage, key);
        let reply = kv(&mut stage, &Command::one(put));
        assert_eq!(reply.status == Status::Ok as i32, holds, "{key} {condition:?}");
        let expected = if holds { Some(bytes("new")) } else { before };
        assert_eq!(get(&stage, key), expected, "{key} {condition:?}");
        assert_eq!(reply.version.is_empty(), !holds);
    }
}

#[test]
fn a_batch_takes_effect_as_one() {
    let mut stage = Stage::new();
    let all = vec![put("a", "1").into(), put("b", "1").into(), delete("c").into()];
    assert_eq!(kv(&mut stage, &Command::batch(all)).outcomes.len(), 3);
    let spoilt = Put { condition: Some(Condition::absent()), ..put("b", "2") };
    let reply = kv(&mut stage, &Command::batch(vec![put("a", "2").into(), spoilt.into()]));
    assert_eq!((reply.status, reply.conflict), (Status::Conflict as i32, 1));
    assert_eq!(reply.outcomes.len(), 1, "that of the operation in the way");
    assert_eq!(get(&stage, "a"), Some(bytes("1")));
    let versions: Vec<_> =
        ask(&stage, scan(9)).items.into_iter().map(|item| item.version).collect();
    assert_eq!(versions[0], versions[1], "one version for the whole batch");
}

#[test]
fn keys_expire_by_the_log_and_by_nothing_else() {
    let mut stage = Stage::new();
    kv(&mut stage, &Command::one(Put { ttl_ms: 5, ..put("short", "1") }));
    kv(&mut stage, &Command::one(Put { ttl_ms: 500, ..put("long", "1") }));
    kv(&mut stage, &Command::one(Put { ttl_ms: 5, ..put("kept", "1") }));
    kv(&mut stage, &Command::one(put("kept", "2")));
    stage.wait_ms(100);
    assert_eq!(get(&stage, "short"), Some(bytes("1")), "no command has said that it is gone");
    let due = stage.now();
    kv(&mut stage, &Command::expire(due));
    let keys: Vec<_> = ask(&stage, scan(9)).items.into_iter().map(|item| item.key).collect();
    assert_eq!(keys, [bytes("kept"), bytes("long")], "a put without a TTL ends the old one");
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let mut stage = Stage::new();
    for n in 0..25 {
        kv(&mut stage, &Command::one(put(&format!("k{n:02}"), "v")));
    }
    let (mut seen, mut after) = (Vec::new(), Bytes::new());
    loop {
        let page = ask(&stage, Scan { start: bytes("k03"), end: bytes("k21"), after, ..scan(4) });
        after = page.items.last().unwrap().key.clone();
        seen.extend(page.items.into_iter().map(|item| item.key));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (3..21).map(|n| bytes(&format!("k{n:02}"))).collect::<Vec<_>>());
    let bare = ask(&stage, Scan { keys_only: true, ..scan(1) });
    assert!(bare.items[0].value.is_empty() && bare.more);
}

#[test]
fn what_passes_a_limit_is_refused_by_name() {
    let long = "k".repeat(kv::KEY_BYTES_MAX + 1);
    let large = Put { value: vec![0; kv::VALUE_BYTES_MAX + 1].into(), ..put("k", "") };
    let many = vec![put("k", "v").into(); kv::OPERATIONS_MAX + 1];
    for (command, word) in [
        (Command::one(put("", "v")), "key"),
        (Command::one(put(&long, "v")), "key"),
        (Command::one(large), "value"),
        (Command::batch(many), "batch"),
    ] {
        let refused = layers::check(Program::Kv, &command.encode_to_vec().into()).unwrap_err();
        assert!(refused.0.contains(word), "{}", refused.0);
    }
    assert!(layers::check(Program::Kv, &Bytes::from_static(b"\xff\xff")).is_err());
    for limit in [0, kv::SCAN_ITEMS_MAX + 1] {
        assert!(Query::read(&Query::from(scan(limit)).encode_to_vec().into()).is_err());
    }
    assert!(Query::read(&Bytes::new()).is_err());
}

#[test]
fn a_counter_adds_and_refuses_to_overflow() {
    let mut stage = Stage::new();
    let mut add = |by| {
        let command = counter::Command { name: bytes("hits"), by };
        let reply = stage.apply(Program::Counter, &command.encode_to_vec().into());
        let reply = counter::Reply::read(&reply).unwrap();
        (reply.status == counter::Status::Ok as i32, reply.value)
    };
    assert_eq!(add(5), (true, 5));
    assert_eq!(add(-7), (true, -2));
    assert_eq!(add(i64::MIN), (false, -2));
    assert_eq!(add(i64::MAX), (true, i64::MAX - 2));
    assert_eq!(add(3), (false, i64::MAX - 2));
    let read = |name: &str| {
        let query = counter::Query { name: bytes(name) };
        let reply = stage.query(Program::Counter, &query.encode_to_vec().into());
        counter::Reply::read(&reply).unwrap().value
    };
    assert_eq!((read("hits"), read("never")), (i64::MAX - 2, 0));
}

#[test]
fn encodings_are_golden() {
    let condition = Some(Condition::absent());
    let command = Command::batch(vec![
        Put { key: bytes("k"), value: bytes("v"), ttl_ms: 7, condition }.into(),
        delete("d").into(),
    ]);
    let golden: &[u8] =
        &[10, 14, 10, 12, 10, 1, b'k', 18, 1, b'v', 24, 7, 34, 2, 16, 1, 10, 5, 18, 3, 10, 1, b'd'];
    let encoded = command.encode_to_vec();
    assert_eq!(Command::read(&Bytes::copy_from_slice(&encoded)).unwrap(), command);
    assert_eq!(encoded, golden);
    let add = counter::Command { name: bytes("c"), by: -1 };
    assert_eq!(add.encode_to_vec(), [10, 1, b'c', 16, 1]);
}

/// One random operation of the model test.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, u8),
    Delete(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6u8, any::<u8>(), 0..4u8).prop_map(|(key, value, only)| Step::Put(key, value, only)),
        (0..6u8, 0..4u8).prop_map(|(key, only)| Step::Delete(key, only)),
    ]
}

type Model = BTreeMap<Bytes, (Bytes, Bytes)>;

/// The condition, and whether it holds in the model.
fn only(model: &Model, key: &Bytes, which: u8) -> (Option<Condition>, bool) {
    let current = model.get(key);
    match which {
        0 => (None, true),
        1 => (Some(Condition::absent()), current.is_none()),
        2 => (Some(Condition::present()), current.is_some()),
        _ => {
            let version = current.and_then(|(_, version)| Version::from_bytes(version));
            (Some(Condition::version(version.unwrap_or_default())), current.is_some())
        }
    }
}

proptest! {
    #[test]
    fn kv_is_an_atomic_map(batches in prop::collection::vec(prop::collection::vec(step(), 1..4), 1..40)) {
        let (mut stage, mut model) = (Stage::new(), Model::new());
        for batch in batches {
            let (mut operations, mut holds, mut after) = (Vec::new(), true, Vec::new());
            for step in batch {
                let (Step::Put(key, _, which) | Step::Delete(key, which)) = step;
                let key = bytes(&key.to_string());
                // Conditions are judged before anything of the batch takes effect.
                let (condition, ok) = only(&model, &key, which);
                holds &= ok;
                match step {
                    Step::Put(_, value, _) => {
                        let value = Bytes::from(vec![value]);
                        after.push((key.clone(), Some(value.clone())));
                        operations.push(Put { key, value, ttl_ms: 0, condition }.into());
                    }
                    Step::Delete(..) => {
                        after.push((key.clone(), None));
                        operations.push(Delete { key, condition }.into());
                    }
                }
            }
            let reply = kv(&mut stage, &Command::batch(operations));
            prop_assert_eq!(reply.status == Status::Ok as i32, holds);
            for (key, value) in after.into_iter().filter(|_| holds) {
                match value {
                    Some(value) => drop(model.insert(key, (value, reply.version.clone()))),
                    None => drop(model.remove(&key)),
                }
            }
            let found = ask(&stage, scan(100)).items.into_iter();
            let found: Model = found.map(|item| (item.key, (item.value, item.version))).collect();
            prop_assert_eq!(&found, &model);
        }
    }

    #[test]
    fn bytes_that_mean_nothing_are_refused_not_fatal(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for program in [Program::Kv, Program::Counter] {
            if layers::check(program, &bytes).is_ok() {
                Stage::new().apply(program, &bytes);
            }
        }
        if let Ok(query) = Query::read(&bytes) {
            Stage::new().query(Program::Kv, &query.encode_to_vec().into());
        }
    }
}
