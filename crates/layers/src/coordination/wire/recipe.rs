//! Semaphores, barriers, nodes, services: what etcd leaves to recipes of its clients.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

use super::ResponseHeader;

/// A command of a recipe.
#[derive(Clone, PartialEq, Message)]
pub struct RecipeRequest {
    /// Which.
    #[prost(oneof = "RecipeAct", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub act: Option<RecipeAct>,
}

/// The commands of recipes.
#[derive(Clone, PartialEq, Oneof)]
pub enum RecipeAct {
    /// Makes a key that is not there.
    #[prost(message, tag = "1")]
    Create(CreateRequest),
    /// Says how many permits a semaphore has.
    #[prost(message, tag = "2")]
    Permits(PermitsRequest),
    /// Queues for permits.
    #[prost(message, tag = "3")]
    Acquire(AcquireRequest),
    /// Gives permits, or a place in the queue, back.
    #[prost(message, tag = "4")]
    Release(ReleaseRequest),
    /// Puts a barrier up.
    #[prost(message, tag = "5")]
    Raise(RaiseRequest),
    /// Takes a barrier away.
    #[prost(message, tag = "6")]
    Lift(LiftRequest),
    /// Joins those who wait for each other.
    #[prost(message, tag = "7")]
    Enter(EnterRequest),
    /// Leaves them.
    #[prost(message, tag = "8")]
    Leave(LeaveRequest),
    /// Registers an instance of a service.
    #[prost(message, tag = "9")]
    Register(RegisterRequest),
    /// Says how an instance is.
    #[prost(message, tag = "10")]
    Report(ReportRequest),
    /// Takes an instance off its service.
    #[prost(message, tag = "11")]
    Deregister(DeregisterRequest),
}

/// Makes a key that is not there.
#[derive(Clone, PartialEq, Message)]
pub struct CreateRequest {
    /// The key, or what it begins with.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Its value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// The lease that it ends with; 0 for none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// Whether the revision that makes it, in 19 digits, is added to the key.
    #[prost(bool, tag = "4")]
    pub sequential: bool,
}

/// Says how many permits a semaphore has.
#[derive(Clone, PartialEq, Message)]
pub struct PermitsRequest {
    /// Which semaphore.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// How many; 0 removes the semaphore.
    #[prost(uint64, tag = "2")]
    pub limit: u64,
}

/// Queues for permits, or finds the place already taken under the same lease.
#[derive(Clone, PartialEq, Message)]
pub struct AcquireRequest {
    /// Which semaphore.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease that the place ends with.
    #[prost(int64, tag = "2")]
    pub lease: i64,
    /// How many permits; 0 stands for 1.
    #[prost(uint64, tag = "3")]
    pub permits: u64,
    /// How many the semaphore has: makes it if it is not there. 0 leaves that to others.
    #[prost(uint64, tag = "4")]
    pub limit: u64,
}

/// Gives a place in a semaphore back.
#[derive(Clone, PartialEq, Message)]
pub struct ReleaseRequest {
    /// Which semaphore.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease of the place.
    #[prost(int64, tag = "2")]
    pub lease: i64,
    /// Only if this is its token; 0 for any.
    #[prost(int64, tag = "3")]
    pub token: i64,
}

/// Puts a barrier up.
#[derive(Clone, PartialEq, Message)]
pub struct RaiseRequest {
    /// Which barrier.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease that it ends with; 0 for none.
    #[prost(int64, tag = "2")]
    pub lease: i64,
}

/// Takes a barrier away.
#[derive(Clone, PartialEq, Message)]
pub struct LiftRequest {
    /// Which barrier.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
}

/// Joins those who wait until so many of them are there.
#[derive(Clone, PartialEq, Message)]
pub struct EnterRequest {
    /// Which double barrier.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease of the member.
    #[prost(int64, tag = "2")]
    pub lease: i64,
    /// How many it takes to open; all say the same.
    #[prost(uint64, tag = "3")]
    pub count: u64,
}

/// Leaves them: whether they are still waiting, or done.
#[derive(Clone, PartialEq, Message)]
pub struct LeaveRequest {
    /// Which double barrier.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease of the member.
    #[prost(int64, tag = "2")]
    pub lease: i64,
}

/// How an instance of a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Health {
    /// It serves.
    Passing = 0,
    /// It serves, and somebody should look.
    Warning = 1,
    /// It does not serve.
    Critical = 2,
}

/// Registers an instance of a service, or changes what it says.
#[derive(Clone, PartialEq, Message)]
pub struct RegisterRequest {
    /// Which service.
    #[prost(bytes = "bytes", tag = "1")]
    pub service: Bytes,
    /// Which instance of it.
    #[prost(bytes = "bytes", tag = "2")]
    pub instance: Bytes,
    /// The lease that the registration ends with.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// What it says of itself: where it is, and what else clients want.
    #[prost(bytes = "bytes", tag = "4")]
    pub value: Bytes,
    /// How it is.
    #[prost(enumeration = "Health", tag = "5")]
    pub health: i32,
    /// Why, for people.
    #[prost(bytes = "bytes", tag = "6")]
    pub note: Bytes,
}

/// Says how an instance is.
#[derive(Clone, PartialEq, Message)]
pub struct ReportRequest {
    /// Which service.
    #[prost(bytes = "bytes", tag = "1")]
    pub service: Bytes,
    /// Which instance of it.
    #[prost(bytes = "bytes", tag = "2")]
    pub instance: Bytes,
    /// The lease that it is registered under.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// How it is.
    #[prost(enumeration = "Health", tag = "4")]
    pub health: i32,
    /// Why, for people.
    #[prost(bytes = "bytes", tag = "5")]
    pub note: Bytes,
}

/// Takes an instance off its service.
#[derive(Clone, PartialEq, Message)]
pub struct DeregisterRequest {
    /// Which service.
    #[prost(bytes = "bytes", tag = "1")]
    pub service: Bytes,
    /// Which instance of it.
    #[prost(bytes = "bytes", tag = "2")]
    pub instance: Bytes,
    /// Only if it is registered under this lease; 0 for any.
    #[prost(int64, tag = "3")]
    pub lease: i64,
}

/// What a command of a recipe came to.
#[derive(Clone, PartialEq, Message)]
pub struct RecipeResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The rest.
    #[prost(oneof = "RecipeOutcome", tags = "2, 3, 4, 5")]
    pub outcome: Option<RecipeOutcome>,
}

/// What commands of recipes come to.
#[derive(Clone, PartialEq, Oneof)]
pub enum RecipeOutcome {
    /// A key was made.
    #[prost(message, tag = "2")]
    Created(Created),
    /// A place in a semaphore.
    #[prost(message, tag = "3")]
    Seat(Seat),
    /// Those who wait for each other.
    #[prost(message, tag = "4")]
    Gathering(Gathering),
    /// It is as it was asked to be.
    #[prost(message, tag = "5")]
    Settled(Settled),
}

/// A key was made.
#[derive(Clone, PartialEq, Message)]
pub struct Created {
    /// Its name, with what was added to it.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
}

/// A place in a semaphore.
#[derive(Clone, PartialEq, Message)]
pub struct Seat {
    /// The key that is the place.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// The fencing token: its create revision.
    #[prost(int64, tag = "2")]
    pub token: i64,
    /// Whether its permits are held.
    #[prost(bool, tag = "3")]
    pub held: bool,
    /// How many.
    #[prost(uint64, tag = "4")]
    pub permits: u64,
    /// The lease that it ends with.
    #[prost(int64, tag = "5")]
    pub lease: i64,
}

/// Those who wait for each other.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Gathering {
    /// How many are there.
    #[prost(uint64, tag = "1")]
    pub members: u64,
    /// How many it takes.
    #[prost(uint64, tag = "2")]
    pub count: u64,
    /// Whether so many have been there: all of them may go on.
    #[prost(bool, tag = "3")]
    pub open: bool,
    /// Whether the lease that asked is one of them.
    #[prost(bool, tag = "4")]
    pub member: bool,
}

/// It is as it was asked to be.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Settled {
    /// Whether something had to be changed for that.
    #[prost(bool, tag = "1")]
    pub changed: bool,
}

/// A question about a recipe.
#[derive(Clone, PartialEq, Message)]
pub struct RecipeQuery {
    /// Which.
    #[prost(oneof = "RecipeAsk", tags = "1, 2, 3, 4")]
    pub ask: Option<RecipeAsk>,
}

/// The questions about recipes.
#[derive(Clone, PartialEq, Oneof)]
pub enum RecipeAsk {
    /// Who holds permits, and who waits.
    #[prost(message, tag = "1")]
    Semaphore(SemaphoreRequest),
    /// Whether a barrier is up.
    #[prost(message, tag = "2")]
    Barrier(BarrierRequest),
    /// Who waits for each other.
    #[prost(message, tag = "3")]
    Gathering(GatheringRequest),
    /// Instances of services.
    #[prost(message, tag = "4")]
    Services(ServicesRequest),
}

/// Reads a semaphore.
#[derive(Clone, PartialEq, Message)]
pub struct SemaphoreRequest {
    /// Which.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
}

/// Reads a barrier.
#[derive(Clone, PartialEq, Message)]
pub struct BarrierRequest {
    /// Which.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
}

/// Reads a double barrier.
#[derive(Clone, PartialEq, Message)]
pub struct GatheringRequest {
    /// Which.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// Whose membership to tell; 0 for nobody's.
    #[prost(int64, tag = "2")]
    pub lease: i64,
}

/// Lists instances of services, in the order of their names.
#[derive(Clone, PartialEq, Message)]
pub struct ServicesRequest {
    /// Of this service; empty for all.
    #[prost(bytes = "bytes", tag = "1")]
    pub service: Bytes,
    /// Only those that are passing.
    #[prost(bool, tag = "2")]
    pub passing: bool,
    /// Only behind this key: [`Instance::key`] of the last one of a page.
    #[prost(bytes = "bytes", tag = "3")]
    pub after: Bytes,
    /// How many at most; 0 for as many as fit.
    #[prost(uint32, tag = "4")]
    pub limit: u32,
}

/// An answer about a recipe.
#[derive(Clone, PartialEq, Message)]
pub struct RecipeAnswer {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The rest.
    #[prost(oneof = "RecipeFound", tags = "2, 3, 4, 5")]
    pub found: Option<RecipeFound>,
}

/// The answers about recipes.
#[derive(Clone, PartialEq, Oneof)]
pub enum RecipeFound {
    /// A semaphore.
    #[prost(message, tag = "2")]
    Semaphore(Semaphore),
    /// A barrier.
    #[prost(message, tag = "3")]
    Barrier(Barrier),
    /// Those who wait for each other.
    #[prost(message, tag = "4")]
    Gathering(Gathering),
    /// Instances.
    #[prost(message, tag = "5")]
    Instances(Instances),
}

/// A semaphore.
#[derive(Clone, PartialEq, Message)]
pub struct Semaphore {
    /// How many permits it has; 0 if there is no such semaphore.
    #[prost(uint64, tag = "1")]
    pub limit: u64,
    /// Who holds, then who waits.
    #[prost(message, repeated, tag = "2")]
    pub seats: Vec<Seat>,
}

/// A barrier.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Barrier {
    /// Whether it is up.
    #[prost(bool, tag = "1")]
    pub raised: bool,
    /// Since which revision.
    #[prost(int64, tag = "2")]
    pub since: i64,
    /// The lease that it ends with; 0 if none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
}

/// Instances of services.
#[derive(Clone, PartialEq, Message)]
pub struct Instances {
    /// In the order of their keys.
    #[prost(message, repeated, tag = "1")]
    pub instances: Vec<Instance>,
    /// Whether there are more behind the last one.
    #[prost(bool, tag = "2")]
    pub more: bool,
    /// Where a next page begins: behind this key.
    #[prost(bytes = "bytes", tag = "3")]
    pub next: Bytes,
}

/// An instance of a service.
#[derive(Clone, PartialEq, Message)]
pub struct Instance {
    /// The key that it is registered under.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Which service.
    #[prost(string, tag = "2")]
    pub service: String,
    /// Which instance of it.
    #[prost(string, tag = "3")]
    pub instance: String,
    /// The lease that it ends with.
    #[prost(int64, tag = "4")]
    pub lease: i64,
    /// What it says of itself.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: Bytes,
    /// How it is.
    #[prost(enumeration = "Health", tag = "6")]
    pub health: i32,
    /// Why.
    #[prost(string, tag = "7")]
    pub note: String,
    /// The revision that registered it.
    #[prost(int64, tag = "8")]
    pub since: i64,
    /// The newest revision that changed it or its health.
    #[prost(int64, tag = "9")]
    pub changed: i64,
}
