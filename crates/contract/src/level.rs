//! Levels, strongest first, and the session guarantees beside them.
//!
//! Session guarantees are flags, not weaker levels: they are promised to one client, on top of
//! whatever the level promises to all (Terry et al., 1994).

use alloc::{string::String, string::ToString};
use core::fmt;

/// What a read may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// As if there were one copy and every request took effect at one instant while it ran.
    Linearizable,
    /// One order for all that respects each client's own.
    Sequential,
    /// Causes before effects.
    Causal,
    /// At most so old.
    Bounded,
    /// Some prefix of the writes.
    ConsistentPrefix,
    /// Something that was written; all copies agree once writes stop.
    Eventual,
}

/// Every level with its name, strongest first.
const NAMES: [(Level, &str); 6] = [
    (Level::Linearizable, "linearizable"),
    (Level::Sequential, "sequential"),
    (Level::Causal, "causal"),
    (Level::Bounded, "bounded"),
    (Level::ConsistentPrefix, "consistent-prefix"),
    (Level::Eventual, "eventual"),
];

impl Level {
    /// The name that requests and receipts use.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(level, _)| *level == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A level and the session guarantees asked beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Consistency {
    /// The level for everybody.
    pub level: Level,
    /// This client sees its own writes.
    pub read_your_writes: bool,
    /// This client never sees an older state than it has seen.
    pub monotonic_reads: bool,
}

/// Why a consistency was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelError {
    /// Not a name of the language.
    Unknown(String),
    /// A name of the language that the engine cannot meet yet.
    Unavailable(&'static str),
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LevelError::Unknown(name) => write!(
                f,
                "unknown consistency '{name}': use linearizable or eventual, optionally with \
                 +read-your-writes or +monotonic-reads"
            ),
            LevelError::Unavailable(name) => {
                write!(f, "consistency '{name}' is not available yet: use linearizable or eventual")
            }
        }
    }
}

impl core::error::Error for LevelError {}

impl Consistency {
    /// The default of every keyspace.
    pub const LINEARIZABLE: Consistency =
        Consistency { level: Level::Linearizable, read_your_writes: false, monotonic_reads: false };
    /// Any replica, no session.
    pub const EVENTUAL: Consistency =
        Consistency { level: Level::Eventual, read_your_writes: false, monotonic_reads: false };

    /// Reads `level+guarantee+…`. `monotonic` is short for `eventual+monotonic-reads`. A session
    /// guarantee without a level stands on `eventual`.
    ///
    /// # Errors
    /// For a name outside the language, or one that cannot be met yet.
    pub fn parse(text: &str) -> Result<Consistency, LevelError> {
        let mut parsed = Consistency::EVENTUAL;
        for part in text.split(['+', ' ']) {
            match part {
                "linearizable" => parsed.level = Level::Linearizable,
                "eventual" => parsed.level = Level::Eventual,
                "read-your-writes" => parsed.read_your_writes = true,
                "monotonic-reads" | "monotonic" => parsed.monotonic_reads = true,
                "monotonic-writes" => return Err(LevelError::Unavailable("monotonic-writes")),
                "writes-follow-reads" => {
                    return Err(LevelError::Unavailable("writes-follow-reads"));
                }
                other => {
                    return Err(match NAMES.iter().find(|(_, name)| *name == other) {
                        Some((_, name)) => LevelError::Unavailable(name),
                        None => LevelError::Unknown(other.to_string()),
                    });
                }
            }
        }
        Ok(parsed)
    }

    /// Whether a session token changes what may be returned.
    #[must_use]
    pub fn uses_session(self) -> bool {
        self.level != Level::Linearizable && (self.read_your_writes || self.monotonic_reads)
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.level.fmt(f)?;
        if self.read_your_writes {
            f.write_str("+read-your-writes")?;
        }
        if self.monotonic_reads {
            f.write_str("+monotonic-reads")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_read_and_written_alike() {
        for text in ["linearizable", "eventual", "eventual+read-your-writes+monotonic-reads"] {
            assert_eq!(Consistency::parse(text).unwrap().to_string(), text);
        }
        let monotonic = Consistency::parse("monotonic").unwrap();
        assert_eq!(monotonic.to_string(), "eventual+monotonic-reads");
        assert!(monotonic.uses_session());
        assert!(!Consistency::LINEARIZABLE.uses_session());
    }

    #[test]
    fn what_cannot_be_met_is_told_apart_from_what_is_not_a_word() {
        assert_eq!(Consistency::parse("bounded"), Err(LevelError::Unavailable("bounded")));
        assert_eq!(Consistency::parse("strong"), Err(LevelError::Unknown("strong".into())));
        assert_eq!(Consistency::parse(""), Err(LevelError::Unknown("".into())));
    }
}
