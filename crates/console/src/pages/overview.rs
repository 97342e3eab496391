//! All nodes at a glance: who leads, how much is done how fast, what is wrong, what changed.

use askama::Template;

use super::{
    Page, Tab,
    events::Line,
    traffic::{Chart, Traffic},
};
use crate::{
    facts::{Alert, Finding, Objective, Severity},
    picture::{CATALOG, Node, Picture},
    say,
};

/// Events that are shown.
const LATELY: usize = 8;
/// Steps on the way to what changed, which is told as well.
const STEPS: [&str; 4] = ["vote-granted", "vote-refused", "election-began", "transfer-sent"];
/// Over how long elections are counted, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

#[derive(Template)]
#[template(path = "overview/glance.html")]
struct Glance {
    tiles: Vec<Tile>,
}

struct Tile {
    name: &'static str,
    value: String,
    note: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "overview/traffic.html")]
struct Charts {
    charts: Vec<Chart>,
    note: String,
}

#[derive(Template)]
#[template(path = "overview/nodes.html")]
struct Nodes<'a> {
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    node: &'a Node,
    zone: Option<(&'a str, usize)>,
    leads: Vec<(&'a str, &'a str)>,
    health: Option<u64>,
    health_tone: &'static str,
    reasons: String,
    cpu: String,
    memory: String,
    data: String,
    free: String,
    silent: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "overview/alarms.html")]
struct Alarms<'a> {
    alarms: Vec<Alarm<'a>>,
}

struct Alarm<'a> {
    /// Whom it is about, or who says so; empty for the cluster.
    node: String,
    tone: &'static str,
    text: String,
    more: String,
    page: Option<&'a str>,
    command: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "overview/lately.html")]
struct Lately {
    lines: Vec<Line>,
    note: Option<String>,
}

/// The page.
pub fn page(picture: &Picture) -> Page {
    let traffic = Traffic::of(picture);
    let note = silent_about(picture, "their traffic");
    Page::new(Tab::Overview, "Overview")
        .with("glance", &Glance { tiles: tiles(picture, &traffic) })
        .with("alarms", &Alarms { alarms: alarms(picture) })
        .with("nodes", &Nodes { rows: rows(picture) })
        .with("traffic", &Charts { charts: traffic.charts(), note })
        .with("lately", &lately(picture))
}

/// Which nodes answer and do not tell about something; empty if all tell.
fn silent_about(picture: &Picture, what: &str) -> String {
    let silent = |node: &&Node| node.state.answers() && matches!(node.vitals, Some(Err(_)));
    let silent: Vec<&str> =
        picture.nodes.iter().filter(silent).map(|node| node.id.as_str()).collect();
    if silent.is_empty() {
        String::new()
    } else {
        format!("Not answered by {}: {what}.", silent.join(", "))
    }
}

fn tiles(picture: &Picture, traffic: &Traffic) -> Vec<Tile> {
    let live = picture.nodes.iter().filter(|node| node.state.answers()).count();
    let all = picture.nodes.len();
    let led = picture.shards.iter().filter(|shard| shard.leader.is_some()).count();
    let shards = picture.shards.len();
    let tone = |good: bool| if good { "good" } else { "bad" };
    let mut tiles = vec![
        Tile {
            name: "Nodes live",
            value: format!("{live} of {all}"),
            note: if live == all { "all answer".into() } else { format!("{} missing", all - live) },
            tone: tone(live == all),
        },
        Tile {
            name: "Shards led",
            value: format!("{led} of {shards}"),
            note: leader_note(picture),
            tone: tone(led == shards),
        },
    ];
    let plain =
        |name, value: String, note: &str| Tile { name, value, note: note.into(), tone: "none" };
    if traffic.is_unknown() {
        tiles.push(plain("Writes", "–".into(), "not answered"));
    } else {
        let (reads, writes, failed) = traffic.rates();
        let (p50, p99) = traffic.write_latency();
        let micros = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), say::micros);
        tiles.push(plain("Writes", format!("{}/s", say::count(writes)), "last 5 s"));
        tiles.push(plain("Reads", format!("{}/s", say::count(reads)), "last 5 s"));
        tiles.push(plain("Write p99", micros(p99), &format!("p50 {}", micros(p50))));
        let errors = Tile {
            tone: if failed > 0 { "warn" } else { "none" },
            ..plain("Failed or refused", format!("{}/s", say::count(failed)), "last 5 s")
        };
        tiles.push(errors);
    }
    tiles.push(plain("Elections", elections(picture).to_string(), "won in the last hour"));
    tiles
}

fn leader_note(picture: &Picture) -> String {
    match picture.main_shard() {
        Some(shard) => match &shard.leader {
            Some(leader) => format!("{} by {leader}", shard.keyspace),
            None => format!("{} by nobody", shard.keyspace),
        },
        None => "no keyspace yet".into(),
    }
}

fn elections(picture: &Picture) -> usize {
    let since = vigil::time::rfc3339(picture.now_ms.saturating_sub(HOUR_MS));
    let won = |kind: &str| kind == "election-won";
    picture.events.iter().filter(|event| won(&event.kind) && event.time >= since).count()
}

fn rows(picture: &Picture) -> Vec<Row<'_>> {
    let mut nodes: Vec<&Node> = picture.nodes.iter().collect();
    nodes.sort_by(|a, b| a.zone.cmp(&b.zone));
    let mut last: Option<&str> = None;
    let mut rows = Vec::new();
    for node in &nodes {
        let of_zone = nodes.iter().filter(|other| other.zone == node.zone).count();
        let zone = (last != Some(&node.zone)).then_some((node.zone.as_str(), of_zone));
        last = Some(&node.zone);
        rows.push(row(picture, node, zone));
    }
    rows
}

fn row<'a>(picture: &'a Picture, node: &'a Node, zone: Option<(&'a str, usize)>) -> Row<'a> {
    let leads = picture.shards.iter().filter(|shard| shard.leader.as_ref() == Some(&node.id));
    let told = node.told().filter(|_| node.state.answers());
    let health = told.and_then(|vitals| vitals.health.score);
    let load = |of: fn(&crate::facts::Load) -> Option<u64>| {
        told.and_then(|vitals| of(&vitals.load)).map_or_else(|| "–".to_owned(), say::bytes)
    };
    let cpu = told.and_then(|vitals| vitals.load.cpu_percent);
    Row {
        node,
        zone,
        leads: leads.map(|shard| (shard.id.as_str(), name(&shard.keyspace))).collect(),
        health,
        health_tone: match health {
            Some(90..) => "good",
            Some(60..90) => "warn",
            Some(_) => "bad",
            None => "none",
        },
        reasons: told.map_or_else(String::new, |vitals| vitals.health.reasons.join("; ")),
        cpu: cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.0} %")),
        memory: load(|load| load.rss_bytes),
        data: load(|load| load.data_bytes),
        free: load(|load| load.disk_free_bytes),
        silent: match &node.vitals {
            Some(Err(reason)) if node.state.answers() => Some(reason),
            _ => None,
        },
    }
}

/// A keyspace for people.
pub fn name(keyspace: &str) -> &str {
    if keyspace == CATALOG { "catalog" } else { keyspace }
}

fn alarms(picture: &Picture) -> Vec<Alarm<'_>> {
    let mut alarms = Vec::new();
    for node in picture.nodes.iter().filter(|node| node.state.tone() == "bad") {
        let text = format!("{}: {}", node.state.name(), node.detail);
        let (more, page, command) = (String::new(), None, None);
        alarms.push(Alarm { node: node.id.clone(), tone: "bad", text, more, page, command });
    }
    for shard in picture.shards.iter().filter(|shard| shard.leader.is_none()) {
        let text = format!("nobody leads {} ({})", shard.id, name(&shard.keyspace));
        let (more, page, command) = (String::new(), None, None);
        alarms.push(Alarm { node: String::new(), tone: "bad", text, more, page, command });
    }
    alarms.extend(told(picture));
    alarms.extend(burning(picture));
    let mut seen: Vec<&Finding> = Vec::new();
    for finding in picture.findings() {
        if finding.severity > Severity::Info && !seen.iter().any(|known| known.text == finding.text)
        {
            seen.push(finding);
        }
    }
    alarms.extend(seen.into_iter().map(|finding| Alarm {
        node: finding.node.clone().unwrap_or_default(),
        tone: if finding.severity == Severity::Alarm { "bad" } else { "warn" },
        text: finding.text.clone(),
        more: finding.evidence.join("; "),
        page: None,
        command: finding.command.as_deref(),
    }));
    alarms
}

/// What nodes tell themselves; what several tell is one alarm of all of them.
fn told(picture: &Picture) -> Vec<Alarm<'_>> {
    let mut told: Vec<Alarm<'_>> = Vec::new();
    let telling = picture.nodes.iter().filter(|node| node.state.answers());
    for (node, vitals) in telling.filter_map(|node| Some((node, node.told()?))) {
        for alarm in &vitals.alarms {
            if let Some(known) = told.iter_mut().find(|known| known.text == alarm.text) {
                known.node.push_str(&format!(", {}", node.id));
                continue;
            }
            let page = alarm.page.starts_with("/v1/").then_some(alarm.page.as_str());
            told.push(Alarm {
                node: node.id.clone(),
                tone: "bad",
                text: alarm.text.clone(),
                more: format!("since {}", say::time_of(&alarm.since)),
                page,
                command: None,
            });
        }
    }
    told
}

/// Error budgets that burn too fast, by the first node that tells.
fn burning(picture: &Picture) -> Vec<Alarm<'_>> {
    let told = picture.slos.iter().find(|(_, slo)| !slo.objectives.is_empty());
    let objectives = told.into_iter().flat_map(|(_, slo)| &slo.objectives);
    let firing = objectives
        .flat_map(|objective| objective.firing().take(1).map(move |alert| (objective, alert)));
    let alarm = |(objective, alert): (&Objective, &Alert)| Alarm {
        node: String::new(),
        tone: if alert.severity == "page" { "bad" } else { "warn" },
        text: format!(
            "{}: the error budget of its {} burns too fast",
            objective.keyspace, objective.sli
        ),
        more: format!("{}, over {}", objective.target(), alert.long),
        page: None,
        command: Some("quorate slo"),
    };
    firing.map(alarm).collect()
}

fn lately(picture: &Picture) -> Lately {
    let lines =
        super::events::latest(picture, LATELY, |event| !STEPS.contains(&event.kind.as_str()));
    Lately { lines, note: super::events::silent(picture) }
}
