//! Which tests below the whole catch a bug, too.

use kernel::bug::Bug;

/// The lower level at which a bug is caught as well, by the tests named `mutants` of that crate.
#[must_use]
pub fn level(bug: Bug) -> Option<&'static str> {
    match bug {
        Bug::TruncateWithoutConflict
        | Bug::CommitWithoutClamp
        | Bug::VoteBeforeDurable
        | Bug::AckBeforeDurable
        | Bug::CommitOldTerm
        | Bug::HalfIsMajority
        | Bug::ReadWithoutQuorum
        | Bug::LeaseTrustsClock
        | Bug::WipedDiskVotes
        | Bug::SkipJoint
        | Bug::LearnerCounts
        | Bug::TransferWithoutCatchUp
        | Bug::DoubleVote
        | Bug::VoteIgnoresLog
        | Bug::LostEntryForgotten
        | Bug::GapBelieved
        | Bug::NewHalfDecides
        | Bug::MembershipForgotten
        | Bug::StrangerVotes
        | Bug::LossUnnoticed
        | Bug::ProgressForgotten => Some("raft"),
        Bug::SnapshotWithoutOutcomes
        | Bug::TornTailAccepted
        | Bug::DamageAsTornTail
        | Bug::ScanMissesDelete
        | Bug::ChecksumIgnored
        | Bug::HealedUpTo
        | Bug::SyncFailureForgotten => Some("store"),
        Bug::LeaseTimeUnproven
        | Bug::LeaseNotFrozen
        | Bug::KeepAliveUnconfirmed
        | Bug::CheckpointIgnored
        | Bug::ExpiryIgnoresRenewal
        | Bug::KeepAliveWhileEnding
        | Bug::KeepAliveNotLogged
        | Bug::CatalogBelieved
        | Bug::OwnClock
        | Bug::CallForgotten
        | Bug::DropUnheard
        | Bug::AnswerOfAnother
        | Bug::OldEngineBelieved => Some("database"),
        Bug::PermissionOfThePast
        | Bug::InnerTxnUnchecked
        | Bug::TokenOutlivesPassword
        | Bug::PermitsOverrun
        | Bug::BarrierUnseen
        | Bug::OpenedEarly
        | Bug::SequenceReused
        | Bug::InstanceStolen
        | Bug::InstanceWhileEnding
        | Bug::CutForgotten
        | Bug::ConditionIgnored
        | Bug::PageSkipsKey => Some("layers"),
        Bug::MissedUntold
        | Bug::ToldTooEarly
        | Bug::RevisionSplit
        | Bug::GapTold
        | Bug::RoomLost
        | Bug::ToldUnlooked
        | Bug::ProgressTooFar
        | Bug::ProgressTooSoon
        | Bug::KeptForOthers => Some("gateways"),
        Bug::ApplyTwice
        | Bug::SnapshotMetaFirst
        | Bug::ReplyBeforeCommit
        | Bug::SessionIgnored
        | Bug::TtlByLocalClock
        | Bug::OutcomeIgnored
        | Bug::FateWithoutFence
        | Bug::MoveShrinks
        | Bug::WatchOneLate
        | Bug::CutRevisionLost
        | Bug::ForgottenTooSoon
        | Bug::StepUntold
        | Bug::CompactedTooFar
        | Bug::CompactedReadable
        | Bug::LockWhileEnding
        | Bug::GuardIgnored
        | Bug::PlaceReused
        | Bug::CompareStale
        | Bug::DetachIgnored
        | Bug::SnapshotWithoutRevision
        | Bug::NumbersReused
        | Bug::UnknownDropped => None,
    }
}
