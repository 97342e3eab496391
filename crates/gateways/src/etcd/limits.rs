//! What a client may make large, slow or many.

use std::num::NonZeroU32;

use kernel::Duration;
use layers::coordination::limits::REQUEST_BYTES_MAX;

/// Limits of the etcd gateway, each with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// Calls under way on one connection; one more is refused by HTTP/2's own means.
    pub streams_max: u32,
    /// Bytes of a call's headers.
    pub header_bytes_max: u32,
    /// Bytes of a message: etcd's limit of a request and etcd's allowance for what is around it.
    pub message_bytes_max: usize,
    /// Bytes of all messages that arrive in pieces.
    pub messages_bytes_max: usize,
    /// How long a connection may take to say what it speaks.
    pub open_timeout: Duration,
    /// How long the message of a call may take to arrive.
    pub message_timeout: Duration,
    /// How long a client may refuse to read what it is sent.
    pub write_timeout: Duration,
    /// How long a request may try: etcd's five seconds and two elections, which take less here.
    pub timeout_max: Duration,
    /// Watches of all clients.
    pub watches_max: usize,
    /// Bytes of events that wait for one stream; its watches then read by themselves.
    pub watch_queue_bytes: usize,
    /// How often a watch that asked for it is told that nothing happened.
    pub progress_period: Duration,
    /// How often the state of the cluster is asked for.
    pub refresh_period: Duration,
    /// What hashing a password costs: each more doubles it. 4 to 31, as in etcd.
    pub password_cost: NonZeroU32,
    /// Logins and new passwords that wait to be hashed; one more is refused.
    pub logins_waiting: usize,
    /// How long a token is good, if nothing else ends it.
    pub token_lifetime: Duration,
    /// Snapshots taken at a time; each takes as much of the disk as the keyspace holds.
    pub snapshots_max: usize,
    /// How long calls under way may go on when the gateway stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 10_000,
            streams_max: 10_000,
            header_bytes_max: 16 << 10,
            message_bytes_max: REQUEST_BYTES_MAX + (512 << 10),
            messages_bytes_max: 128 << 20,
            open_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            timeout_max: Duration::from_secs(6),
            watches_max: 1 << 20,
            watch_queue_bytes: 1 << 20,
            progress_period: Duration::from_secs(600),
            refresh_period: Duration::from_secs(1),
            password_cost: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            logins_waiting: 256,
            token_lifetime: Duration::from_secs(30 * 24 * 3600),
            snapshots_max: 2,
            drain: Duration::from_secs(5),
        }
    }
}
