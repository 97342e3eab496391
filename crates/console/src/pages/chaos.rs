//! Faults, the workload that meets them, and the verdict on what its clients saw.

use askama::Template;

use super::{Page, Tab, missing, overview};
use crate::{
    draw,
    picture::{Node, Picture},
    say,
    stage::{Action, Bench, PULSE_MS, Process, Scene},
};

/// Quarters of a second that are drawn: a minute.
const PULSES: usize = 240;

#[derive(Template)]
#[template(path = "chaos/bench.html")]
struct Workload<'a> {
    bench: &'a Bench,
    verdict: &'a str,
    tone: &'static str,
    gap: String,
    gap_tone: &'static str,
    lost: usize,
    ago: String,
    judged: String,
    operations: String,
    acknowledged: String,
    chart: String,
    top: u32,
}

#[derive(Template)]
#[template(path = "chaos/nodes.html")]
struct Nodes<'a> {
    rows: Vec<Row<'a>>,
    staged: bool,
}

struct Row<'a> {
    node: &'a Node,
    leads: Vec<&'a str>,
    process: Option<&'a Process>,
    /// In words, with the tone of its badge.
    state: (&'static str, &'static str),
}

#[derive(Template)]
#[template(path = "chaos/faults.html")]
struct Faults<'a> {
    nodes: Vec<&'a str>,
}

#[derive(Template)]
#[template(path = "chaos/actions.html")]
struct Actions<'a> {
    rows: Vec<(String, &'a Action, String)>,
    note: Option<&'a str>,
}

/// The page.
pub fn page(picture: &Picture) -> Page {
    if !picture.chaos {
        let text = "Faults are off here: start the server with chaos on (--chaos).";
        return missing::page(Tab::Chaos, text);
    }
    let nothing = Scene::default();
    let (scene, note) = match &picture.scene {
        Some(Ok(scene)) => (scene, None),
        Some(Err(reason)) => (&nothing, Some(reason.as_str())),
        None => (
            &nothing,
            Some(
                "Only quorate dev keeps a log of what was done, runs a workload, and holds the processes of the nodes.",
            ),
        ),
    };
    let staged = matches!(picture.scene, Some(Ok(_)));
    let mut page = Page::new(Tab::Chaos, "Chaos");
    if staged {
        page = page.with("bench", &workload(&scene.bench, picture.now_ms));
    }
    page.with("nodes", &nodes(picture, scene, staged))
        .with(
            "faults",
            &Faults { nodes: picture.nodes.iter().map(|node| node.id.as_str()).collect() },
        )
        .with("actions", &actions(scene, note))
}

fn workload(bench: &Bench, now_ms: u64) -> Workload<'_> {
    let lost = bench.lost.len();
    let (verdict, tone) = match bench.verdict.as_str() {
        _ if !bench.begun => ("no history yet", "none"),
        _ if lost > 0 => ("writes were lost", "bad"),
        "" => ("not judged yet", "none"),
        "valid" => ("valid", "good"),
        "INVALID" => ("INVALID", "bad"),
        other => (other, "warn"),
    };
    let top = bench.pulse.iter().copied().max().unwrap_or(0).max(4);
    let label = format!(
        "Writes acknowledged in each quarter of a second of the last minute; longest time without \
         one {}",
        say::millis(bench.gap_ms)
    );
    Workload {
        bench,
        verdict,
        tone,
        gap: if bench.begun { say::millis(bench.gap_ms) } else { "–".into() },
        gap_tone: match bench.gap_ms {
            _ if !bench.begun => "none",
            0..1_500 => "good",
            1_500..5_000 => "warn",
            _ => "bad",
        },
        lost,
        ago: say::ago(now_ms.saturating_sub(bench.since_ms)),
        judged: say::count(bench.judged),
        operations: say::count(bench.operations),
        acknowledged: say::count(bench.acknowledged),
        chart: draw::bars(&label, &bench.pulse, PULSES, top),
        top: top * u32::try_from(1_000 / PULSE_MS).unwrap_or(1),
    }
}

fn nodes<'a>(picture: &'a Picture, scene: &'a Scene, staged: bool) -> Nodes<'a> {
    let row = |node: &'a Node| {
        let process = scene.processes.iter().find(|process| process.node == node.id);
        let leads = picture.shards.iter().filter(|shard| shard.leader.as_ref() == Some(&node.id));
        let state = match process {
            Some(Process { pid: None, .. }) => ("ended", "bad"),
            Some(Process { paused: true, .. }) => ("paused", "warn"),
            _ => (node.state.name(), node.state.tone()),
        };
        let leads = leads.map(|shard| overview::name(&shard.keyspace)).collect();
        Row { node, leads, process, state }
    };
    Nodes { rows: picture.nodes.iter().map(row).collect(), staged }
}

fn actions<'a>(scene: &'a Scene, note: Option<&'a str>) -> Actions<'a> {
    let row = |action: &'a Action| {
        let gap = action.gap_ms.map_or_else(|| "–".to_owned(), say::millis);
        (say::clock(action.at_ms), action, gap)
    };
    Actions { rows: scene.actions.iter().map(row).collect(), note }
}
