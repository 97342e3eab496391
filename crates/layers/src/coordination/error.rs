//! Why nothing happened: etcd's errors, with its codes and texts, so that its clients know what to
//! do, and a few of our own where etcd has no limit or no such command.

use core::fmt;

use prost::Enumeration;
use store::engine::EngineError;

/// An error. The numbers are in replies: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Error {
    /// A reply of a later version that this one does not know.
    Unknown = 0,
    /// A request has no key.
    EmptyKey = 1,
    /// A put keeps the value or lease of a key that is not there, or an operation is empty.
    KeyNotFound = 2,
    /// A put keeps the value and has one.
    ValueProvided = 3,
    /// A put keeps the lease and has one.
    LeaseProvided = 4,
    /// A transaction has too many operations.
    TooManyOps = 5,
    /// A transaction changes a key twice.
    DuplicateKey = 6,
    /// A range sorts by or in what does not exist.
    InvalidSortOption = 7,
    /// The revision is compacted.
    Compacted = 8,
    /// The revision is still to come.
    FutureRev = 9,
    /// There is no such lease.
    LeaseNotFound = 10,
    /// There is such a lease already.
    LeaseExist = 11,
    /// The time of a lease is too long.
    LeaseTtlTooLarge = 12,
    /// A request, a key or a name is too long.
    RequestTooLarge = 13,
    /// Nobody stands in the election.
    NoLeader = 14,
    /// The candidacy is over.
    NotLeader = 15,
    /// A request names no candidacy.
    MissingLeader = 16,
    /// A guard's lock is not held at its token.
    GuardFailed = 17,
    /// An answer would be too long.
    AnswerTooLarge = 18,
    /// A command would change too many keys.
    TooManyChanges = 19,
    /// There are too many leases, or too many in one command.
    TooManyLeases = 20,
    /// A query would change something.
    NotReadOnly = 21,
    /// An import is under way.
    Importing = 22,
    /// An import would begin in a keyspace that holds something.
    NotEmpty = 23,
    /// A piece of an import does not follow what is there.
    ImportOutOfPlace = 24,
    /// A piece of an import holds what no keyspace can hold.
    NotImportable = 25,
    /// Auth needs a user `root` to be turned on.
    RootUserNotExist = 30,
    /// The user `root` needs the role `root`.
    RootRoleNotExist = 31,
    /// There is such a user already.
    UserAlreadyExist = 32,
    /// A request names no user, or comes from nobody.
    UserEmpty = 33,
    /// There is no such user.
    UserNotFound = 34,
    /// There is such a role already.
    RoleAlreadyExist = 35,
    /// There is no such role.
    RoleNotFound = 36,
    /// A request names no role.
    RoleEmpty = 37,
    /// The name or the password is wrong.
    AuthFailed = 38,
    /// A request gives no permission.
    PermissionNotGiven = 39,
    /// Whoever asks may not do this.
    PermissionDenied = 40,
    /// The user does not have the role.
    RoleNotGranted = 41,
    /// The role does not have the permission.
    PermissionNotGranted = 42,
    /// Auth is off.
    AuthNotEnabled = 43,
    /// The token is not, or no longer, good.
    InvalidAuthToken = 44,
    /// It would leave nobody who may change auth, or is no range.
    InvalidAuthMgmt = 45,
    /// The replica has not applied what the token's login saw.
    AuthOldRevision = 46,
    /// There are too many users or roles, or too many of one user or one role.
    TooManyIdentities = 47,
    /// A password came where its hash belongs.
    PlainPassword = 48,
    /// A name has no bytes, too many, a slash, or is no text.
    NameNotPlain = 49,
    /// The key is there already.
    KeyExists = 50,
    /// There is no such semaphore.
    NoSemaphore = 51,
    /// A semaphore has, or a place asked for, another number of permits.
    PermitsDiffer = 52,
    /// A place asks for more permits than there are.
    TooManyPermits = 53,
    /// More permits are held or asked for than there would be.
    PermitsInUse = 54,
    /// The double barrier waits for another number of members.
    CountDiffers = 55,
    /// The double barrier is open until all have left.
    BarrierOpen = 56,
    /// A number of permits or members is out of range.
    NoCount = 57,
    /// The instance is registered under another lease.
    InstanceTaken = 58,
    /// The instance is not registered under this lease.
    NotRegistered = 59,
    /// A health is none that there is, or its note is too long.
    NoHealth = 60,
    /// Too many wait in one semaphore or double barrier.
    TooManyWait = 61,
}

/// A status code of gRPC. The numbers are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum Code {
    /// `UNKNOWN`.
    Unknown = 2,
    /// `INVALID_ARGUMENT`.
    InvalidArgument = 3,
    /// `NOT_FOUND`.
    NotFound = 5,
    /// `PERMISSION_DENIED`.
    PermissionDenied = 7,
    /// `RESOURCE_EXHAUSTED`.
    ResourceExhausted = 8,
    /// `FAILED_PRECONDITION`.
    FailedPrecondition = 9,
    /// `OUT_OF_RANGE`.
    OutOfRange = 11,
    /// `UNAUTHENTICATED`.
    Unauthenticated = 16,
}

impl Error {
    /// The error of a reply.
    pub(super) fn of(code: Option<i32>) -> Error {
        code.and_then(|code| Error::try_from(code).ok()).unwrap_or(Error::Unknown)
    }

    /// The status code. The lock and election services of etcd answer every error with
    /// [`Code::Unknown`] and the same text.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Error::Unknown | Error::NoLeader | Error::NotLeader | Error::MissingLeader => {
                Code::Unknown
            }
            Error::EmptyKey
            | Error::KeyNotFound
            | Error::ValueProvided
            | Error::LeaseProvided
            | Error::TooManyOps
            | Error::DuplicateKey
            | Error::InvalidSortOption
            | Error::RequestTooLarge
            | Error::NotReadOnly
            | Error::NotImportable
            | Error::UserEmpty
            | Error::RoleEmpty
            | Error::AuthFailed
            | Error::PermissionNotGiven
            | Error::InvalidAuthMgmt
            | Error::AuthOldRevision
            | Error::PlainPassword
            | Error::NameNotPlain
            | Error::TooManyPermits
            | Error::NoCount
            | Error::NoHealth => Code::InvalidArgument,
            Error::PermissionDenied => Code::PermissionDenied,
            Error::InvalidAuthToken => Code::Unauthenticated,
            Error::Compacted | Error::FutureRev | Error::LeaseTtlTooLarge => Code::OutOfRange,
            Error::LeaseNotFound | Error::NoSemaphore | Error::NotRegistered => Code::NotFound,
            Error::LeaseExist
            | Error::GuardFailed
            | Error::Importing
            | Error::NotEmpty
            | Error::ImportOutOfPlace
            | Error::RootUserNotExist
            | Error::RootRoleNotExist
            | Error::UserAlreadyExist
            | Error::UserNotFound
            | Error::RoleAlreadyExist
            | Error::RoleNotFound
            | Error::RoleNotGranted
            | Error::PermissionNotGranted
            | Error::AuthNotEnabled
            | Error::KeyExists
            | Error::PermitsDiffer
            | Error::PermitsInUse
            | Error::CountDiffers
            | Error::BarrierOpen
            | Error::InstanceTaken => Code::FailedPrecondition,
            Error::AnswerTooLarge
            | Error::TooManyChanges
            | Error::TooManyLeases
            | Error::TooManyIdentities
            | Error::TooManyWait => Code::ResourceExhausted,
        }
    }

    /// The text. Clients compare etcd's.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Error::Unknown => "quorate: an error that this version does not know",
            Error::EmptyKey => "etcdserver: key is not provided",
            Error::KeyNotFound => "etcdserver: key not found",
            Error::ValueProvided => "etcdserver: value is provided",
            Error::LeaseProvided => "etcdserver: lease is provided",
            Error::TooManyOps => "etcdserver: too many operations in txn request",
            Error::DuplicateKey => "etcdserver: duplicate key given in txn request",
            Error::InvalidSortOption => "etcdserver: invalid sort option",
            Error::Compacted => "etcdserver: mvcc: required revision has been compacted",
            Error::FutureRev => "etcdserver: mvcc: required revision is a future revision",
            Error::LeaseNotFound => "etcdserver: requested lease not found",
            Error::LeaseExist => "etcdserver: lease already exists",
            Error::LeaseTtlTooLarge => "etcdserver: too large lease TTL",
            Error::RequestTooLarge => "etcdserver: request is too large",
            Error::NoLeader => "election: no leader",
            Error::NotLeader => "election: not leader",
            Error::MissingLeader => "\"leader\" field must be provided",
            Error::GuardFailed => "quorate: the lock is not held at the guard's token",
            Error::AnswerTooLarge => "quorate: the answer is too large: ask for less at a time",
            Error::TooManyChanges => {
                "quorate: the request changes too many keys: remove fewer at a time"
            }
            Error::TooManyLeases => "quorate: too many leases",
            Error::NotReadOnly => "quorate: a query changes nothing",
            Error::Importing => "quorate: an import is under way: finish it first",
            Error::NotEmpty => "quorate: only an empty keyspace takes an import",
            Error::ImportOutOfPlace => "quorate: the piece does not follow what was imported",
            Error::NotImportable => "quorate: the piece holds what no keyspace can hold",
            Error::RootUserNotExist => "etcdserver: root user does not exist",
            Error::RootRoleNotExist => "etcdserver: root user does not have root role",
            Error::UserAlreadyExist => "etcdserver: user name already exists",
            Error::UserEmpty => "etcdserver: user name is empty",
            Error::UserNotFound => "etcdserver: user name not found",
            Error::RoleAlreadyExist => "etcdserver: role name already exists",
            Error::RoleNotFound => "etcdserver: role name not found",
            Error::RoleEmpty => "etcdserver: role name is empty",
            Error::AuthFailed => "etcdserver: authentication failed, invalid user ID or password",
            Error::PermissionNotGiven => "etcdserver: permission not given",
            Error::PermissionDenied => "etcdserver: permission denied",
            Error::RoleNotGranted => "etcdserver: role is not granted to the user",
            Error::PermissionNotGranted => "etcdserver: permission is not granted to the role",
            Error::AuthNotEnabled => "etcdserver: authentication is not enabled",
            Error::InvalidAuthToken => "etcdserver: invalid auth token",
            Error::InvalidAuthMgmt => "etcdserver: invalid auth management",
            Error::AuthOldRevision => "etcdserver: revision of auth store is old",
            Error::TooManyIdentities => "quorate: too many users, roles or permissions",
            Error::PlainPassword => "quorate: a password is not kept: send what it hashes to",
            Error::NameNotPlain => "quorate: a name has 1 to 255 bytes of text, and no slash",
            Error::KeyExists => "quorate: the key exists",
            Error::NoSemaphore => {
                "quorate: there is no such semaphore: say how many permits it has"
            }
            Error::PermitsDiffer => {
                "quorate: the semaphore or the place has another number of permits"
            }
            Error::TooManyPermits => "quorate: the semaphore does not have so many permits",
            Error::PermitsInUse => "quorate: more permits are held or waited for than that",
            Error::CountDiffers => {
                "quorate: the double barrier waits for another number of members"
            }
            Error::BarrierOpen => "quorate: the double barrier is open: wait until all have left",
            Error::NoCount => "quorate: a number of permits or members is 1 to 4294967295",
            Error::InstanceTaken => "quorate: the instance is registered under another lease",
            Error::NotRegistered => "quorate: the instance is not registered under this lease",
            Error::NoHealth => {
                "quorate: a health is passing, warning or critical, with a note of up to 1024 bytes"
            }
            Error::TooManyWait => "quorate: too many wait here",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}

/// What ends a command before it took effect.
#[derive(Debug)]
pub(super) enum Stop {
    /// Its sender has to know why.
    Refused(Error),
    /// The replica has to.
    Engine(EngineError),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Refused(error)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        Stop::Engine(error)
    }
}
