//! The observation of an election on real processes: three nodes, clients, the leader cut off.
//!
//! Every node is asked again and again what it takes itself for; clients record what they see. The
//! same checkers judge the history as in the simulator.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use check::{
    Options, Verdict, check_file,
    history::{Event, Kind},
};
use client::document::{Chaos as Fault, Direction};
use kernel::Duration;
use labs::{Findings, run::Shown};
use sim::report::timeline::{Lane, Timeline};

use crate::{
    ambient::{self, Moment},
    bench::{
        recorder::Recorder,
        traffic::{self, Style, Tape, Traffic},
    },
    dev::{Children, Layout},
    exit::Failure,
};

/// How long the cluster may take to be whole.
const READY: Duration = Duration::from_secs(60);
/// Calm before, and after.
const CALM: Duration = Duration::from_millis(1_500);
/// How long the leader is cut off.
const CUT: Duration = Duration::from_secs(3);
/// Between two looks at a node.
const LOOK: Duration = Duration::from_millis(25);
/// Clients, and what each waits between two operations.
const CLIENTS: u64 = 4;
const THINK: Duration = Duration::from_millis(2);
const KEYSPACE: &str = "default";

/// What a node took itself for, and when.
struct Seen {
    at: Moment,
    node: u16,
    /// Its term, if it believes to lead.
    leads: Option<u64>,
    answers: bool,
}

/// Runs it.
pub async fn run(folder: &Path, base_port: u16) -> Result<Findings, Failure> {
    let data = folder.join("cluster");
    let layout = Layout::open(&data, 3, base_port, vec![])?;
    layout.check_ports()?;
    let mut children = Children::start(layout.clone())?;
    let found = observe(&mut children, folder).await;
    children.stop(READY).await;
    fs::remove_dir_all(&data)?;
    found
}

async fn observe(children: &mut Children, folder: &Path) -> Result<Findings, Failure> {
    children.ready(READY).await?;
    let layout = children.layout().clone();
    layout.set_formed()?;
    let endpoints = layout.endpoints();
    traffic::connect(&endpoints).control().create(KEYSPACE, "").await?;
    let path = folder.join("history.jsonl");
    let recorder = Arc::new(Recorder::create(&path)?);
    let origin = ambient::now();
    let watchers: Vec<_> = layout
        .numbers()
        .map(|node| ambient::spawn(watch(node, layout.http(node), origin + (CALM * 2 + CUT))))
        .collect();
    let style = Style { clients: CLIENTS, prefix: String::new(), think: THINK };
    let tape = Arc::clone(&recorder) as Arc<dyn Tape>;
    let traffic = Traffic::start(&endpoints, style, tape);
    ambient::sleep(CALM).await;
    let leader = crate::bench::drill::leader(&endpoints).await?;
    let control = |node: u16| traffic::connect(&[layout.http(node)]).control();
    let others: Vec<String> =
        layout.numbers().filter(|node| *node != leader).map(|node| format!("n{node}")).collect();
    let cut_at = ambient::now();
    control(leader).chaos(&Fault::Partition { nodes: others, direction: Direction::Both }).await?;
    ambient::sleep(CUT).await;
    control(leader).chaos(&Fault::Heal).await?;
    let healed_at = ambient::now();
    let mut seen = Vec::new();
    for watcher in watchers {
        seen.extend(watcher.await.map_err(|error| Failure::new(error.to_string()))?);
    }
    let end = ambient::now();
    let left = traffic.finish().await?;
    recorder.finish()?;
    let lost = crate::bench::drill::missing(&endpoints, &left.own).await?;
    let report = check_file(&path, &Options::default()).map_err(|e| Failure::new(e.to_string()))?;

    let mut findings = Findings::empty(0);
    let set = &mut findings.measures;
    let ms = |from: Moment, to: Moment| to.duration_since(from).as_secs_f64() * 1_000.0;
    set.set("live.cut_ms", ms(cut_at, healed_at));
    set.set("live.gap_ms", recorder.longest_gap(cut_at, end).as_nanos() as f64 / 1e6);
    set.set("live.acknowledged", recorder.acknowledged() as f64);
    set.set("live.unknown", left.unknown as f64);
    set.set("live.looked_for", left.own.len() as f64);
    set.set("live.lost", lost.len() as f64);
    match report.verdict {
        Verdict::Valid => set.set("live.valid", 1.0),
        Verdict::Invalid => set.set("live.valid", 0.0),
        Verdict::Unknown => {}
    }
    let terms = leaders(&seen);
    let most = terms.values().map(BTreeSet::len).max().unwrap_or(0);
    set.set("live.leaders_per_term", most as f64);
    set.set("live.leader_changes", terms.len().saturating_sub(1) as f64);
    let next = seen
        .iter()
        .filter(|s| s.at > cut_at && s.node != leader && s.leads.is_some())
        .map(|s| s.at)
        .min();
    if let Some(at) = next {
        set.set("live.election_ms", ms(cut_at, at));
    }
    let span = end.duration_since(origin).as_secs_f64();
    let seconds = |at: Moment| at.duration_since(origin).as_secs_f64();
    let timeline = Timeline {
        title: String::new(),
        span: (0.0, span),
        lanes: layout.numbers().map(|node| lane(node, &seen, origin, span)).collect(),
        faults: vec![(seconds(cut_at), seconds(healed_at), format!("n{leader} is cut off"))],
        operations: operations(&path)?,
    };
    let (name, title) = ("live".to_owned(), "Three processes, the leader cut off".to_owned());
    findings.shown.push(Shown { name, title, timeline, player: None });
    Ok(findings)
}

/// Asks a node what it takes itself for, until the end.
async fn watch(node: u16, http: String, until: Moment) -> Vec<Seen> {
    let control = traffic::connect(&[http]).control();
    let mut seen = Vec::new();
    while ambient::now() < until {
        let cluster = ambient::within(LOOK * 8, control.cluster()).await.and_then(Result::ok);
        let name = format!("n{node}");
        let shard =
            cluster.as_ref().and_then(|all| all.shards.iter().find(|s| s.keyspace == KEYSPACE));
        let leads = shard.and_then(|shard| {
            let own = shard.replicas.iter().find(|replica| replica.node == name)?;
            (own.role == "leader").then_some(shard.term)
        });
        seen.push(Seen { at: ambient::now(), node, leads, answers: cluster.is_some() });
        ambient::sleep(LOOK).await;
    }
    seen
}

/// Who took itself for the leader of which term.
fn leaders(seen: &[Seen]) -> BTreeMap<u64, BTreeSet<u16>> {
    let mut terms: BTreeMap<u64, BTreeSet<u16>> = BTreeMap::new();
    for look in seen {
        if let Some(term) = look.leads {
            terms.entry(term).or_default().insert(look.node);
        }
    }
    terms
}

fn lane(node: u16, seen: &[Seen], origin: Moment, span: f64) -> Lane {
    let mut lane = Lane { name: format!("n{node}"), pieces: Vec::new() };
    let mine = seen.iter().filter(|look| look.node == node);
    for look in mine {
        let at = look.at.duration_since(origin).as_secs_f64();
        let (class, word) = match look.leads {
            _ if !look.answers => ("down", String::new()),
            Some(term) => ("leader", format!("leads, term {term}")),
            None => ("plain", "follows".to_owned()),
        };
        match lane.pieces.last_mut() {
            Some((_, to, before, said)) if *before == class && *said == word => *to = at,
            _ => lane.pieces.push((at, at, class, word)),
        }
    }
    // A piece lasts until the next one begins.
    let begins: Vec<f64> = lane.pieces.iter().skip(1).map(|piece| piece.0).chain([span]).collect();
    lane.pieces.iter_mut().zip(begins).for_each(|(piece, next)| piece.1 = next);
    lane
}

/// When operations ended, how long they took in milliseconds, and whether they succeeded.
fn operations(path: &Path) -> Result<Vec<(f64, f64, bool)>, Failure> {
    let text = fs::read_to_string(path)?;
    let events: Result<Vec<Event>, _> = text.lines().map(serde_json::from_str).collect();
    let events = events.map_err(|error| Failure::new(error.to_string()))?;
    let mut open: BTreeMap<String, i64> = BTreeMap::new();
    let mut all = Vec::new();
    for event in events {
        let (process, time) = (format!("{:?}", event.process), event.time.unwrap_or(0));
        if event.kind == Kind::Invoke {
            open.insert(process, time);
        } else if let Some(from) = open.remove(&process) {
            all.push((time as f64 / 1e9, (time - from) as f64 / 1e6, event.kind == Kind::Ok));
        }
    }
    // As many as a picture can show.
    let every = all.len().div_ceil(4_000).max(1);
    Ok(all
        .into_iter()
        .enumerate()
        .filter(|(i, (.., ok))| i % every == 0 || !ok)
        .map(|(_, one)| one)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leaders_of_one_term_would_be_seen() {
        let at = ambient::now();
        let seen = |node, term| Seen { at, node, leads: Some(term), answers: true };
        let count = |all: &[Seen]| leaders(all).values().map(BTreeSet::len).max();
        assert_eq!(count(&[seen(1, 1), seen(2, 2), seen(2, 2)]), Some(1));
        assert_eq!(count(&[seen(1, 2), seen(2, 2)]), Some(2));
    }
}
