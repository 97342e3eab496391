//! From observations to events: a kind, how bad it is, a sentence, and the facts.

use kernel::ShardId;
use raft::{CampaignReason, Note, StepDownReason};
use vigil::{Event, Severity};

/// The event of something that Raft saw; `None` for what happens with every batch of writes.
#[must_use]
pub fn of_raft(shard: ShardId, note: &Note) -> Option<Event> {
    let event = elections(note).or_else(|| hand_over(note)).or_else(|| logs(note));
    Some(event.or_else(|| memory(note))?.shard(shard.0))
}

fn info(kind: &str, text: impl Into<String>) -> Event {
    Event::new(kind, Severity::Info, text)
}

fn warning(kind: &str, text: impl Into<String>) -> Event {
    Event::new(kind, Severity::Warning, text)
}

fn elections(note: &Note) -> Option<Event> {
    Some(match *note {
        Note::BecameCandidate { pre, term, reason } => {
            let reason = campaign(reason);
            let what = if pre { "asks whether it could win an election" } else { "wants to lead" };
            let event = info("election-began", format!("{what}, because: {reason}"));
            event.term(term).with("reason", reason).with("pre_vote", pre)
        }
        Note::BecameLeader { term, took } => {
            let took = millis(took);
            let event = info("election-won", format!("leads from now on; elected in {took} ms"));
            event.term(term).with("took_ms", took)
        }
        Note::SteppedDown { role, term, reason } => {
            let (role, reason) = (format!("{role:?}").to_lowercase(), step_down(reason));
            let text = format!("is no {role} any more, because: {reason}");
            let severity = match reason {
                "no-quorum" | "disk" => Severity::Warning,
                _ => Severity::Info,
            };
            Event::new("stepped-down", severity, text)
                .term(term)
                .with("role", role)
                .with("reason", reason)
        }
        Note::VoteGranted { pre, to, term } => {
            info("vote-granted", format!("votes for {to}{}", rehearsal(pre)))
                .term(term)
                .with("peer", to.to_string())
                .with("pre_vote", pre)
        }
        Note::VoteRefused { pre, to, term } => {
            info("vote-refused", format!("does not vote for {to}{}", rehearsal(pre)))
                .term(term)
                .with("peer", to.to_string())
                .with("pre_vote", pre)
        }
        _ => return None,
    })
}

fn rehearsal(pre: bool) -> &'static str {
    if pre { ", asked beforehand" } else { "" }
}

fn hand_over(note: &Note) -> Option<Event> {
    Some(match *note {
        Note::TransferStarted { to } => {
            info("transfer-started", format!("hands leadership over to {to}"))
                .with("peer", peer(to))
        }
        Note::TransferSent { to } => {
            let text = format!("{to} has caught up and may start its election");
            info("transfer-sent", text).with("peer", peer(to))
        }
        Note::TransferAborted { to } => {
            let text = format!("{to} did not take leadership in time; leads on");
            warning("transfer-aborted", text).with("peer", peer(to))
        }
        Note::ChangeProposed { index, joint } => {
            let text = if joint { "membership begins to change" } else { "membership changes" };
            info("membership", text).with("index", index).with("joint", joint)
        }
        Note::SlowDisk { waiting } => {
            let text = format!("a write has waited {} ms for this leader's disk", millis(waiting));
            warning("disk-stalled", text).with("waiting_ms", millis(waiting))
        }
        Note::DiskFailed => Event::new(
            "disk-failed",
            Severity::Alarm,
            "a write failed: no votes, no acknowledgements",
        ),
        Note::DiskRecovered => info("disk-recovered", "writes succeed again"),
        Note::Malformed { from } => {
            let text = format!("a message of {from} made no sense and was ignored");
            warning("message-malformed", text).with("peer", peer(from))
        }
        _ => return None,
    })
}

fn logs(note: &Note) -> Option<Event> {
    Some(match *note {
        Note::Truncated { from } => {
            let text = format!("entries from {from} on, never committed, gave way to the leader's");
            info("log-truncated", text).with("index", from)
        }
        Note::SnapshotSent { to, chunks } => {
            let text = format!("{to} has the whole snapshot, in {chunks} pieces");
            info("snapshot-sent", text).with("peer", peer(to)).with("chunks", chunks)
        }
        Note::SnapshotRestarted { to } => {
            let text = format!("the transfer of a snapshot to {to} starts again from the front");
            warning("snapshot-restarted", text).with("peer", peer(to))
        }
        Note::SnapshotReceived { from, index } => {
            let text = format!("{from} has sent a whole snapshot, up to {index}");
            info("snapshot-received", text).with("peer", peer(from)).with("index", index)
        }
        Note::SnapshotInstalled { index } => {
            info("snapshot-installed", format!("the log starts anew after {index}"))
                .with("index", index)
        }
        Note::SnapshotStale { index } => {
            info("snapshot-stale", "a snapshot was older than what is committed here")
                .with("index", index)
        }
        _ => return None,
    })
}

fn memory(note: &Note) -> Option<Event> {
    Some(match *note {
        Note::Forgot { acknowledged, held } => {
            let text =
                format!("the disk holds the log up to {held}, but {acknowledged} was acknowledged");
            Event::new("memory-lost", Severity::Alarm, text)
                .with("held", held)
                .with("acknowledged", acknowledged)
        }
        Note::EntriesLost { first, count } => {
            let text = format!("the disk lost {count} entries from {first} on; fetches them");
            warning("entries-lost", text).with("index", first).with("count", count as u64)
        }
        Note::Refilled => info("entries-refilled", "the last lost entry is back"),
        Note::GivenUp { index } => {
            info("entry-given-up", format!("entry {index} was never committed anywhere"))
                .with("index", index)
        }
        Note::Recovering { leader } => {
            let text = format!("memory is lost: recovers from {leader}, votes for nobody");
            warning("recovering", text).with("peer", peer(leader))
        }
        Note::Fenced { fence } => {
            info("recovering", format!("recovery ends with entry {fence}")).with("index", fence)
        }
        Note::Recovered { term } => info("recovered", "memory is sound again").term(term),
        _ => return None,
    })
}

fn peer(node: kernel::NodeId) -> String {
    node.to_string()
}

fn millis(duration: kernel::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The name of a reason.
#[must_use]
pub fn campaign(reason: CampaignReason) -> &'static str {
    match reason {
        CampaignReason::Timeout => "timeout",
        CampaignReason::PreVoteWon => "pre-vote-won",
        CampaignReason::Transfer => "transfer",
        CampaignReason::Alone => "alone",
    }
}

/// The name of a reason.
#[must_use]
pub fn step_down(reason: StepDownReason) -> &'static str {
    match reason {
        StepDownReason::HigherTerm => "higher-term",
        StepDownReason::OtherLeader => "other-leader",
        StepDownReason::NoQuorum => "no-quorum",
        StepDownReason::Disk => "disk",
        StepDownReason::Removed => "removed",
        StepDownReason::Lost => "lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Duration, NodeId};

    #[test]
    fn what_raft_sees_is_told_with_its_facts() {
        let shard = ShardId(3);
        let won = Note::BecameLeader { term: 7, took: Duration::from_millis(9) };
        let event = of_raft(shard, &won).unwrap();
        assert_eq!(
            (event.kind.as_str(), event.shard, event.term),
            ("election-won", Some(3), Some(7))
        );
        assert_eq!(event.number("took_ms"), Some(9));
        let lost = Note::SteppedDown {
            role: raft::Role::Leader,
            term: 8,
            reason: StepDownReason::NoQuorum,
        };
        let event = of_raft(shard, &lost).unwrap();
        assert_eq!((event.severity, event.word("reason")), (Severity::Warning, Some("no-quorum")));
        let vote = Note::VoteRefused { pre: true, to: NodeId(2), term: 8 };
        assert!(of_raft(shard, &vote).unwrap().text.contains("n2"));
        assert_eq!(of_raft(shard, &Note::Compacted { index: 4 }), None);
        assert_eq!(of_raft(shard, &Note::Backtracked { peer: NodeId(2), next: 4 }), None);
    }
}
