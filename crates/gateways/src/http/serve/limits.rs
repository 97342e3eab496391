//! What a client may make large or slow.

use kernel::Duration;

/// Limits of the HTTP gateway, each with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; one more is answered 503 and closed.
    pub connections_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes_max: usize,
    /// Bytes of a raw value.
    pub value_bytes_max: usize,
    /// Bytes of a JSON or TOML body.
    pub document_bytes_max: usize,
    /// Bytes of the bodies of all requests that are being read or answered.
    pub bodies_bytes_max: usize,
    /// How long a head may take to arrive; an idle connection is closed after it.
    pub header_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a client may refuse to read what it is sent.
    pub write_timeout: Duration,
    /// How long a request may try if it does not say.
    pub timeout_default: Duration,
    /// The longest timeout that a request may ask for.
    pub timeout_max: Duration,
    /// Requests that wait for a lock, a permit, a barrier or a change.
    pub waiting_max: usize,
    /// How long requests in flight may go on when the gateway stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 10_000,
            headers_max: 64,
            header_bytes_max: 64 << 10,
            value_bytes_max: layers::kv::VALUE_BYTES_MAX,
            document_bytes_max: 4 << 20,
            bodies_bytes_max: 128 << 20,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            timeout_default: Duration::from_secs(5),
            timeout_max: Duration::from_secs(60),
            waiting_max: 4_096,
            drain: Duration::from_secs(5),
        }
    }
}
