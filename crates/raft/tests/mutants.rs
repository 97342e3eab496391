//! Every planted bug of the protocol is caught by the seeds that the real code passes.
//!
//! `cargo test -p quorate-raft --features mutants --test mutants`
#![cfg(feature = "mutants")]

extern crate quorate_raft as raft;

#[path = "suite/check.rs"]
mod check;
#[path = "suite/cluster.rs"]
mod cluster;
#[path = "suite/node.rs"]
mod node;
#[path = "suite/random.rs"]
mod random;

use kernel::bug::{Bug, plant};

const BUGS: [Bug; 14] = [
    Bug::TruncateWithoutConflict,
    Bug::CommitWithoutClamp,
    Bug::VoteBeforeDurable,
    Bug::AckBeforeDurable,
    Bug::CommitOldTerm,
    Bug::HalfIsMajority,
    Bug::ReadWithoutQuorum,
    Bug::LeaseTrustsClock,
    Bug::WipedDiskVotes,
    Bug::SkipJoint,
    Bug::LearnerCounts,
    Bug::TransferWithoutCatchUp,
    Bug::DoubleVote,
    Bug::VoteIgnoresLog,
];

/// One test, since a bug is planted for the whole process.
#[test]
fn every_planted_bug_is_caught() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in BUGS {
        plant(Some(bug));
        // A mutant may also break the host, for example by committing what is not there.
        let run = |seed: &u64| {
            !matches!(std::panic::catch_unwind(|| random::run(*seed).map(drop)), Ok(Ok(())))
        };
        match (0..4_000).find(run) {
            Some(seed) => println!("{bug:?}: seed {seed}"),
            None => missed.push(bug),
        }
    }
    plant(None);
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
