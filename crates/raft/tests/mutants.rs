//! Every planted bug of the protocol is caught by the scenes and seeds that the real code passes.
//!
//! `cargo test -p quorate-raft --features mutants --test mutants`
#![cfg(feature = "mutants")]

extern crate quorate_raft as raft;

#[path = "suite/check.rs"]
mod check;
#[path = "suite/cluster.rs"]
mod cluster;
// The suite makes nodes forget, too.
#[allow(dead_code)]
#[path = "suite/node.rs"]
mod node;
#[path = "suite/random.rs"]
mod random;
// The scenes use a part of the stage; the suite uses all of it.
#[allow(dead_code)]
#[path = "suite/show.rs"]
mod show;
#[allow(dead_code)]
#[path = "suite/stage.rs"]
mod stage;
#[path = "suite/traps.rs"]
mod traps;

use kernel::bug::{Bug, plant};

const BUGS: [Bug; 21] = [
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
    Bug::LostEntryForgotten,
    Bug::GapBelieved,
    Bug::NewHalfDecides,
    Bug::MembershipForgotten,
    Bug::StrangerVotes,
    Bug::LossUnnoticed,
    Bug::ProgressForgotten,
];

/// The suite runs the first 300 of them on the real code.
const SEEDS: u64 = 300;

/// Whether a run shows that something is wrong. A mutant may also break the host, for example by
/// committing what is not there.
fn breaks(run: impl FnOnce() -> Result<(), String> + std::panic::UnwindSafe) -> bool {
    !matches!(std::panic::catch_unwind(run), Ok(Ok(())))
}

/// One test, since a bug is planted for the whole process.
#[test]
fn every_planted_bug_is_caught() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in BUGS {
        plant(Some(bug));
        let trap = traps::TRAPS.iter().find(|(_, trap)| breaks(*trap));
        let seed = || (0..SEEDS).find(|seed| breaks(|| random::run(*seed).map(drop)));
        match trap {
            Some((name, _)) => println!("{bug:?}: {name}"),
            None => match seed() {
                Some(seed) => println!("{bug:?}: seed {seed}"),
                None => missed.push(bug),
            },
        }
    }
    plant(None);
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
