//! A node whose engine is not the one from which its log goes on.

use database::Settings;
use kernel::{Duration, limit::Bytes};

use crate::stage::{Stage, settings};

/// Somebody has removed its engine and left its journal there. The node could go on from the entries
/// that the journal holds, and would lead with a part of the leases.
pub fn a_node_whose_engine_is_gone_asks_the_others() {
    let flush_period = Duration::from_millis(100);
    let short = Settings { log_bytes_max: Bytes::kib(2), flush_period, ..settings() };
    let mut stage = Stage::new(short);
    (1..=100).for_each(|id| stage.grant(id, 9_000));
    stage.run(1_000);
    let node = (stage.leader() + 1) % 3;
    assert!(stage.first_index(node) > 50, "the log goes on from what the engine holds");
    stage.restart(node);
    stage.run(3_000);
    stage.transfer(node);
    assert_eq!(stage.leases(), (1..=100).collect::<Vec<i64>>());
}
