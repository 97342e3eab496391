//! What a contract bounds: how long revisions stay, and how many bytes there may be.

use contract::{Contract, Program};
use database::{Answer as Answered, Code};
use layers::coordination::*;

use super::stage::*;

fn put(key: &str, value: usize) -> Act {
    let (key, value) = (key.to_owned().into(), vec![b'v'; value].into());
    Act::Put(PutRequest { key, value, ..PutRequest::default() })
}

fn contract() -> Contract {
    Contract::new(Program::Coordination)
}

/// The first revision that can be read, and the newest.
fn revisions(stage: &mut Stage) -> (i64, i64) {
    match stage.ask(0, Ask::Status(StatusRequest {})) {
        Some(Answer::Status(status)) => {
            (status.compact_revision, status.header.map_or(0, |header| header.revision))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn revisions_are_compacted_by_their_age() {
    let mut stage = Stage::under(Contract { history_s: 10, ..contract() }, settings());
    let (mut made, mut compacted) = (Vec::new(), 0);
    for second in 0..30 {
        stage.act(0, put("k", 1));
        let (first, newest) = revisions(&mut stage);
        made.push((stage.now_ms, newest));
        assert!(first <= newest);
        let age = |revision| made.iter().find(|(_, made)| *made > revision).map(|(at, _)| *at);
        if let Some(next) = age(first) {
            assert!(first < 0 || stage.now_ms - next >= 9_000, "{second}: {first} ended just now");
        }
        compacted = compacted.max(first);
        stage.run(1_000);
    }
    assert!(compacted > 10, "{compacted}");
}

#[test]
fn at_the_quota_writes_wait_for_room_and_the_alarm_clears_by_itself() {
    let mut stage = Stage::under(Contract { quota_bytes: 100_000, ..contract() }, settings());
    let mut written = 0;
    let refused = loop {
        match stage.wait(0, mutate(put(&format!("k{written}"), 1_000))) {
            Answered::Done(_) => written += 1,
            Answered::Failed(failure) => break failure.code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused, Code::QuotaExceeded);
    assert!((50..100).contains(&written), "{written}");
    // What only frees goes on: keys are deleted, and their past is compacted.
    let (key, range_end) = ("k".into(), "l".into());
    stage.act(0, Act::DeleteRange(DeleteRangeRequest { key, range_end, prev_kv: false }));
    let (_, revision) = revisions(&mut stage);
    stage.act(0, Act::Compaction(CompactionRequest { revision, physical: false }));
    stage.run(1_000);
    stage.act(0, put("k", 1_000));
}

/// However fast versions are made: here five times as fast as turns of upkeep forget them.
#[test]
fn versions_that_are_too_old_are_forgotten_as_fast_as_they_are_made() {
    let settings = database::Settings { forget_max: 100, ..settings() };
    let contract = Contract { history_s: 1, ..Contract::new(Program::Kv) };
    let mut stage = Stage::under(contract, settings);
    let operation =
        |key: u32| layers::kv::Put { key: key.to_be_bytes().to_vec().into(), ..Default::default() };
    let command = layers::kv::Command::batch((0..20).map(|key| operation(key).into()).collect());
    let mut kept = Vec::new();
    for _ in 0..8 {
        // A hundred commands a second, so 2,000 versions.
        for _ in 0..100 {
            stage.put(0, write(&command));
            stage.run(10);
        }
        kept.push(stage.overwritten().into_iter().max().unwrap());
    }
    assert!(kept[0] > 1_900, "{kept:?}");
    assert!(kept[4..].iter().all(|kept| *kept < 5_000), "{kept:?}");
    stage.run(10_000);
    stage.put(0, write(&command));
    stage.run(15_000);
    assert!(stage.overwritten().into_iter().all(|kept| kept <= 20), "{:?}", stage.overwritten());
}

/// A turn of upkeep ends 256 keys with a command, and the next command follows at once.
#[test]
fn many_keys_whose_time_is_up_end_together() {
    let mut stage = Stage::under(Contract::new(Program::Kv), settings());
    let put = |key: u32| {
        let key = key.to_be_bytes().to_vec().into();
        layers::kv::Put { key, ttl_ms: 2_000, ..Default::default() }.into()
    };
    for round in 0..30 {
        let operations = (round * 100..(round + 1) * 100).map(put).collect();
        let answer = stage.wait(0, write(&layers::kv::Command::batch(operations)));
        assert!(matches!(answer, Answered::Done(_)), "{answer:?}");
    }
    assert_eq!(stage.deadlines(), [3_000; 3]);
    stage.run(3_000);
    assert_eq!(stage.deadlines(), [0; 3]);
}
