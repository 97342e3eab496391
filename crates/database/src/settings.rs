//! Limits and periods of the database process, each with its unit.

use kernel::{ClusterId, Duration, Incarnation, NodeId, limit};

/// Who this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// The current incarnation of the cluster.
    pub incarnation: Incarnation,
    /// The operating system's process id; 0 in the simulator.
    pub pid: u32,
}

/// What the process may hold and how long it waits. Defaults suit a LAN and a machine with 2 GiB.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Raft: the smallest election timeout; drawn between this and twice this.
    pub election_timeout: Duration,
    /// Raft: between heartbeats.
    pub heartbeat: Duration,
    /// Raft: ask before raising the term.
    pub pre_vote: bool,
    /// Raft: a leader that hears from no majority steps down. Leases need it.
    pub check_quorum: bool,
    /// Raft: bytes of entries in one record, and of one command: a longer one is refused. The
    /// journal must take records of twice as many.
    pub record_bytes_max: limit::Bytes,
    /// Requests in flight on this node.
    pub requests_max: u64,
    /// Bytes of requests in flight on this node.
    pub request_bytes_max: limit::Bytes,
    /// Raft: bytes of uncommitted entries of one shard.
    pub uncommitted_bytes_max: limit::Bytes,
    /// The log of one shard in memory is compacted beyond this, to half of it at least: what a
    /// follower may lack without needing a snapshot. In memory, entries of a few bytes take twice
    /// what is counted.
    pub log_bytes_max: limit::Bytes,
    /// The engine is flushed after this many applied bytes.
    pub flush_bytes: limit::Bytes,
    /// … or after this long, if anything was applied.
    pub flush_period: Duration,
    /// Outcomes kept per shard.
    pub outcomes_max: u64,
    /// Bytes of outcomes kept per shard.
    pub outcome_bytes_max: limit::Bytes,
    /// Bytes of one chunk of a snapshot.
    pub snapshot_chunk: limit::Bytes,
    /// Between status reports to the other nodes, and between looks for expired keys and leases.
    pub report_period: Duration,
    /// Overwritten versions of a shard that are too old and are forgotten at once.
    pub forget_max: usize,
    /// Leader leases serve reads.
    pub lease: bool,
    /// A lease that was not renewed for this long, or for half of its time if that is less, has what
    /// is left of it noted in the log, so that the next leader does not begin anew.
    pub lease_checkpoint: Duration,
    /// Keep-alives in flight on this node, beside other requests.
    pub keep_alives_max: u64,
    /// Bytes of keep-alives in flight on this node.
    pub keep_alive_bytes_max: limit::Bytes,
    /// How far the rate of a node's monotonic clock may be from true, in parts per million.
    pub drift_ppm: u32,
    /// The longest timeout a request may ask for.
    pub timeout_max: Duration,
    /// Shards of the cluster.
    pub shards_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            election_timeout: Duration::from_millis(250),
            heartbeat: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            record_bytes_max: limit::Bytes::mib(2),
            requests_max: 20_000,
            request_bytes_max: limit::Bytes::mib(256),
            uncommitted_bytes_max: limit::Bytes::mib(64),
            log_bytes_max: limit::Bytes::mib(4),
            flush_bytes: limit::Bytes::mib(64),
            flush_period: Duration::from_secs(10),
            outcomes_max: 100_000,
            outcome_bytes_max: limit::Bytes::mib(64),
            snapshot_chunk: limit::Bytes::kib(512),
            report_period: Duration::from_millis(250),
            forget_max: 1_000,
            lease: true,
            lease_checkpoint: Duration::from_secs(300),
            keep_alives_max: 10_000,
            keep_alive_bytes_max: limit::Bytes::mib(16),
            drift_ppm: 1_000,
            timeout_max: Duration::from_secs(60),
            shards_max: 1024,
        }
    }
}
