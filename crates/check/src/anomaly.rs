//! The names of what can go wrong, and what each means.

use serde::Serialize;

macro_rules! anomalies {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What a checker found, by the field's name for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Anomaly {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Anomaly {
            /// The name for people.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Anomaly::$name => $text,)+ }
            }
        }
    };
}

anomalies! {
    /// A read returned what nobody ever tried to write.
    Phantom = "phantom value",
    /// A read returned what a failed operation would have written (G1a).
    Aborted = "value of a failed write",
    /// A read returned a value before its write was even invoked.
    Future = "value from the future",
    /// A read missed a write that had completed before the read began.
    StaleRead = "stale read",
    /// A value came back after another one had been seen in its place: two histories live on.
    FlipFlop = "an old value came back",
    /// Two conditional updates both succeeded on one and the same value.
    LostUpdate = "lost update",
    /// No single anomaly, yet no order explains the operations.
    NotLinearizable = "no order explains this",
    /// A counter counted less than was acknowledged.
    LostIncrement = "lost increment",
    /// A counter counted more than was ever asked for.
    DoubleIncrement = "increment applied twice",
    /// Two additions returned the same total.
    DuplicateTotal = "one total given out twice",
    /// An acknowledged element is in no later read.
    LostElement = "lost element",
    /// An element is twice in one read.
    DuplicateElement = "duplicated element",
    /// Two reads each have an element that the other misses.
    LongFork = "reads disagree on the order",
    /// Two reads of a list are not prefixes of each other.
    IncompatibleOrder = "lists that fork",
    /// A list has its elements in an order that contradicts real time.
    RealTimeOrder = "order against real time",
    /// A transaction does not see its own writes, or sees one key change inside it.
    Internal = "a transaction contradicts itself",
    /// A read shows the middle of another transaction (G1b).
    Intermediate = "half of a transaction",
    /// A session read something older than it had read before.
    NonMonotonicRead = "non-monotonic read",
    /// A session did not see its own write.
    OwnWriteNotSeen = "own write not seen",
    /// Two writes of one session took effect in the other order.
    NonMonotonicWrite = "writes of a session reordered",
    /// A write is ordered before what its session had read.
    WriteBeforeRead = "write ordered before what its session read",
    /// One version names two different values.
    SplitVersion = "one version, two values",
    /// Versions of writes contradict real time.
    VersionOrder = "versions against real time",
    /// A read was staler than the bound allows.
    BoundExceeded = "staler than the bound",
    /// Two writes were given one revision.
    RevisionReused = "one revision given out twice",
    /// Revisions contradict real time.
    RevisionOrder = "revisions against real time",
    /// An answer is not what the state of its revision says.
    WrongState = "answer that its revision does not explain",
    /// A change that nobody asked for, or another than was asked for.
    WrongChange = "change that nothing explains",
    /// A request took effect more often than it was made.
    AppliedTwice = "write applied twice",
    /// A key is gone that nobody removed, and not with its lease.
    RemovedByNobody = "removed by nobody",
    /// A watcher was not told of a change.
    WatchMissed = "watcher missed a change",
    /// A watcher was told what its revision cannot hold, or what it had been told before.
    WatchInvented = "watcher was told too much",
    /// Two watchers were told different things.
    WatchersDisagree = "watchers disagree",
    /// Compacted is what nobody compacted, or readable what somebody did.
    WrongCompaction = "compaction answered wrongly",
    /// A lease ended although it had been kept alive.
    FalseExpiry = "lease ended before its time",
    /// A lease that was gone is there again.
    LeaseReturned = "lease came back",
    /// A lease is said to have less left than it has, or more than it was granted.
    TimeMisstated = "time of a lease misstated",
    /// Two hold one lock, or lead one election, or one does after its successor.
    TwoHolders = "two holders at once",
    /// A write was accepted from somebody who did not hold the lock any more.
    StaleGuard = "write accepted from a former holder",
    /// More permits of a semaphore were held at once than it has.
    TooManyHolders = "more holders than permits",
    /// Somebody went through a barrier that was up, or on before all were there.
    PassedEarly = "passed a barrier early",
    /// A numbered key has another number than that of its revision, or one that is not new.
    WrongNumber = "wrong number of a key",
    /// An instance of a service was not listed though its lease lived.
    FalseDeath = "instance missing while its lease lives",
}
