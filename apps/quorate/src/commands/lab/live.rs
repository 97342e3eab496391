//! Labs on real processes: nodes, clients, and something that happens to the leader.
//!
//! ```text
//!   calm ─▶ trouble begins ─▶ three seconds ─▶ trouble ends ─▶ calm
//!   └──────── clients write and read, every node is looked at ───────┘
//! ```
//!
//! Every node is asked again and again what it takes itself for; clients record what they see. The
//! same checkers judge the history as in the simulator.

mod trouble;
mod watch;

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
use kernel::Duration;
use labs::{Findings, measure::Measures, run::Shown};
use sim::report::timeline::Timeline;

use self::watch::{Seen, Watch};
use crate::{
    ambient::{self, Moment},
    bench::{
        recorder::Recorder,
        traffic::{self, Left, Style, Tape, Traffic},
    },
    dev::{Children, Layout},
    exit::Failure,
};
pub use trouble::Trouble;

/// How long the cluster may take to be whole.
const READY: Duration = Duration::from_secs(60);
/// Calm before, and after.
const CALM: Duration = Duration::from_millis(1_500);
/// How long the trouble lasts.
const LASTS: Duration = Duration::from_secs(3);
/// From its begin until what was under way has arrived.
const SETTLED: Duration = Duration::from_millis(200);
/// Clients, and what each waits between two operations.
const CLIENTS: u64 = 4;
const THINK: Duration = Duration::from_millis(2);
const KEYSPACE: &str = "default";

/// When what happened, and to whom.
struct Course {
    origin: Moment,
    began: Moment,
    ended: Moment,
    end: Moment,
    leader: u16,
    /// All to whom it happened.
    struck: Vec<u16>,
}

/// Runs it.
pub async fn run(trouble: Trouble, folder: &Path, base_port: u16) -> Result<Findings, Failure> {
    let data = folder.join("cluster");
    let layout = Layout::open(&data, trouble.nodes(), base_port, vec![])?;
    layout.check_ports()?;
    let mut children = Children::start(layout.clone())?;
    let found = observe(trouble, &mut children, folder).await;
    children.stop(READY).await;
    fs::remove_dir_all(&data)?;
    found
}

async fn observe(
    trouble: Trouble,
    children: &mut Children,
    folder: &Path,
) -> Result<Findings, Failure> {
    children.ready(READY).await?;
    let layout = children.layout().clone();
    layout.set_formed()?;
    let endpoints = layout.endpoints();
    traffic::connect(&endpoints).control().create(KEYSPACE, trouble.contract()).await?;
    // The first look of all finds a leader.
    crate::bench::drill::leader(&endpoints).await?;
    let path = folder.join("history.jsonl");
    let recorder = Arc::new(Recorder::create(&path)?);
    let watch = Watch::start(&layout);
    let style = Style { clients: CLIENTS, prefix: String::new(), think: THINK };
    let traffic = Traffic::start(&endpoints, style, Arc::clone(&recorder) as Arc<dyn Tape>);
    let course = disturb(trouble, children).await;
    let seen = watch.finish().await?;
    let left = traffic.finish().await?;
    let course = course?;
    recorder.finish()?;
    let lost = crate::bench::drill::missing(&endpoints, &left.own).await?;

    let mut findings = Findings::empty(0);
    of_clients(&mut findings.measures, &course, &recorder, &left, lost.len());
    of_nodes(&mut findings.measures, &course, &seen);
    let report = check_file(&path, &Options::default()).map_err(|e| Failure::new(e.to_string()))?;
    match report.verdict {
        Verdict::Valid => findings.measures.set("live.valid", 1.0),
        Verdict::Invalid => findings.measures.set("live.valid", 0.0),
        Verdict::Unknown => {}
    }
    let (name, title) = ("live".to_owned(), trouble.title().to_owned());
    let timeline = timeline(trouble, &layout, &course, &seen, &path)?;
    findings.shown.push(Shown { name, title, timeline, player: None });
    Ok(findings)
}

/// Calm, trouble, calm.
async fn disturb(trouble: Trouble, children: &mut Children) -> Result<Course, Failure> {
    let origin = ambient::now();
    ambient::sleep(CALM).await;
    let leader = crate::bench::drill::leader(&children.layout().endpoints()).await?;
    let struck = trouble.strikes(leader, children.layout().numbers());
    let began = ambient::now();
    trouble.begin(children, &struck).await?;
    ambient::sleep(LASTS).await;
    let ended = ambient::now();
    trouble.end(children, &struck).await?;
    children.ready(READY).await?;
    ambient::sleep(CALM).await;
    Ok(Course { origin, began, ended, end: ambient::now(), leader, struck })
}

fn ms(from: Moment, to: Moment) -> f64 {
    to.duration_since(from).as_secs_f64() * 1_000.0
}

/// What the clients saw.
fn of_clients(set: &mut Measures, course: &Course, recorder: &Recorder, left: &Left, lost: usize) {
    set.set("live.cut_ms", ms(course.began, course.ended));
    set.set("live.gap_ms", recorder.longest_gap(course.began, course.end).as_nanos() as f64 / 1e6);
    set.set("live.acknowledged", recorder.acknowledged() as f64);
    set.set("live.unknown", left.unknown as f64);
    set.set("live.looked_for", left.own.len() as f64);
    set.set("live.lost", lost as f64);
}

/// What the nodes told of themselves. What nobody saw is not measured.
fn of_nodes(set: &mut Measures, course: &Course, seen: &[Seen]) {
    let terms = watch::leaders(seen);
    let most = terms.values().map(BTreeSet::len).max().unwrap_or(0);
    set.set("live.leaders_per_term", most as f64);
    set.set("live.leader_changes", terms.len().saturating_sub(1) as f64);
    let first = |from: Moment, holds: &dyn Fn(&Seen) -> bool| {
        seen.iter().filter(|s| s.at > from && holds(s)).map(|s| ms(from, s.at)).reduce(f64::min)
    };
    let is_struck = |node: u16| course.struck.contains(&node);
    let next = first(course.began, &|s| !is_struck(s.node) && s.leads.is_some());
    let down = first(course.began, &|s| s.node == course.leader && s.answers && s.leads.is_none());
    let (settled, ended) = (course.began + SETTLED, course.ended);
    let commits = |struck: bool| {
        let group = |s: &&Seen| is_struck(s.node) == struck && s.answers;
        let upto =
            |moment| seen.iter().filter(group).filter(|s| s.at < moment).map(|s| s.commit).max();
        Some(upto(ended)?.saturating_sub(upto(settled)?) as f64)
    };
    let target = seen.iter().filter(|s| s.at < ended).map(|s| s.commit).max().unwrap_or(0);
    let back = |node: &u16| first(ended, &|s| s.node == *node && s.answers && s.commit >= target);
    let caught_up = course.struck.iter().map(back).reduce(|a, b| Some(a?.max(b?))).flatten();
    for (name, value) in [
        ("live.election_ms", next),
        ("live.stepped_down_ms", down),
        ("live.struck_commits", commits(true)),
        ("live.other_commits", commits(false)),
        ("live.caught_up_ms", caught_up),
    ] {
        if let Some(value) = value {
            set.set(name, value);
        }
    }
}

fn timeline(
    trouble: Trouble,
    layout: &Layout,
    course: &Course,
    seen: &[Seen],
    history: &Path,
) -> Result<Timeline, Failure> {
    let seconds = |at: Moment| at.duration_since(course.origin).as_secs_f64();
    let span = seconds(course.end);
    let fault = trouble.says(&course.struck);
    Ok(Timeline {
        title: String::new(),
        span: (0.0, span),
        lanes: layout.numbers().map(|node| watch::lane(node, seen, course.origin, span)).collect(),
        faults: vec![(seconds(course.began), seconds(course.ended), fault)],
        operations: operations(history)?,
    })
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

    fn look(at: Moment, node: u16, leads: Option<u64>, commit: u64) -> Seen {
        Seen { at, node, leads, answers: true, commit }
    }

    #[test]
    fn what_nodes_tell_becomes_measures_and_what_nobody_saw_becomes_none() {
        let origin = ambient::now();
        let at = |ms| origin + Duration::from_millis(ms);
        let (began, ended, end) = (at(1_000), at(4_000), at(6_000));
        let course = Course { origin, began, ended, end, leader: 1, struck: vec![1, 2] };
        let mut seen = vec![
            look(at(900), 1, Some(1), 10),
            look(at(1_100), 1, Some(1), 12),
            look(at(1_150), 3, None, 12),
            look(at(1_400), 2, None, 12),
            look(at(1_600), 1, None, 12),
            look(at(1_700), 3, Some(2), 13),
            look(at(3_900), 3, Some(2), 40),
            look(at(4_500), 1, None, 40),
        ];
        let mut set = Measures::default();
        of_nodes(&mut set, &course, &seen);
        let get = |set: &Measures, name: &str| set.get(&format!("live.{name}"));
        assert_eq!(get(&set, "struck_commits"), Some(0.0));
        assert_eq!(get(&set, "other_commits"), Some(28.0));
        assert_eq!(get(&set, "stepped_down_ms"), Some(600.0));
        assert_eq!(get(&set, "election_ms"), Some(700.0));
        assert_eq!(get(&set, "leaders_per_term"), Some(1.0));
        assert_eq!(get(&set, "caught_up_ms"), None, "node 2 did not");
        seen.push(look(at(5_000), 2, None, 41));
        // The side that is cut off commits.
        seen.push(look(at(3_000), 2, Some(2), 15));
        of_nodes(&mut set, &course, &seen);
        assert_eq!(get(&set, "caught_up_ms"), Some(1_000.0));
        assert_eq!(get(&set, "struck_commits"), Some(3.0));
        assert_eq!(get(&set, "leaders_per_term"), Some(2.0));
    }
}
