//! What can be tuned, with units and defaults.

use kernel::{Duration, NodeId, limit::Bytes};

/// The settings of one replica. Timeouts should be the same on all replicas of a group: the
/// lease relies on every voter's election timeout being at least the leader's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This replica.
    pub id: NodeId,
    /// A follower that hears nothing for a random time in `[t, 2t)` starts an election.
    pub election_timeout: Duration,
    /// How often a leader speaks up; well below the election timeout.
    pub heartbeat: Duration,
    /// Entries of one append message; a single larger entry travels alone.
    pub append_bytes_max: Bytes,
    /// Entries of one record for the journal; a single larger entry has one of its own.
    pub record_bytes_max: Bytes,
    /// Entries on their way to one follower and not acknowledged.
    pub inflight_bytes_max: Bytes,
    /// Append messages on their way to one follower and not acknowledged.
    pub inflight_messages_max: usize,
    /// Entries that are proposed and not committed; beyond it proposals are refused.
    pub uncommitted_bytes_max: Bytes,
    /// Read rounds on their way; reads beyond it wait for the next round.
    pub read_rounds_max: usize,
    /// How large the host should make the pieces of a snapshot.
    pub snapshot_chunk_bytes: Bytes,
    /// A piece of a snapshot that is not acknowledged for this long is sent again.
    pub snapshot_retry: Duration,
    /// Ask before raising the term, so that a replica that was cut off disturbs nobody.
    pub pre_vote: bool,
    /// A leader that hears from no majority for an election timeout steps down, and voters stay
    /// with a leader that they hear from.
    pub check_quorum: bool,
    /// Answer reads from a lease; needs `check_quorum`.
    pub lease: bool,
    /// How far a clock's rate may be from true, in parts per million.
    pub drift_ppm: u32,
    /// A leader whose own disk takes longer than this, while followers acknowledge, hands over.
    pub slow_disk: Duration,
}

impl Config {
    /// Defaults for a local network: fail-over in 300 to 500 milliseconds.
    #[must_use]
    pub fn new(id: NodeId) -> Config {
        Config {
            id,
            election_timeout: Duration::from_millis(250),
            heartbeat: Duration::from_millis(50),
            append_bytes_max: Bytes::kib(256),
            record_bytes_max: Bytes::mib(2),
            inflight_bytes_max: Bytes::mib(4),
            inflight_messages_max: 256,
            uncommitted_bytes_max: Bytes::mib(64),
            read_rounds_max: 8,
            snapshot_chunk_bytes: Bytes::mib(1),
            snapshot_retry: Duration::from_millis(500),
            pre_vote: true,
            check_quorum: true,
            lease: true,
            drift_ppm: 1_000,
            slow_disk: Duration::from_millis(300),
        }
    }

    /// How long a lease lasts on the leader's clock, counted from the instant at which the
    /// confirming heartbeat was sent.
    ///
    /// A voter keeps its promise for one election timeout on its own clock. With both clocks
    /// within `d` of true, the leader may count `(1 - d) / (1 + d) > 1 - 2d` of it.
    #[must_use]
    pub fn lease_length(&self) -> Duration {
        let nanos = self.election_timeout.as_nanos();
        let margin = nanos * 2 * u128::from(self.drift_ppm) / 1_000_000;
        Duration::from_nanos(u64::try_from(nanos.saturating_sub(margin)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_shorter_than_the_promise_by_twice_the_drift() {
        let mut config = Config::new(NodeId(1));
        config.election_timeout = Duration::from_secs(1);
        config.drift_ppm = 10_000;
        assert_eq!(config.lease_length(), Duration::from_millis(980));
        config.drift_ppm = 1_000_000;
        assert_eq!(config.lease_length(), Duration::ZERO);
    }
}
