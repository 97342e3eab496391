//! Reads of the past: which versions can still be read.
//!
//! ```text
//!   ──────┬───────────────────────────────┬─────▶ time of the log
//!      horizon = applied − history     applied
//!   gone  │      can be read as of        │  not written yet
//! ```
//!
//! The collector forgets what was superseded before the horizon, and the horizon only rises with
//! the log. So a read as of the horizon or later finds everything that it needs, on any replica;
//! one below it is refused, even if its values happen to be there still.

use contract::Contract;
use kernel::{Version, clock::hybrid::Timestamp};

use crate::{
    calls::Past,
    failure::{Code, Failure},
};

/// The oldest time of which the state can be read.
pub fn horizon(applied: Timestamp, history_s: u32) -> Timestamp {
    Timestamp::new(applied.millis().saturating_sub(u64::from(history_s) * 1000), 0)
}

/// Whether a replica that stands at `applied` can answer a read of the past.
pub fn check(past: Past, applied: Version, contract: &Contract) -> Result<(), Failure> {
    let gone = |text| Err(Failure::new(Code::VersionNotKept, text));
    if past == Past::Nothing {
        return Ok(());
    }
    if contract.versions_s() == 0 {
        return gone("the keyspace keeps no history: its contract has no 'history'".into());
    }
    let Past::At(at) = past else { return Ok(()) };
    if at.incarnation != applied.incarnation {
        return gone(alloc::format!(
            "{at} is of incarnation {}, the cluster of {}",
            at.incarnation.0,
            applied.incarnation.0
        ));
    }
    // A version made up by hand may be ahead in one of its parts only.
    if at > applied || at.index > applied.index {
        let text = alloc::format!("{at} has not been written: the newest version is {applied}");
        return Err(Failure::new(Code::Invalid, text));
    }
    let kept = contract.versions_s();
    if at.timestamp < horizon(applied.timestamp, kept) {
        return gone(alloc::format!("{at} is older than the {kept} s of history that are kept"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Program;
    use kernel::Incarnation;

    fn version(millis: u64, index: u64) -> Version {
        let timestamp = Timestamp::new(millis, 0);
        Version { incarnation: Incarnation(1), timestamp, index }
    }

    fn ask(past: Past, history_s: u32) -> Result<(), Code> {
        let contract = Contract { history_s, ..Contract::new(Program::Kv) };
        check(past, version(100_000, 50), &contract).map_err(|failure| failure.code)
    }

    #[test]
    fn only_what_is_kept_and_written_can_be_read() {
        assert_eq!(ask(Past::At(version(100_000, 50)), 10), Ok(()));
        assert_eq!(ask(Past::At(version(90_000, 1)), 10), Ok(()), "at the horizon");
        assert_eq!(ask(Past::At(version(89_999, 1)), 10), Err(Code::VersionNotKept));
        assert_eq!(ask(Past::At(version(100_000, 51)), 10), Err(Code::Invalid));
        assert_eq!(ask(Past::At(version(100_001, 2)), 10), Err(Code::Invalid));
        assert_eq!(ask(Past::At(version(95_000, 51)), 10), Err(Code::Invalid));
        let other = Version { incarnation: Incarnation(2), ..version(95_000, 3) };
        assert_eq!(ask(Past::At(other), 10), Err(Code::VersionNotKept));
    }

    #[test]
    fn a_keyspace_without_history_has_no_past() {
        assert_eq!(ask(Past::At(version(100_000, 50)), 0), Err(Code::VersionNotKept));
        assert_eq!(ask(Past::Versions, 0), Err(Code::VersionNotKept));
        assert_eq!(ask(Past::Versions, 10), Ok(()));
        assert_eq!(ask(Past::Nothing, 0), Ok(()));
    }
}
