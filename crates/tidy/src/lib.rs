//! What the compiler does not check about this repository.
//!
//! ```text
//!   git ls-files ─▶ Tree ─┬─▶ floors    dependencies go down; who may name what; still crates
//!   floors.toml ──────────┤─▶ words     unsafe code, clocks and threads, what was left over
//!                         ├─▶ length    files are short
//!                         └─▶ pages     links lead somewhere; every error code has a page; proofs
//!                                 │     that are named are there
//!                                 │
//!                                 └─▶ Finding: where, what, and what to do
//! ```
//!
//! Each rule is a function from a [`Tree`] to findings. Beside it stands a test with a planted
//! violation: a checker that never failed is not trusted. `tests/tidy.rs` runs all of them over
//! the repository itself.
#![forbid(unsafe_code)]

pub mod code;
pub mod floors;
pub mod length;
pub mod manifest;
pub mod pages;
pub mod tree;
pub mod words;

pub use floors::Floors;
pub use tree::Tree;

use std::fmt;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, and the line where there is one.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Finding {
    /// A finding about a file, or about a line of it (from 1).
    #[must_use]
    pub fn new(path: &str, line: Option<usize>, what: impl Into<String>) -> Finding {
        let place = match line {
            Some(line) => format!("{path}:{line}"),
            None => path.to_owned(),
        };
        Finding { place, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// All rules.
#[must_use]
pub fn all(tree: &Tree, floors: &Floors) -> Vec<Finding> {
    [
        floors::complete(tree, floors),
        floors::downwards(tree, floors),
        floors::outside(tree, floors),
        floors::still(tree, floors),
        words::unsafe_code(tree, &floors.unsafe_files),
        words::ambient(tree),
        words::left_over(tree),
        words::machine_paths(tree),
        length::short(tree),
        pages::links(tree),
        pages::errors(tree),
        pages::codes(tree),
        pages::proofs(tree),
    ]
    .concat()
}
