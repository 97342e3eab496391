//! How a run is shown: at the scale of time, and as a diagram around its first strike.

use check::history::Kind;
use kernel::{Duration, Instant};
use sim::{
    audit::Recorder,
    report::{
        spacetime::{Diagram, Player, Span},
        timeline::Timeline,
    },
};

use super::{client::Did, stage::Stage};
use crate::plan::{scenario::Does, span::ms};

/// Moments that a diagram shows.
const ROWS: usize = 280;
/// How much before the first strike a diagram begins.
const BEFORE: Duration = Duration::from_millis(12);
/// Operations on a timeline.
const DOTS: usize = 3_000;

/// The run at the scale of time.
pub fn timeline(stage: &Stage<'_>) -> Timeline {
    let (from, to) = stage.span;
    let seconds = |at: Instant| at.since(from).as_nanos() as f64 / 1e9;
    let faults = stage.struck.iter().map(|struck| {
        let until = struck.until.max(struck.at).min(to);
        (seconds(struck.at), seconds(until), short(&struck.what))
    });
    let ended = stage.done.iter().filter(|did| did.to <= to).take(DOTS);
    let operations =
        ended.map(|did| (seconds(did.to), ms(did.to.since(did.from)), did.kind == Kind::Ok));
    Timeline {
        title: String::new(),
        span: (0.0, seconds(to)),
        lanes: stage.watch.lanes(stage.scenario.nodes, stage.span),
        faults: faults.collect(),
        operations: operations.collect(),
    }
}

fn short(what: &str) -> String {
    match what.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &what[..at]),
        None => what.to_owned(),
    }
}

/// The run as a diagram to be gone through.
pub fn player(stage: &Stage<'_>) -> Player {
    let begin = stage.struck.first().map_or(stage.span.0, |struck| struck.at);
    let from = Instant(begin.0.saturating_sub(BEFORE.as_nanos() as u64));
    let until = begin + stage.scenario.window;
    let label = |bytes: &bytes::Bytes| drill::report::words(bytes, Some(stage.shard));
    let inside = |did: &&Did| did.from >= from && did.from <= until;
    let spans: Vec<Span> = stage.done.iter().filter(inside).take(60).map(span).collect();
    let (from, zero) = (Some(from), stage.span.0);
    let diagram =
        Diagram { label: &label, terse: true, rows: ROWS, from, until, zero, spans: &spans };
    let from = from.unwrap_or(Instant::ZERO);
    let mut kept = Recorder::new(usize::MAX >> 1);
    for record in stage.world.log().into_iter().flat_map(Recorder::iter) {
        let early = record.at < from;
        let lasting = matches!(
            record.what,
            sim::audit::What::Role(_)
                | sim::audit::What::State(_)
                | sim::audit::What::Injected { .. }
                | sim::audit::What::Healed(_)
        );
        if (!early || lasting) && record.at <= until {
            kept.add(record.clone());
        }
    }
    diagram.player(&format!("run-{}", stage.scenario.name), stage.scenario.nodes, &kept)
}

fn span(did: &Did) -> Span {
    let what = match did.does {
        Does::Write => format!("w{} := {}", did.key, did.value),
        Does::Read => format!("w{} = {}", did.key, did.value),
        Does::Add => "add 1".to_owned(),
    };
    let text = match did.kind {
        Kind::Ok => what,
        Kind::Fail => format!("failed: {what}"),
        _ => format!("unknown: {what}"),
    };
    Span { from: did.from, to: did.to, text, bad: false }
}
