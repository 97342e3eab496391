//! Every error code of the HTTP gateway: the database's, the contract language's and its own.
//!
//! A code is stable for ever. Its page under `docs/errors` is part of the binary and served at
//! `/v1/errors/CODE`.

/// A kind of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The name in words.
    pub title: &'static str,
    /// The page: what it means, where it comes from, what to do.
    pub page: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        impl Code {
            $(
                $(#[$doc])*
                pub const $constant: Code = Code {
                    name: $name,
                    status: $status,
                    title: $title,
                    page: include_str!(concat!("../../../../docs/errors/", $name, ".md")),
                };
            )*

            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$constant),*];
        }
    };
}

codes! {
    /// No leader, or no majority.
    UNAVAILABLE = "unavailable", 503, "No majority or no leader";
    /// Too late.
    DEADLINE_EXCEEDED = "deadline-exceeded", 504, "The deadline passed";
    /// A queue is full.
    OVERLOADED = "overloaded", 503, "A queue is full";
    /// No room on the disk.
    DISK_FULL = "disk-full", 507, "The disk is full";
    /// No room in the keyspace.
    QUOTA_EXCEEDED = "quota-exceeded", 507, "The keyspace is at its quota";
    /// No such keyspace.
    KEYSPACE_NOT_FOUND = "keyspace-not-found", 404, "No such keyspace";
    /// Another contract.
    KEYSPACE_EXISTS = "keyspace-exists", 409, "The keyspace exists with another contract";
    /// Not a name.
    KEYSPACE_NAME = "keyspace-name", 400, "Not a name for a keyspace";
    /// Another program.
    PROGRAM_MISMATCH = "program-mismatch", 400, "The keyspace runs another program";
    /// A contract that cannot be kept.
    CONTRACT_REFUSED = "contract-refused", 400, "The contract was refused";
    /// A session of a history that was cut.
    SESSION_INCARNATION = "session-incarnation", 409, "The session is of another incarnation";
    /// No replica is far enough.
    SESSION_AHEAD = "session-ahead", 503, "No replica has reached the session's position";
    /// One id, two requests.
    REQUEST_ID_REUSED = "request-id-reused", 422, "The request id names another request";
    /// Declared not done.
    REQUEST_CANCELLED = "request-cancelled", 409, "The request was declared not done";
    /// The request itself is wrong.
    INVALID_REQUEST = "invalid-request", 400, "The request is wrong";
    /// A node that cannot take part.
    NODE = "node", 409, "The node cannot take part in this change";
    /// A shard that cannot be changed now.
    SHARD = "shard", 409, "The shard cannot be changed now";
    /// State that cannot be read.
    STORAGE = "storage", 500, "The state on this node cannot be read";
    /// History that is gone, or never was.
    VERSION_NOT_KEPT = "version-not-kept", 410, "The version is not kept";

    /// An even number of replicas.
    CONTRACT_REPLICAS = "contract-replicas", 400, "Replicas are 1, 3, 5 or 7";
    /// More replicas than nodes.
    CONTRACT_PLACEMENT = "contract-placement", 400, "The replicas cannot be placed";
    /// A level that cannot be met.
    CONTRACT_LEVEL = "contract-level", 400, "The read level cannot be met";
    /// A window out of range.
    CONTRACT_WINDOW = "contract-window", 400, "A window is out of range";
    /// A promise that is not enforced.
    CONTRACT_UNENFORCEABLE = "contract-unenforceable", 400, "The promise cannot be enforced yet";
    /// Not a field, or not a value of it.
    CONTRACT_FIELD = "contract-field", 400, "A field of the contract is wrong";

    /// No such route.
    ROUTE_NOT_FOUND = "route-not-found", 404, "No such route";
    /// Another method.
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The route has no such method";
    /// Not a path.
    INVALID_PATH = "invalid-path", 400, "The path is wrong";
    /// Not a parameter.
    INVALID_PARAMETER = "invalid-parameter", 400, "A parameter is wrong";
    /// Not a header.
    INVALID_HEADER = "invalid-header", 400, "A header is wrong";
    /// Not a body.
    INVALID_BODY = "invalid-body", 400, "The body is wrong";
    /// Not a key.
    INVALID_KEY = "invalid-key", 400, "Not a key";
    /// Not a media type.
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "The media type is not understood";
    /// Too many bytes.
    TOO_LARGE = "too-large", 413, "The body is too large";
    /// A body that does not arrive.
    REQUEST_TIMEOUT = "request-timeout", 408, "The request did not arrive in time";
    /// No such key.
    KEY_NOT_FOUND = "key-not-found", 404, "No such key";
    /// A condition that did not hold.
    CONDITION_FAILED = "condition-failed", 412, "The condition did not hold";
    /// A sum beyond 64 bits.
    COUNTER_OVERFLOW = "counter-overflow", 409, "The counter would overflow";
    /// No such lease.
    LEASE_NOT_FOUND = "lease-not-found", 404, "No such lease";
    /// A lease of that id.
    LEASE_EXISTS = "lease-exists", 409, "The lease exists";
    /// A lock that is not held at its token.
    GUARD_FAILED = "guard-failed", 412, "The guard's lock is not held";
    /// A lock that lies elsewhere.
    GUARD_ELSEWHERE = "guard-elsewhere", 409, "The guard cannot be checked there";
    /// No such semaphore.
    SEMAPHORE_NOT_FOUND = "semaphore-not-found", 404, "No such semaphore";
    /// Permits that do not fit.
    SEMAPHORE_PERMITS = "semaphore-permits", 409, "The permits do not fit";
    /// A double barrier in another state.
    BARRIER_STATE = "barrier-state", 409, "The double barrier does not fit";
    /// An instance of another lease.
    INSTANCE_TAKEN = "instance-taken", 409, "The instance is registered by another";
    /// No such instance.
    INSTANCE_NOT_FOUND = "instance-not-found", 404, "No such instance";
    /// Nobody stands.
    NO_CANDIDATE = "no-candidate", 404, "Nobody stands";
    /// A limit of the keyspace.
    COORDINATION_LIMIT = "coordination-limit", 409, "A limit of the keyspace";
    /// An import is under way.
    KEYSPACE_IMPORTING = "keyspace-importing", 409, "An import is under way";
    /// A keyspace with users.
    AUTH_REQUIRED = "auth-required", 403, "The keyspace has users";
    /// Not a level.
    UNKNOWN_CONSISTENCY = "unknown-consistency", 400, "Not a consistency";
    /// A level that cannot be met.
    UNAVAILABLE_CONSISTENCY = "unavailable-consistency", 400, "The consistency cannot be met yet";
    /// Not a session token.
    SESSION_MALFORMED = "session-malformed", 400, "Not a session token";
    /// A cursor of a history that was cut.
    CURSOR_INCARNATION = "cursor-incarnation", 409, "The cursor is of another incarnation";
    /// Faults may not be injected.
    CHAOS_OFF = "chaos-off", 403, "Faults may not be injected here";
    /// A fault that could not be injected.
    CHAOS_FAILED = "chaos-failed", 400, "The fault could not be injected";
    /// A pipe, asked for without an upgrade.
    UPGRADE_REQUIRED = "upgrade-required", 426, "The connection must be upgraded";
    /// Too many connections.
    TOO_MANY_CONNECTIONS = "too-many-connections", 503, "Too many connections";
    /// A bug.
    INTERNAL = "internal", 500, "An internal error";
}

impl Code {
    /// The code of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name == name)
    }
}

impl From<database::Code> for Code {
    fn from(code: database::Code) -> Code {
        Code::parse(code.name()).unwrap_or(Code::INTERNAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_database_has_a_page() {
        for code in database::Code::ALL {
            assert!(Code::parse(code.name()).is_some(), "no page for {}", code.name());
        }
    }

    #[test]
    fn pages_start_with_their_code_and_say_what_to_do() {
        for code in Code::ALL {
            assert!(code.page.starts_with(&format!("# {}\n", code.name)), "{}", code.name);
            for part in ["## What it means", "## Causes", "## What to do"] {
                assert!(code.page.contains(part), "{}: {part}", code.name);
            }
            assert!(code.page.contains(&format!("HTTP {}", code.status)), "{}", code.name);
        }
    }

    #[test]
    fn every_page_belongs_to_a_code_and_no_name_is_used_twice() {
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        for entry in std::fs::read_dir(pages).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let code = name.trim_end_matches(".md");
            let named = Code::ALL.iter().filter(|known| known.name == code).count();
            let operation = usize::from(crate::http::operation::page(code).is_some());
            assert_eq!(named + operation, 1, "{name}");
        }
    }
}
