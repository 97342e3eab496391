//! Limits, each with its unit. etcd has the first four; the others bound what etcd leaves open.

/// The longest command, in bytes.
pub const REQUEST_BYTES_MAX: usize = 3 << 19;
/// The most operations on the way from a transaction to the innermost one inside it.
pub const TXN_OPS_MAX: usize = 128;
/// The shortest time of a lease, in seconds; less is raised to it.
pub const LEASE_TTL_MIN_S: i64 = 2;
/// The longest time of a lease, in seconds.
pub const LEASE_TTL_MAX_S: i64 = 9_000_000_000;

/// The most compares and operations of a transaction, with all transactions inside it.
pub const TXN_OPS_ALL_MAX: usize = 1_024;
/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 16 << 10;
/// The longest name of a lock or an election, in bytes: a slash and a lease follow it in a key.
pub const NAME_BYTES_MAX: usize = KEY_BYTES_MAX - 32;
/// The most keys that one command changes, so that none holds the replica for long. The end of a
/// lease is not bound by it, nor by the next one: it takes all its keys.
pub const CHANGES_MAX: usize = 100_000;
/// The most that one command moves from keys to their history, in bytes.
pub const MOVED_BYTES_MAX: usize = 64 << 20;
/// The most keys and values that the answer to a command carries, in bytes.
pub const REPLY_BYTES_MAX: usize = 8 << 20;
/// The most keys and values that the answer to a query carries, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The most guards of one command.
pub const GUARDS_MAX: usize = 16;
/// The most leases.
pub const LEASES_MAX: u64 = 4 << 20;
/// The most leases that one command renews, notes or ends.
pub const LEASES_PER_COMMAND_MAX: usize = 10_000;
/// The most leases of one page of records.
pub const LEASE_RECORDS_MAX: u32 = 10_000;
/// The most changes that one page of changes looks at.
pub const CHANGES_LOOKED_AT_MAX: u32 = 2_000;
/// A page of changes ends when its keys and values pass this many bytes.
pub const CHANGES_BYTES_MAX: usize = 4 << 20;
/// The most changes that are told where they are applied and were not taken yet.
pub const TOLD_EVENTS_MAX: usize = 2_000;
/// The same, in bytes of keys and values.
pub const TOLD_BYTES_MAX: usize = 1 << 20;
/// The longest piece of an import, in bytes: the longest key and value that a put can set fit in.
pub const IMPORT_BYTES_MAX: usize = REQUEST_BYTES_MAX + 1_024;
/// The most leases and keys in one piece of an import.
pub const IMPORT_ITEMS_MAX: usize = 10_000;
/// The highest revision that can be imported: half of all are left to count on.
pub const IMPORT_REVISION_MAX: i64 = i64::MAX / 2;
/// The longest name of what is imported, in bytes.
pub const IMPORT_SOURCE_BYTES_MAX: usize = 64;
/// The longest name of a user or a role, in bytes.
pub const IDENTITY_BYTES_MAX: usize = 1_024;
/// The longest hash of a password, in bytes.
pub const PASSWORD_HASH_BYTES_MAX: usize = 1_024;
/// The most users.
pub const USERS_MAX: u32 = 10_000;
/// The most roles.
pub const ROLES_MAX: u32 = 10_000;
/// The most roles of one user.
pub const ROLES_PER_USER_MAX: usize = 128;
/// The most permissions of one role.
pub const PERMISSIONS_PER_ROLE_MAX: usize = 1_024;
/// What tokens are signed with, in bytes.
pub const TOKEN_KEY_BYTES: usize = 32;
/// How far revisions jump where history is cut: more than can have been lost there.
pub const CUT_REVISIONS: i64 = 1_000_000_000_000;
/// The longest name of a semaphore, a barrier, a service or an instance, in bytes.
pub const PLAIN_NAME_BYTES_MAX: usize = 255;
/// The most permits of a semaphore, or members that a double barrier waits for.
pub const PERMITS_MAX: u64 = u32::MAX as u64;
/// The most places of a semaphore, or members of a double barrier.
pub const PLACES_MAX: usize = 10_000;
/// The longest note beside a health, in bytes.
pub const NOTE_BYTES_MAX: usize = 1_024;
/// The most instances that one page of services looks at.
pub const INSTANCES_MAX: usize = 1_000;
/// The digits of the number that a sequential key ends with.
pub const SEQUENCE_DIGITS: usize = 19;
/// The most changes that one sweep forgets.
pub const SWEEP_MAX: usize = 512;
