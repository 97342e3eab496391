//! Service level objectives: how fast the error budget burns, and when somebody is paged.
//!
//! ```text
//!   rate = share of bad requests in a window ÷ share that may be bad      1: all used up at the end
//!
//!   page    2 % of the budget in 1 h    rate ≥ 14.4 over 1 h  and over 5 min
//!   page    5 % of the budget in 6 h    rate ≥  6   over 6 h  and over 30 min
//!   ticket 10 % of the budget in 3 d    rate ≥  1   over 3 d  and over 6 h      (of 30 days)
//! ```
//!
//! The long window keeps a blip silent; the short one ends the alert soon after the trouble ends.
//! Beyer et al., "The Site Reliability Workbook" (2018), chapter 5, "Alerting on SLOs", approach 6.
//! The rates follow from the shares, so that an objective over a week has rates of its own.
//!
//! Few requests are bad statistics: of three, one failure is a rate of hundreds. So an alert also
//! needs a number of bad requests in its long window.

mod budget;
mod document;

pub use budget::{Budget, RULES, Rule, WINDOWS};
pub use document::{Alert, Objective, Objectives, Window, merge};

/// An alert needs so many bad requests in its long window.
pub const BAD_MIN: u64 = 10;

/// Whether an answer counts against availability: it was not given, or nobody knows, through no
/// fault of the client. That a keyspace is at its quota is no fault of the service.
#[must_use]
pub fn is_bad(code: Option<&str>) -> bool {
    let bad = [
        "unavailable",
        "deadline-exceeded",
        "storage",
        "internal",
        "session-ahead",
        "overloaded",
        "disk-full",
    ];
    code.is_some_and(|code| bad.contains(&code))
}
