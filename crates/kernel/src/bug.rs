//! Planted bugs.
//!
//! A checker that never failed is not trusted. Each mutant is a known bug behind a switch that
//! exists only when the feature `mutants` is on; without it [`planted`] is the constant `false`
//! and the branch is compiled out. With the feature on, at most one bug is planted per process,
//! by `plant`, for the whole run.

/// Every known bug. The table in `docs/mutants.md` is generated from this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Bug {
    /// AppendEntries truncates the log even where nothing conflicts.
    TruncateWithoutConflict = 1,
    /// The follower's commit index is not clamped to what was verified.
    CommitWithoutClamp,
    /// A vote leaves before it is durable.
    VoteBeforeDurable,
    /// An append is acknowledged before it is durable.
    AckBeforeDurable,
    /// The leader commits entries of earlier terms by counting replicas.
    CommitOldTerm,
    /// Half of an even group counts as a majority.
    HalfIsMajority,
    /// A leader serves reads without confirming that it still leads.
    ReadWithoutQuorum,
    /// The lease ignores the drift bound and the clock's rate.
    LeaseTrustsClock,
    /// Entries below the applied index are applied again after a restart.
    ApplyTwice,
    /// The snapshot leaves out the outcome table.
    SnapshotWithoutOutcomes,
    /// The snapshot's metadata is persisted before its data.
    SnapshotMetaFirst,
    /// A wiped disk votes as if it remembered.
    WipedDiskVotes,
    /// A torn record at the tail is taken as whole.
    TornTailAccepted,
    /// Damage in the middle of the journal is treated as a torn tail.
    DamageAsTornTail,
    /// A membership change takes effect without the joint phase.
    SkipJoint,
    /// A learner counts in quorums.
    LearnerCounts,
    /// Leadership is transferred to a follower that has not caught up.
    TransferWithoutCatchUp,
    /// The reply does not wait for the commit.
    ReplyBeforeCommit,
    /// A follower ignores the session's version.
    SessionIgnored,
    /// A scan shows a key that a concurrent delete removed at the scan's version.
    ScanMissesDelete,
    /// What was overwritten is forgotten in half the time for which it is kept.
    ForgottenTooSoon,
    /// Expiry is judged by the local wall clock in apply.
    TtlByLocalClock,
    /// The outcome table is not consulted: a repeated request takes effect again.
    OutcomeIgnored,
    /// A node votes twice in one term.
    DoubleVote,
    /// The vote ignores how complete the candidate's log is.
    VoteIgnoresLog,
    /// Fate answers "not done" without fencing the request.
    FateWithoutFence,
    /// A bad checksum is accepted.
    ChecksumIgnored,
    /// A log is taken to end before the first entry that the disk has lost.
    LostEntryForgotten,
    /// A move to a node that holds a replica already leaves the shard with one fewer.
    MoveShrinks,
    /// The leader counts the time of leases though no majority has answered it.
    LeaseTimeUnproven,
    /// A new leader has counted leases since it heard of their grant, as a follower.
    LeaseNotFrozen,
    /// A keep-alive is answered without confirming that the replica still leads.
    KeepAliveUnconfirmed,
    /// A new leader gives leases their whole time, whatever was noted.
    CheckpointIgnored,
    /// A lease is ended although it was renewed since its end was decided.
    ExpiryIgnoresRenewal,
    /// A keep-alive is answered although the end of its lease is proposed.
    KeepAliveWhileEnding,
    /// A keep-alive behind a checkpoint is answered without the log.
    KeepAliveNotLogged,
    /// A watch resumes one revision late.
    WatchOneLate,
    /// A page of changes that cuts a revision is gone on with behind it.
    CutRevisionLost,
    /// Who watches is not told the last of several changes of a command.
    StepUntold,
    /// Compaction swallows the changes of the first revision that is left.
    CompactedTooFar,
    /// A revision that is compacted can still be read.
    CompactedReadable,
    /// A lock is granted while the lease of its holder is running out.
    LockWhileEnding,
    /// A guard lets every write in.
    GuardIgnored,
    /// A key that is made again, such as a candidacy, has the revision of its first making.
    PlaceReused,
    /// A transaction compares the state before the last revision.
    CompareStale,
    /// A key that was put without its lease still ends with it.
    DetachIgnored,
    /// The snapshot leaves out the revision: it is given out again.
    SnapshotWithoutRevision,
    /// A permission that was revoked since the caller logged in still counts.
    PermissionOfThePast,
    /// What a transaction inside a transaction touches is not checked.
    InnerTxnUnchecked,
    /// A token outlives its user and the password that it was given for.
    TokenOutlivesPassword,
    /// A place in a semaphore holds although only what is before it suffices.
    PermitsOverrun,
    /// A barrier that ends with a lease is told to be down.
    BarrierUnseen,
    /// A double barrier opens when one is still missing.
    OpenedEarly,
    /// A sequential key has the number of the revision before it.
    SequenceReused,
    /// An instance is registered although another lease holds its name.
    InstanceStolen,
    /// An instance is not listed while its lease is running out.
    InstanceWhileEnding,
    /// A cut of history leaves leases and revisions as they were.
    CutForgotten,
    /// A hole in the journal counts as healed because a later one was.
    HealedUpTo,
    /// A log whose appends do not connect is believed as far as it goes.
    GapBelieved,
    /// In the joint phase a majority of the new voters decides alone.
    NewHalfDecides,
    /// A node takes its copy of the catalog for as new as the leader's.
    CatalogBelieved,
    /// Commands are stamped with the leader's own clock, whatever the others' say.
    OwnClock,
    /// The journal goes on after a failed sync, as if the next one made up for it.
    SyncFailureForgotten,
    /// A condition of a key-value write always holds.
    ConditionIgnored,
    /// A page of a scan begins one key too late.
    PageSkipsKey,
    /// A watch that comes late is not told what it missed.
    MissedUntold,
    /// A watch is told of revisions before the one that it wants.
    ToldTooEarly,
    /// A revision that a page cuts is told in two parts.
    RevisionSplit,
    /// What is told goes on although revisions are missing before it.
    GapTold,
    /// A watch whose stream had no room reads on one revision late.
    RoomLost,
    /// What is told counts before it is known who may see it.
    ToldUnlooked,
    /// A stream is said to have come as far as the hub, although a watch is behind.
    ProgressTooFar,
    /// What was to be said of a stream is said of a watch that began since.
    ProgressTooSoon,
    /// A watch is told what was kept from another auth revision.
    KeptForOthers,
    /// A node that starts goes by the membership of its snapshot, whatever its log says.
    MembershipForgotten,
    /// A node that has not caught up, or never started, becomes a voter.
    StrangerVotes,
    /// A node numbers its calls as before it started: late answers are taken for others.
    NumbersReused,
    /// What a follower lost is not sent again.
    LossUnnoticed,
    /// A change of the membership forgets how far the followers are.
    ProgressForgotten,
    /// A call that went to its next stage is not looked at when its deadline passes.
    CallForgotten,
    /// A replica that the copy of the catalog here does not know yet is dropped.
    UnknownDropped,
    /// A drop is acknowledged before those who held the keyspace have heard of it.
    DropUnheard,
    /// A read takes what comes for any shard for the answer of its own.
    AnswerOfAnother,
    /// A log is believed that goes on from more than the engine holds.
    OldEngineBelieved,
}

impl Bug {
    /// Every bug with what it does.
    pub const ALL: [(Bug, &'static str); 84] = [
        (
            Bug::TruncateWithoutConflict,
            "AppendEntries truncates the log even where nothing conflicts",
        ),
        (
            Bug::CommitWithoutClamp,
            "The follower's commit index is not clamped to what was verified",
        ),
        (Bug::VoteBeforeDurable, "A vote leaves before it is durable"),
        (Bug::AckBeforeDurable, "An append is acknowledged before it is durable"),
        (Bug::CommitOldTerm, "The leader commits entries of earlier terms by counting replicas"),
        (Bug::HalfIsMajority, "Half of an even group counts as a majority"),
        (Bug::ReadWithoutQuorum, "A leader serves reads without confirming that it still leads"),
        (Bug::LeaseTrustsClock, "The lease ignores the drift bound and the clock's rate"),
        (Bug::ApplyTwice, "Entries below the applied index are applied again after a restart"),
        (Bug::SnapshotWithoutOutcomes, "The snapshot leaves out the outcome table"),
        (Bug::SnapshotMetaFirst, "The snapshot's metadata is persisted before its data"),
        (Bug::WipedDiskVotes, "A wiped disk votes as if it remembered"),
        (Bug::TornTailAccepted, "A torn record at the tail is taken as whole"),
        (Bug::DamageAsTornTail, "Damage in the middle of the journal is treated as a torn tail"),
        (Bug::SkipJoint, "A membership change takes effect without the joint phase"),
        (Bug::LearnerCounts, "A learner counts in quorums"),
        (
            Bug::TransferWithoutCatchUp,
            "Leadership is transferred to a follower that has not caught up",
        ),
        (Bug::ReplyBeforeCommit, "The reply does not wait for the commit"),
        (Bug::SessionIgnored, "A follower ignores the session's version"),
        (
            Bug::ScanMissesDelete,
            "A scan shows a key that a concurrent delete removed at the scan's version",
        ),
        (
            Bug::ForgottenTooSoon,
            "What was overwritten is forgotten in half the time for which it is kept",
        ),
        (Bug::TtlByLocalClock, "Expiry is judged by the local wall clock in apply"),
        (
            Bug::OutcomeIgnored,
            "The outcome table is not consulted: a repeated request takes effect again",
        ),
        (Bug::DoubleVote, "A node votes twice in one term"),
        (Bug::VoteIgnoresLog, "The vote ignores how complete the candidate's log is"),
        (Bug::FateWithoutFence, "Fate answers that a request was not done without fencing it"),
        (Bug::ChecksumIgnored, "A bad checksum is accepted"),
        (
            Bug::LostEntryForgotten,
            "A log is taken to end before the first entry that the disk has lost",
        ),
        (
            Bug::MoveShrinks,
            "A move to a node that holds a replica already leaves the shard with one fewer",
        ),
        (
            Bug::LeaseTimeUnproven,
            "The leader counts the time of leases though no majority has answered it",
        ),
        (
            Bug::LeaseNotFrozen,
            "A new leader has counted leases since it heard of their grant, as a follower",
        ),
        (
            Bug::KeepAliveUnconfirmed,
            "A keep-alive is answered without confirming that the replica still leads",
        ),
        (Bug::CheckpointIgnored, "A new leader gives leases their whole time, whatever was noted"),
        (
            Bug::ExpiryIgnoresRenewal,
            "A lease is ended although it was renewed since its end was decided",
        ),
        (
            Bug::KeepAliveWhileEnding,
            "A keep-alive is answered although the end of its lease is proposed",
        ),
        (Bug::KeepAliveNotLogged, "A keep-alive behind a checkpoint is answered without the log"),
        (Bug::WatchOneLate, "A watch resumes one revision late"),
        (Bug::CutRevisionLost, "A page of changes that cuts a revision is gone on with behind it"),
        (Bug::StepUntold, "Who watches is not told the last of several changes of a command"),
        (
            Bug::CompactedTooFar,
            "Compaction swallows the changes of the first revision that is left",
        ),
        (Bug::CompactedReadable, "A revision that is compacted can still be read"),
        (Bug::LockWhileEnding, "A lock is granted while the lease of its holder is running out"),
        (Bug::GuardIgnored, "A guard lets every write in"),
        (
            Bug::PlaceReused,
            "A key that is made again, such as a candidacy, has the revision of its first making",
        ),
        (Bug::CompareStale, "A transaction compares the state before the last revision"),
        (Bug::DetachIgnored, "A key that was put without its lease still ends with it"),
        (
            Bug::SnapshotWithoutRevision,
            "The snapshot leaves out the revision: it is given out again",
        ),
        (
            Bug::PermissionOfThePast,
            "A permission that was revoked since the caller logged in still counts",
        ),
        (Bug::InnerTxnUnchecked, "What a transaction inside a transaction touches is not checked"),
        (
            Bug::TokenOutlivesPassword,
            "A token outlives its user and the password that it was given for",
        ),
        (
            Bug::PermitsOverrun,
            "A place in a semaphore holds although only what is before it suffices",
        ),
        (Bug::BarrierUnseen, "A barrier that ends with a lease is told to be down"),
        (Bug::OpenedEarly, "A double barrier opens when one is still missing"),
        (Bug::SequenceReused, "A sequential key has the number of the revision before it"),
        (Bug::InstanceStolen, "An instance is registered although another lease holds its name"),
        (Bug::InstanceWhileEnding, "An instance is not listed while its lease is running out"),
        (Bug::CutForgotten, "A cut of history leaves leases and revisions as they were"),
        (Bug::HealedUpTo, "A hole in the journal counts as healed because a later one was"),
        (Bug::GapBelieved, "A log whose appends do not connect is believed as far as it goes"),
        (Bug::NewHalfDecides, "In the joint phase a majority of the new voters decides alone"),
        (Bug::CatalogBelieved, "A node takes its copy of the catalog for as new as the leader's"),
        (
            Bug::OwnClock,
            "Commands are stamped with the leader's own clock, whatever the others' say",
        ),
        (
            Bug::SyncFailureForgotten,
            "The journal goes on after a failed sync, as if the next one made up for it",
        ),
        (Bug::ConditionIgnored, "A condition of a key-value write always holds"),
        (Bug::PageSkipsKey, "A page of a scan begins one key too late"),
        (Bug::MissedUntold, "A watch that comes late is not told what it missed"),
        (Bug::ToldTooEarly, "A watch is told of revisions before the one that it wants"),
        (Bug::RevisionSplit, "A revision that a page cuts is told in two parts"),
        (Bug::GapTold, "What is told goes on although revisions are missing before it"),
        (Bug::RoomLost, "A watch whose stream had no room reads on one revision late"),
        (Bug::ToldUnlooked, "What is told counts before it is known who may see it"),
        (
            Bug::ProgressTooFar,
            "A stream is said to have come as far as the hub, although a watch is behind",
        ),
        (
            Bug::ProgressTooSoon,
            "What was to be said of a stream is said of a watch that began since",
        ),
        (Bug::KeptForOthers, "A watch is told what was kept from another auth revision"),
        (
            Bug::MembershipForgotten,
            "A node that starts goes by the membership of its snapshot, whatever its log says",
        ),
        (Bug::StrangerVotes, "A node that has not caught up, or never started, becomes a voter"),
        (
            Bug::NumbersReused,
            "A node numbers its calls as before it started: late answers are taken for others",
        ),
        (Bug::LossUnnoticed, "What a follower lost is not sent again"),
        (Bug::ProgressForgotten, "A change of the membership forgets how far the followers are"),
        (Bug::CallForgotten, "The deadline of a call that went to its next stage is not kept"),
        (
            Bug::UnknownDropped,
            "A replica that the copy of the catalog here does not know yet is dropped",
        ),
        (
            Bug::DropUnheard,
            "A drop is acknowledged before those who held the keyspace have heard of it",
        ),
        (Bug::AnswerOfAnother, "A read takes what comes for any shard for the answer of its own"),
        (Bug::OldEngineBelieved, "A log is believed that goes on from more than the engine holds"),
    ];
}

/// The bug that is planted, or zero.
#[cfg(feature = "mutants")]
static PLANTED: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

/// Plants a bug for the rest of the run, or removes it.
#[cfg(feature = "mutants")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u8), core::sync::atomic::Ordering::Relaxed);
}

/// Whether this bug is planted.
#[cfg(feature = "mutants")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    PLANTED.load(core::sync::atomic::Ordering::Relaxed) == bug as u8
}

/// Whether this bug is planted: never, in a build without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
#[must_use]
pub const fn planted(_bug: Bug) -> bool {
    false
}
