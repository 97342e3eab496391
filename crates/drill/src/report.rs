//! What a failed run leaves behind, and how it is made small.

use std::{io, path::Path};

use bytes::{Bytes, BytesMut};
use database::{link, message::Body};
use sim::{
    Plan,
    report::{Report as Folder, spacetime::Diagram},
    shrink::{Candidate, Shrunk, shrink},
};

use crate::{
    coordination,
    run::{Outcome, Run},
    workload::Operation,
};

/// Events kept for the folder of a failure.
const EVENTS: usize = 40_000;

/// Runs again with everything written down, and leaves the folder.
///
/// # Errors
/// If a file cannot be written.
pub fn write(run: &Run, folder: &Path) -> io::Result<Outcome> {
    let (report, world) = run.go(Some(EVENTS));
    let verdict = match &report.outcome {
        Outcome::Failed { by, why } => format!("**{by}**: {why}"),
        other => format!("{other:?}"),
    };
    let mut history = String::new();
    for event in &report.history {
        history.push_str(&event.to_line());
        history.push('\n');
    }
    let path = folder.join("plan.json");
    let command = format!("quorate sim replay {}", path.display());
    if let Some(recorder) = world.log() {
        let diagram = Diagram { label: &label, rows: 120, ..Diagram::default() };
        let history = history.as_bytes();
        let plan = &run.plan;
        Folder { plan, verdict: &verdict, command: &command, history, recorder, diagram }
            .write(folder)?;
    }
    Ok(report.outcome)
}

/// What a frame between nodes says, in a few words.
fn label(bytes: &Bytes) -> Option<String> {
    let mut buffer = BytesMut::from(&bytes[..]);
    let mut words = Vec::new();
    while let Ok(Some(envelope)) = link::take_envelope(&mut buffer) {
        let word = match envelope.body? {
            Body::Raft(message) => raft_word(&message),
            Body::Ask(_) => "ask".into(),
            Body::Told(_) => "told".into(),
            Body::Report(_) => continue,
        };
        words.push(format!("s{} {word}", envelope.shard));
    }
    (!words.is_empty()).then(|| words.join(", "))
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
    let mut run =
        Run { plan: candidate.plan.clone(), operations: Vec::new(), coordination: Vec::new() };
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
