//! Known seeds: one per bug that shows it, kept beside the code and run again for every change.
//!
//! A seed means the same only while the code that draws from it does. A known seed that shows its
//! bug no more is replaced by hunting again. A bug that the drill meets too rarely has none: it is
//! caught below.

use std::io;

use kernel::bug::Bug;

use super::{Row, below::level, hunt, named};

/// The known seeds, one line each: bug, seed.
const KNOWN: &str = include_str!("known.txt");

/// Every known seed.
pub fn seeds() -> impl Iterator<Item = (Bug, u64)> {
    KNOWN.lines().filter_map(|line| {
        let (name, seed) = line.split_once(' ')?;
        Some((named(name)?, seed.parse().ok()?))
    })
}

/// The file of known seeds after a hunt.
#[must_use]
pub fn file(rows: &[Row]) -> String {
    let line = |row: &Row| row.soonest().map(|find| format!("{:?} {}\n", row.bug, find.seed));
    rows.iter().filter_map(line).collect()
}

/// Runs every known seed with its bug and without it; what does not hold any more.
///
/// # Errors
/// If no child process can be started.
pub fn check() -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (bug, what) in Bug::ALL {
        match seeds().find(|(known, _)| *known == bug) {
            None => match level(bug) {
                Some(below) => println!("{bug:?}: only by the tests of {below}"),
                None => wrong.push(format!("{bug:?} has no known seed: {what}")),
            },
            Some((_, seed)) => match hunt(bug, seed..seed + 1)? {
                Some(find) => println!("{bug:?}: seed {seed}, {}: {}", find.by, find.why),
                None => wrong.push(format!(
                    "{bug:?}: seed {seed} does not tell the bug from the healthy code any more"
                )),
            },
        }
    }
    Ok(wrong)
}
