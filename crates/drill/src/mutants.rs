//! Planted bugs, and how soon the drill finds them.
//!
//! A checker that never failed is not trusted. Each bug is planted alone in a whole cluster under
//! swarm faults, and seeds are run until one fails. The table is `docs/mutants.md`.
//!
//! ```text
//!   hunt (never plants)                       child process (plants one bug for its whole life)
//!     seeds FROM..TO of a bug ──────────────▶ runs them in order, stops at the first that fails
//!     runs that seed without the bug ◀─────── seed, and what judged
//!       fails, too: not the bug's doing, the hunt goes on behind it
//!       passes:     caught
//! ```
//!
//! A planted bug and what it broke are remembered for the life of a process, so each hunt has one
//! of its own; a bug that makes the code panic takes no other hunt with it.

pub mod below;
pub mod known;
mod page;

use std::{
    io,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
};

use kernel::bug::{self, Bug};

use crate::run::{Outcome, Run};

pub use page::{Hunt, Row, page};

/// The seed that showed a bug, and what judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// The seed.
    pub seed: u64,
    /// What judged; `panic` if the code did not survive the bug.
    pub by: String,
    /// What it found, in one line.
    pub why: String,
}

/// Runs a seed; what failed, if anything did.
#[must_use]
pub fn fails(seed: u64) -> Option<Find> {
    let run = || Run::of_seed(seed).go(None).0.outcome;
    let (by, why) = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Outcome::Failed { by, why }) => (by, why),
        Ok(_) => return None,
        Err(_) => ("panic", String::new()),
    };
    let why = why.lines().next().unwrap_or_default().to_owned();
    Some(Find { seed, by: by.to_owned(), why })
}

/// The child's part: plants a bug, runs seeds, and prints each and what failed of the last.
pub fn child(planted: Bug, seeds: Range<u64>) {
    std::panic::set_hook(Box::new(|_| {}));
    bug::plant(Some(planted));
    for seed in seeds {
        println!("{seed}");
        if let Some(find) = fails(seed) {
            println!("{seed} {} {}", find.by, find.why);
            return;
        }
    }
}

/// The first seed of a range that fails with the bug and passes without it.
///
/// # Errors
/// If no child process can be started.
pub fn hunt(planted: Bug, seeds: Range<u64>) -> io::Result<Option<Find>> {
    let mut from = seeds.start;
    while from < seeds.end {
        let Some(find) = in_a_child(planted, from..seeds.end)? else { return Ok(None) };
        if fails(find.seed).is_none() {
            return Ok(Some(find));
        }
        from = find.seed + 1;
    }
    Ok(None)
}

/// Starts this program again as the child of a hunt.
fn in_a_child(planted: Bug, seeds: Range<u64>) -> io::Result<Option<Find>> {
    let range = [seeds.start.to_string(), seeds.end.to_string()];
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", &format!("{planted:?}")])
        .args(range)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().next_back().unwrap_or_default();
    let (seed, found) = match last.split_once(' ') {
        Some(find) => find,
        None if output.status.success() => return Ok(None),
        // A panic within a panic.
        None => (last, "abort "),
    };
    let (by, why) = found.split_once(' ').unwrap_or((found, ""));
    let seed = seed.parse().map_err(|_| io::Error::other("a hunt could not begin"))?;
    Ok(Some(Find { seed, by: by.to_owned(), why: why.to_owned() }))
}

/// The bug of this name.
#[must_use]
pub fn named(name: &str) -> Option<Bug> {
    Bug::ALL.iter().map(|(bug, _)| *bug).find(|bug| format!("{bug:?}") == name)
}
