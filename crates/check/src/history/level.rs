//! What an operation was promised, from the level that it asked for.

/// The guarantees that hold for one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise(u8);

impl Promise {
    /// Linearizable: includes every other promise.
    pub const LINEARIZABLE: Promise = Promise(0b1_1111);
    /// Not older than what the session read before.
    pub const MONOTONIC_READS: Promise = Promise(0b0001);
    /// Sees the session's own writes.
    pub const READ_YOUR_WRITES: Promise = Promise(0b0010);
    /// Ordered after the session's earlier writes.
    pub const MONOTONIC_WRITES: Promise = Promise(0b0100);
    /// Ordered after what the session read.
    pub const WRITES_FOLLOW_READS: Promise = Promise(0b1000);
    const SESSION: Promise = Promise(0b1111);

    /// Reads a level such as `linearizable` or `bounded+read-your-writes`; words that promise
    /// nothing that a checker here judges (`eventual`) add nothing.
    #[must_use]
    pub fn parse(level: &str) -> Promise {
        let word = |word: &str| match word.trim() {
            "linearizable" => Promise::LINEARIZABLE,
            "sequential" | "causal" => Promise::SESSION,
            "monotonic" | "monotonic-reads" => Promise::MONOTONIC_READS,
            "read-your-writes" => Promise::READ_YOUR_WRITES,
            "monotonic-writes" => Promise::MONOTONIC_WRITES,
            "writes-follow-reads" => Promise::WRITES_FOLLOW_READS,
            _ => Promise(0),
        };
        Promise(level.split('+').fold(0, |all, one| all | word(one).0))
    }

    /// Whether this includes the other.
    #[must_use]
    pub fn includes(self, other: Promise) -> bool {
        self.0 & other.0 == other.0
    }

    /// What both promise.
    #[must_use]
    pub fn and(self, other: Promise) -> Promise {
        Promise(self.0 & other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Promise;

    #[test]
    fn levels_and_flags_add_up() {
        let both = Promise::parse("bounded+read-your-writes+monotonic-reads");
        assert!(
            both.includes(Promise::MONOTONIC_READS) && both.includes(Promise::READ_YOUR_WRITES)
        );
        assert!(!both.includes(Promise::LINEARIZABLE));
        assert!(Promise::parse("causal").includes(Promise::WRITES_FOLLOW_READS));
        assert!(!Promise::parse("eventual").includes(Promise::MONOTONIC_READS));
        assert!(Promise::parse("linearizable").includes(both));
    }
}
