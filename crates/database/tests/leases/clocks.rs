//! What one clock that is set wrong does to keys that live for a time: nothing.

use contract::{Contract, Program};
use database::Answer;
use layers::kv::{Command, Put};

use crate::stage::{Stage, items, read, settings, write};

const DAY_MS: i64 = 86_400_000;

fn put(stage: &mut Stage, key: &'static str, ttl_ms: u64) {
    let put = Put { key: key.into(), value: "v".into(), ttl_ms, ..Put::default() };
    let answer = stage.wait(0, write(&Command::one(put)));
    assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
}

fn is_there(stage: &mut Stage, key: &'static str) -> bool {
    !items(stage.wait(0, read(key))).is_empty()
}

/// Whichever node it is, the leader among them.
pub fn a_clock_that_is_wrong_ends_no_key_and_keeps_none() {
    for wrong in 0..3 {
        for off_ms in [DAY_MS, -DAY_MS] {
            let mut stage = Stage::under(Contract::new(Program::Kv), settings());
            put(&mut stage, "an hour", 3_600_000);
            stage.off_ms[wrong] = off_ms;
            put(&mut stage, "two seconds", 2_000);
            stage.run(1_000);
            assert!(is_there(&mut stage, "an hour") && is_there(&mut stage, "two seconds"));
            stage.run(4_000);
            assert!(is_there(&mut stage, "an hour") && !is_there(&mut stage, "two seconds"));
            stage.off_ms[wrong] = 0;
            put(&mut stage, "two more", 2_000);
            stage.run(5_000);
            assert!(is_there(&mut stage, "an hour") && !is_there(&mut stage, "two more"));
        }
    }
}
