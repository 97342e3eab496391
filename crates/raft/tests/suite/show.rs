//! Messages and states in one short line each, for the scripts.

use raft::{Body, Entry, EntryKind, Message, Raft, Record, SnapshotMeta, Standing};

pub fn message(message: &Message) -> String {
    let Some(body) = &message.body else { return "nothing".into() };
    let text = match body {
        Body::RequestVote(ask) => format!(
            "{}RequestVote last {}@{}{}",
            if ask.pre { "pre-" } else { "" },
            ask.last_index,
            ask.last_term,
            if ask.transfer { " for a transfer" } else { "" }
        ),
        Body::VoteReply(reply) => format!(
            "{}vote {}",
            if reply.pre { "pre-" } else { "" },
            if reply.granted { "granted" } else { "refused" }
        ),
        Body::Append(append) => format!(
            "{} prev {}@{} [{}] commit {}",
            if append.probe { "Probing Append" } else { "Append" },
            append.prev_index,
            append.prev_term,
            entries(&append.entries),
            append.commit
        ),
        Body::AppendReply(reply) if reply.rejected => format!(
            "refuses {}: conflict {}@{}{}{}",
            reply.index,
            reply.conflict_index,
            reply.conflict_term,
            if reply.lost > 0 { " (lost)" } else { "" },
            memory(reply.amnesia)
        ),
        Body::AppendReply(reply) => format!("holds {}{}", reply.index, memory(reply.amnesia)),
        Body::Heartbeat(heartbeat) => {
            format!("Heartbeat {} commit {}", heartbeat.round, heartbeat.commit)
        }
        Body::HeartbeatReply(reply) => format!(
            "answers {} verified {} holds {}{}",
            reply.round,
            reply.verified,
            reply.matched,
            memory(reply.amnesia)
        ),
        Body::SnapshotChunk(chunk) => format!(
            "SnapshotChunk stream {} piece {}{} of {}",
            chunk.stream,
            chunk.seq,
            if chunk.last { " (last)" } else { "" },
            chunk.meta.as_ref().map_or("nothing".into(), |meta| point(meta))
        ),
        Body::SnapshotAck(ack) => format!("stream {} wants piece {}", ack.stream, ack.next),
        Body::TimeoutNow(_) => "TimeoutNow".into(),
        Body::Probe(_) => "Probe".into(),
        Body::ProbeReply(reply) => format!("ProbeReply fence {}", reply.fence),
        Body::Fetch(fetch) => format!("Fetch {}@{}", fetch.index, fetch.term),
        Body::Found(found) if found.lacks => format!("lacks {}@{}", found.index, found.term),
        Body::Found(found) => format!("found [{}]", entries(&found.entries)),
    };
    format!("t{} {text}", message.term)
}

fn memory(nonce: u64) -> &'static str {
    if nonce == 0 { "" } else { " (no memory)" }
}

fn point(meta: &SnapshotMeta) -> String {
    format!("{}@{}", meta.index, meta.term)
}

pub fn entry(entry: &Entry) -> String {
    let what = match entry.kind() {
        EntryKind::Command => String::from_utf8_lossy(&entry.data).into_owned(),
        EntryKind::Empty => "-".into(),
        EntryKind::Membership => {
            let group = entry.as_membership().unwrap_or_default();
            format!("{:?}/{:?}+{:?}", group.voters, group.outgoing, group.learners)
        }
    };
    format!("{}@{} {what}", entry.index, entry.term)
}

pub fn entries(list: &[Entry]) -> String {
    list.iter().map(entry).collect::<Vec<_>>().join(", ")
}

pub fn record(record: &Record) -> String {
    match record {
        Record::HardState { term, vote } => format!("term {term} vote {vote}"),
        Record::Append { entries: list } => format!("[{}]", entries(list)),
        Record::Fill { entries: list } => format!("back [{}]", entries(list)),
        Record::Snapshot { meta } => format!("starts anew at {}", point(meta)),
        Record::Compacted { meta } => format!("cut to {}", point(meta)),
        Record::Standing { standing } => format!("{standing:?}"),
    }
}

pub fn state(raft: &Raft) -> String {
    let status = raft.status();
    let terms = (status.first_index..=status.last_index)
        .map(|index| raft.entry(index).map_or("?".into(), |entry| entry.term.to_string()));
    format!(
        "{:?} t{} leader {} log {}..{} [{}] commit {} durable {}{}",
        status.role,
        status.term,
        status.leader,
        status.first_index,
        status.last_index,
        terms.collect::<Vec<_>>().join(" "),
        status.commit,
        status.persisted_index,
        if status.standing == Standing::Amnesiac { " Amnesiac" } else { "" }
    )
}
