//! Failures of real processes under load: how long writes stand still, whether anything that was
//! acknowledged is lost, and whether what the clients saw was linearizable.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use check::{Options, Verdict, check_file};
use clap::{Args, ValueEnum};
use kernel::Duration;
use serde::Serialize;

use super::{
    recorder::Recorder,
    traffic::{self, Style, Tape, Traffic},
};
use crate::{
    ambient,
    cli::Global,
    dev::{Children, Layout},
    exit::Failure,
    show,
    signal::Signal,
};

/// How long the cluster may take to be whole again.
const READY: Duration = Duration::from_secs(60);
/// How long a leader stays stopped.
const PAUSE: Duration = Duration::from_secs(10);
/// Between the end of one fault and the next.
const CALM: Duration = Duration::from_millis(1_500);
/// Between two operations of a client.
const THINK: Duration = Duration::from_millis(2);
/// How long after a fault the gap in writes is looked for.
const WATCH: Duration = Duration::from_secs(5);

/// Drill failures: a cluster of processes, faults under load, a verdict.
#[derive(Debug, Args)]
pub struct Drill {
    /// What happens.
    #[arg(long, value_enum, default_value_t = Kind::Kill)]
    kind: Kind,
    /// How often.
    #[arg(long, default_value_t = 20)]
    times: u32,
    /// Clients at the same time.
    #[arg(long, default_value_t = 8)]
    clients: u64,
    /// Where the cluster keeps its data; the directory must be empty or absent.
    #[arg(long)]
    data: PathBuf,
    /// The HTTP port of the first node.
    #[arg(long, default_value_t = 17070)]
    base_port: u16,
    /// Where the history goes; DATA/history.jsonl otherwise.
    #[arg(long)]
    history: Option<PathBuf>,
    /// Where the report goes, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// What happens to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The leader's process is killed (kill -9) and started again.
    Kill,
    /// The leader's process is stopped for ten seconds (SIGSTOP).
    Stop,
    /// All processes are killed at once and started again.
    All,
    /// The leader's disk is full for ten seconds. Needs file systems of their own, of a few hundred
    /// megabytes, mounted at DATA/n1, DATA/n2 and DATA/n3.
    Full,
}

/// What a drill found.
#[derive(Debug, Serialize)]
struct Found {
    kind: Kind,
    times: u32,
    /// Per fault: the longest time without an acknowledged write, in milliseconds.
    gaps_ms: Vec<u64>,
    gap_median_ms: u64,
    gap_max_ms: u64,
    /// Writes that were acknowledged.
    acknowledged: usize,
    /// Writes of which the client could not know.
    unknown: u64,
    /// Keys that were acknowledged once and looked for at the end.
    looked_for: usize,
    /// Those that were not there.
    lost: Vec<String>,
    /// On the whole history.
    verdict: String,
    history: PathBuf,
}

impl Drill {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let used = |dir: &Path| fs::read_dir(dir).is_ok_and(|mut dir| dir.next().is_some());
        if used(&self.data) && self.kind != Kind::Full {
            return Err(Failure::usage(format!("{} is not empty", self.data.display())));
        }
        let layout = Layout::open(&self.data, 3, self.base_port, vec![])?;
        if self.kind == Kind::Full {
            for node in layout.numbers() {
                own_file_system(&layout, node)?;
            }
        }
        layout.check_ports()?;
        let mut children = Children::start(layout.clone())?;
        children.ready(READY).await?;
        layout.set_formed()?;
        let endpoints = layout.endpoints();
        let control = traffic::connect(&endpoints).control();
        control.create("default", "").await?;
        let history = self.history.clone().unwrap_or_else(|| layout.data.join("history.jsonl"));
        let recorder = Arc::new(Recorder::create(&history)?);
        let style = Style { clients: self.clients, prefix: String::new(), think: THINK };
        let tape = Arc::clone(&recorder) as Arc<dyn Tape>;
        let traffic = Traffic::start(&endpoints, style, tape);
        let mut gaps_ms = Vec::new();
        for round in 1..=self.times {
            ambient::sleep(CALM).await;
            let gap = self.fault(&mut children, &recorder).await?;
            let millis = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
            if !global.json {
                eprintln!("{round}/{}: no write acknowledged for {millis} ms", self.times);
            }
            gaps_ms.push(millis);
        }
        ambient::sleep(CALM).await;
        let left = traffic.finish().await?;
        let lost = missing(&endpoints, &left.own).await?;
        recorder.finish()?;
        children.stop(READY).await;
        let report = check_file(&history, &Options::default())
            .map_err(|error| Failure::new(error.to_string()))?;
        let mut sorted = gaps_ms.clone();
        sorted.sort_unstable();
        let found = Found {
            kind: self.kind,
            times: self.times,
            gap_median_ms: sorted.get(sorted.len() / 2).copied().unwrap_or(0),
            gap_max_ms: sorted.last().copied().unwrap_or(0),
            gaps_ms,
            acknowledged: recorder.acknowledged(),
            unknown: left.unknown,
            looked_for: left.own.len(),
            lost,
            verdict: report.verdict.to_string(),
            history,
        };
        self.conclude(global, &found, report.verdict)
    }

    fn conclude(&self, global: &Global, found: &Found, verdict: Verdict) -> Result<(), Failure> {
        if let Some(path) = &self.report {
            let json = serde_json::to_string_pretty(found);
            std::fs::write(path, json.map_err(|e| Failure::new(e.to_string()))?)?;
        }
        global.show().print(found, || {
            let mut table = show::table(&["figure", "value"]);
            let gap = format!("{} / {} ms", found.gap_median_ms, found.gap_max_ms);
            table.add_row(["faults".to_owned(), found.times.to_string()]);
            table.add_row(["gap in writes: median / longest".to_owned(), gap]);
            table.add_row(["acknowledged writes".to_owned(), found.acknowledged.to_string()]);
            table.add_row(["writes with unknown outcome".to_owned(), found.unknown.to_string()]);
            table
                .add_row(["acknowledged keys looked for".to_owned(), found.looked_for.to_string()]);
            table.add_row(["of these lost".to_owned(), found.lost.len().to_string()]);
            table.add_row(vec!["verdict".into(), show::state(&found.verdict)]);
            table.add_row(["history".to_owned(), found.history.display().to_string()]);
            table.to_string()
        })?;
        match verdict {
            Verdict::Invalid => Err(Failure::verdict(true)),
            _ if !found.lost.is_empty() => Err(Failure::verdict(true)),
            Verdict::Unknown => Err(Failure::verdict(false)),
            Verdict::Valid => Ok(()),
        }
    }

    /// One fault, and the gap it made.
    async fn fault(
        &self,
        children: &mut Children,
        recorder: &Recorder,
    ) -> Result<Duration, Failure> {
        let endpoints = children.layout().endpoints();
        let leader = leader(&endpoints).await?;
        let began = ambient::now();
        match self.kind {
            Kind::Kill => {
                children.kill(leader).await?;
                ambient::sleep(WATCH / 2).await;
                children.spawn(leader)?;
            }
            Kind::Stop => {
                children.signal(leader, Signal::Stop)?;
                ambient::sleep(PAUSE).await;
                children.signal(leader, Signal::Continue)?;
            }
            Kind::Full => {
                let filler = layout_of(children, leader).join("filler");
                // What fills a disk is not what is measured: it may take its time.
                let full = filler.clone();
                tokio::task::spawn_blocking(move || fill(&full)).await.map_err(failed)??;
                ambient::sleep(PAUSE).await;
                fs::remove_file(filler)?;
            }
            Kind::All => {
                let nodes: Vec<u16> = children.layout().numbers().collect();
                // All at the same instant: no one of them sees another one die.
                for node in &nodes {
                    children.signal(*node, Signal::Kill)?;
                }
                for node in &nodes {
                    children.kill(*node).await.or_else(gone)?;
                    children.spawn(*node)?;
                }
            }
        }
        children.ready(READY).await?;
        ambient::sleep(WATCH / 2).await;
        Ok(recorder.longest_gap(began, ambient::now()))
    }
}

/// The directory of a node.
fn layout_of(children: &Children, node: u16) -> PathBuf {
    children.layout().data.join(format!("n{node}"))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

/// Refuses a node whose disk cannot be filled without filling those of the others.
fn own_file_system(layout: &Layout, node: u16) -> Result<(), Failure> {
    let dir = layout.data.join(format!("n{node}"));
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    if device(&dir).is_none() || device(&dir) == device(&layout.data) {
        let text = format!("{} must be a file system of its own for this", dir.display());
        return Err(Failure::usage(text));
    }
    Ok(())
}

/// Writes a file until the disk takes no more.
fn fill(path: &Path) -> Result<(), Failure> {
    let mut file = File::create(path)?;
    let mut piece = vec![0x5a; 1 << 20];
    while !piece.is_empty() {
        match file.write_all(&piece) {
            Ok(()) => {}
            // Also the last few kilobytes.
            Err(error) if error.kind() == ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The process was killed a moment ago already.
fn gone(_: Failure) -> Result<(), Failure> {
    Ok(())
}

/// The number of the node that leads the keyspace.
pub async fn leader(endpoints: &[String]) -> Result<u16, Failure> {
    let control = traffic::connect(endpoints).control();
    let deadline = ambient::now() + READY;
    while ambient::now() < deadline {
        let cluster = control.cluster().await?;
        let shard = cluster.shards.into_iter().find(|shard| shard.keyspace == "default");
        let leader = shard.and_then(|shard| shard.leader);
        if let Some(number) = leader.and_then(|id| id.strip_prefix('n')?.parse().ok()) {
            return Ok(number);
        }
        ambient::sleep(Duration::from_millis(20)).await;
    }
    Err(Failure::unavailable("nobody leads the keyspace"))
}

/// Which of these keys do not exist.
pub async fn missing(endpoints: &[String], keys: &[String]) -> Result<Vec<String>, Failure> {
    let kv = traffic::connect(endpoints).kv("default");
    let mut missing = Vec::new();
    for key in keys {
        if kv.get(key.as_bytes()).await?.value.is_none() {
            missing.push(key.clone());
        }
    }
    Ok(missing)
}
