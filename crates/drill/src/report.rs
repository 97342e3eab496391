//! What a failed run leaves behind, and how it is made small.

use std::{io, path::Path};

use bytes::{Bytes, BytesMut};
use check::history::{Event, History};
use database::{link, message::Body};
use kernel::{Duration, Instant, ShardId};
use sim::{
    Plan,
    report::{
        Ending, Report as Folder,
        spacetime::{Diagram, Span},
    },
    shrink::{Candidate, Shrunk, shrink},
};

use crate::{
    coordination,
    run::{Outcome, Run},
    workload::Operation,
};

/// Events kept for the folder of a failure.
const EVENTS: usize = 120_000;
/// Moments that its diagram shows.
const ROWS: usize = 240;
/// The diagram goes on for so long after the last operation of a counterexample.
const AFTER: Duration = Duration::from_millis(5);

/// Runs again with everything written down, and leaves the folder. `kind` and `time` are for its
/// manifest: what it is, and when, in seconds since 1970.
///
/// # Errors
/// If a file cannot be written.
pub fn write(run: &Run, folder: &Path, kind: &str, time: u64) -> io::Result<Outcome> {
    let (report, world) = run.go(Some(EVENTS));
    let (outcome, verdict) = match &report.outcome {
        Outcome::Failed { by, why } => (Ending::Failed, format!("{by}: {why}")),
        Outcome::Valid => (Ending::Valid, "Nothing was found.".to_owned()),
        Outcome::Unknown(why) => (Ending::Unknown, format!("not judged: {why}")),
    };
    let mut history = String::new();
    for event in &report.history {
        history.push_str(&event.to_line());
        history.push('\n');
    }
    let path = folder.join("plan.json");
    let command = format!("quorate sim replay {}", path.display());
    if let Some(recorder) = world.log() {
        let spans = found(&report.history);
        let until = spans.iter().map(|span| span.to).max().map_or(Instant::NEVER, |at| at + AFTER);
        let diagram =
            Diagram { label: &label, rows: ROWS, until, spans: &spans, ..Diagram::default() };
        let (plan, verdict, command, history) = (&run.plan, &verdict, &command, history.as_bytes());
        Folder { kind, time, plan, outcome, verdict, command, history, recorder, diagram }
            .write(folder)?;
    }
    Ok(report.outcome)
}

/// The operations that cannot all be right together, if it is the history that is wrong.
fn found(history: &[Event]) -> Vec<Span> {
    let Ok(judged) = History::from_events(history.iter().cloned()) else { return Vec::new() };
    let report = check::check(&judged, &check::Options::default());
    let Some(found) = report.counterexample() else { return Vec::new() };
    let time = |at: u64| {
        let event = history.get(usize::try_from(at).ok()?)?;
        Some(Instant(u64::try_from(event.time?).ok()?))
    };
    let span = |op: &check::Shown| {
        let from = time(op.start)?;
        let (to, text) =
            (op.end.and_then(time).unwrap_or(from), format!("p{} {}", op.process, op.label));
        Some(Span { from, to, text, bad: op.guilty })
    };
    found.ops.iter().filter_map(span).collect()
}

/// What a frame between nodes says, in a few words.
fn label(bytes: &Bytes) -> Option<String> {
    words(bytes, None)
}

/// What a frame says of all shards, or of one: then without its name, and without heartbeats.
#[must_use]
pub fn words(bytes: &Bytes, only: Option<ShardId>) -> Option<String> {
    let mut buffer = BytesMut::from(&bytes[..]);
    let mut words = Vec::new();
    while let Ok(Some(envelope)) = link::take_envelope(&mut buffer) {
        if only.is_some_and(|shard| shard.0 != envelope.shard) {
            continue;
        }
        let word = match envelope.body? {
            Body::Raft(message) if only.is_some() && is_heartbeat(&message) => continue,
            Body::Raft(message) => raft_word(&message),
            Body::Ask(_) => "ask".into(),
            Body::Told(_) => "told".into(),
            Body::Report(_) => continue,
        };
        words.push(match only {
            Some(_) => word,
            None => format!("s{} {word}", envelope.shard),
        });
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn is_heartbeat(message: &raft::Message) -> bool {
    matches!(message.body, Some(raft::Body::Heartbeat(_) | raft::Body::HeartbeatReply(_)))
}

fn raft_word(message: &raft::Message) -> String {
    use raft::Body;
    let term = message.term;
    match &message.body {
        Some(Body::RequestVote(vote)) if vote.pre => format!("pre-vote? {term}"),
        Some(Body::RequestVote(_)) => format!("vote? {term}"),
        Some(Body::VoteReply(_)) => format!("vote {term}"),
        Some(Body::Append(append)) => match append.entries.as_slice() {
            [] => "append".into(),
            [one] => format!("append {}", one.index),
            [first, .., last] => format!("append {}–{}", first.index, last.index),
        },
        Some(Body::AppendReply(_)) => "ack".into(),
        Some(Body::Heartbeat(_)) => "♥".into(),
        Some(Body::HeartbeatReply(_)) => "♡".into(),
        Some(Body::SnapshotChunk(_)) => "snapshot".into(),
        Some(Body::SnapshotAck(_)) => "snapshot ack".into(),
        Some(Body::TimeoutNow(_)) => "lead!".into(),
        Some(Body::Probe(_)) => "probe".into(),
        Some(Body::ProbeReply(_)) => "probe reply".into(),
        Some(Body::Fetch(fetch)) => format!("fetch {}", fetch.index),
        Some(Body::Found(found)) if found.lacks => format!("no {}", found.index),
        Some(Body::Found(found)) => format!("found {}", found.index),
        None => "?".into(),
    }
}

/// Removes faults and operations while the run still fails for the same reason.
#[must_use]
pub fn smaller(run: &Run, budget: u64) -> Shrunk<Piece> {
    let by = |outcome: &Outcome| match outcome {
        Outcome::Failed { by, .. } => Some(*by),
        _ => None,
    };
    let wanted = by(&run.go(None).0.outcome);
    let start = Candidate { plan: run.plan.clone(), operations: pieces(run) };
    shrink(start, budget, |candidate: &Candidate<Piece>| {
        let run = run_of(candidate);
        wanted.is_some() && by(&run.go(None).0.outcome) == wanted
    })
}

/// An operation of any client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Of keys, counters and sets.
    Data(Operation),
    /// Of the keyspace with etcd's model.
    Coordination(coordination::Operation),
}

fn pieces(run: &Run) -> Vec<Piece> {
    let data = run.operations.iter().cloned().map(Piece::Data);
    data.chain(run.coordination.iter().cloned().map(Piece::Coordination)).collect()
}

/// The run of a candidate.
#[must_use]
pub fn run_of(candidate: &Candidate<Piece>) -> Run {
    let plan = candidate.plan.clone();
    let tenancy = crate::tenancy::carries(plan.seed);
    let mut run = Run { plan, operations: Vec::new(), coordination: Vec::new(), tenancy };
    for piece in &candidate.operations {
        match piece {
            Piece::Data(operation) => run.operations.push(operation.clone()),
            Piece::Coordination(operation) => run.coordination.push(operation.clone()),
        }
    }
    run
}

/// A plan read back: its operations are those of its seed.
#[must_use]
pub fn replay(plan: Plan) -> Run {
    Run::of_plan(plan)
}
