//! The figures of a node, in one registry.
//!
//! Names follow the conventions of Prometheus: base units, `_total` for what only grows. Labels
//! take few values: operations, outcomes, stages and peers, never keys, clients or requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, atomic::AtomicU64},
};

use kernel::{Duration, NodeId};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};
use vigil::health;

/// One label with a fixed set of values.
pub type Label = [(&'static str, &'static str); 1];
/// Two of them.
pub type Labels = [(&'static str, &'static str); 2];
/// A peer.
pub type Peer = [(&'static str, u64); 1];
/// A shard and a node that holds it.
pub type Replica = [(&'static str, u64); 2];

/// What an example of a histogram is found by.
pub type Example = [(&'static str, String); 1];

/// Figures of a family that one thread has looked up: a short list is read faster than a map that
/// is shared and may grow.
#[derive(Debug)]
pub struct Known<L, M> {
    family: Family<L, M, fn() -> M>,
    known: Vec<(L, M)>,
}

impl<L: Copy + Eq + std::hash::Hash, M: Clone> Known<L, M> {
    /// Looks up what is asked for in `family`.
    #[must_use]
    pub fn new(family: Family<L, M, fn() -> M>) -> Known<L, M> {
        Known { family, known: Vec::new() }
    }

    /// The figure of these labels. They take few values; all that were asked for are remembered.
    pub fn get(&mut self, labels: L) -> &M {
        let at = self.known.iter().position(|(known, _)| *known == labels);
        let at = at.unwrap_or_else(|| {
            self.known.push((labels, self.family.get_or_create(&labels).clone()));
            self.known.len() - 1
        });
        &self.known[at].1
    }
}

/// What an objective is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Sli {
    /// Of which keyspace.
    pub keyspace: String,
    /// `availability` or `latency`.
    pub sli: &'static str,
}

/// A kind of request of an API, and how such requests ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Operation {
    /// `http`, `etcd` or `pipe`.
    pub api: &'static str,
    /// One of a fixed list: a route with its method, a method of gRPC, a kind of call.
    pub operation: String,
    /// The name of a [`vigil::Outcome`].
    pub outcome: &'static str,
}

/// A keyspace, and how requests to it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Keyspace {
    /// Its name, or `_other`.
    pub keyspace: String,
    /// The name of a [`vigil::Outcome`].
    pub outcome: &'static str,
}

/// Durations by labels.
pub type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;
type Exampled<L> =
    Family<L, HistogramWithExemplars<Example>, fn() -> HistogramWithExemplars<Example>>;

/// Every figure that is counted or measured as it happens.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Requests by operation and outcome, from arrival to answer.
    pub requests: Exampled<Labels>,
    /// Requests by API, operation and outcome, as its gateway sees them.
    pub operations: Histograms<Operation>,
    /// Requests by keyspace and outcome, from arrival to answer.
    pub keyspaces: Histograms<Keyspace>,
    /// Requests refused at the door, by code.
    pub refused: Family<Label, Counter>,
    /// Calls of other nodes that were answered here, from arrival to answer.
    pub served: Histograms<Peer>,
    /// Stages of consensus on the leader.
    pub round: Histograms<Label>,
    /// Campaigns, by reason.
    pub elections: Family<Label, Counter>,
    /// Terms that this node began to lead.
    pub leads: Counter,
    /// Ends of leading or campaigning, by reason.
    pub step_downs: Family<Label, Counter>,
    /// Replicas on this node.
    pub replicas: Gauge,
    /// Logs compacted.
    pub compactions: Counter,
    /// Bytes of snapshots, by direction.
    pub snapshot_bytes: Family<Label, Counter>,
    /// Flushes of the engine.
    pub flush: Histogram,
    /// Syncs of the journal.
    pub sync: Histogram,
    /// Records per sync.
    pub sync_records: Histogram,
    /// Bytes handed to the journal.
    pub journal_written: Counter,
    /// Bytes of the journal's segments.
    pub journal_bytes: Gauge,
    /// Failed appends and syncs.
    pub journal_failures: Counter,
    /// Inputs per batch of the process.
    pub batch: Histogram,
    /// Bytes to a peer.
    pub sent: Family<Peer, Counter>,
    /// Bytes from a peer.
    pub received: Family<Peer, Counter>,
    /// Bytes to a peer that were dropped because it was unreachable or too slow.
    pub dropped: Family<Peer, Counter>,
    /// Connections made to a peer.
    pub connects: Family<Peer, Counter>,
    /// Whether there is a connection to a peer.
    pub connected: Family<Peer, Gauge>,
    /// Connections from peers that were closed, by reason; see [`Metrics::refuse_link`].
    refused_links: Family<Label, Counter>,
    /// Messages dropped because the process could not keep up.
    pub overrun: Counter,
    /// Appends to the journal, without the sync.
    pub append: Histogram,
    /// Since when a peer was last heard of.
    pub silence: Family<Peer, Gauge<f64, AtomicU64>>,
    /// There and back.
    pub rtt: Family<Peer, Gauge<f64, AtomicU64>>,
    /// How far a peer's clock is ahead.
    pub clock: Family<Peer, Gauge<f64, AtomicU64>>,
    /// Bytes that wait for a peer.
    pub peer_queue: Family<Peer, Gauge>,
    /// Entries that a replica has not applied although they are committed, by shard and node.
    pub lag: Family<Replica, Gauge>,
    /// Jobs that wait for the journal.
    pub journal_queue: Gauge,
    /// Whether the disk refuses writes.
    pub disk_full: Gauge,
    /// Spans and points that a collector took.
    pub otlp_sent: Family<Label, Counter>,
    /// Spans and points that were given up.
    pub otlp_dropped: Family<Label, Counter>,
    /// Attempts of an export that failed.
    pub otlp_failures: Family<Label, Counter>,
    /// Requests that count for an objective.
    pub slo_requests: Family<Sli, Counter>,
    /// Those that use up its budget.
    pub slo_errors: Family<Sli, Counter>,
    /// The share that is to be good.
    pub slo_target: Family<Sli, Gauge<f64, AtomicU64>>,
    /// From 0, of no use, to 100, well.
    pub health: Gauge,
    alarms: Family<Label, Gauge>,
    /// Reasons for which links were refused, for who wants them by name.
    reasons: Mutex<BTreeSet<&'static str>>,
    memory: Gauge,
    uptime: Gauge<f64, AtomicU64>,
    inbox: Gauge,
    disk_free: Gauge,
}

/// What is read when the figures are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Since the start.
    pub uptime: Duration,
    /// Inputs that wait for the process.
    pub inbox: u64,
    /// Free bytes on the disk of the data directory.
    pub disk_free: u64,
}

/// From 50 microseconds to about 13 seconds.
fn seconds() -> Histogram {
    Histogram::new((0..18).map(|power| 50e-6 * f64::from(1 << power)))
}

/// From 100 microseconds to 10 seconds in fewer steps, where there are many histograms.
fn coarse_seconds() -> Histogram {
    Histogram::new([1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
}

/// The same as [`seconds`], with examples.
fn exampled() -> HistogramWithExemplars<Example> {
    HistogramWithExemplars::new((0..18).map(|power| 50e-6 * f64::from(1 << power)))
}

/// From 1 to 16384.
fn counts() -> Histogram {
    Histogram::new((0..15).map(|power| f64::from(1 << power)))
}

impl Default for Metrics {
    fn default() -> Metrics {
        let metrics = Metrics {
            registry: Mutex::new(Registry::with_prefix("quorate")),
            requests: Family::new_with_constructor(exampled),
            operations: Family::new_with_constructor(coarse_seconds),
            keyspaces: Family::new_with_constructor(coarse_seconds),
            refused: Family::default(),
            served: Family::new_with_constructor(seconds),
            round: Family::new_with_constructor(seconds),
            elections: Family::default(),
            leads: Counter::default(),
            step_downs: Family::default(),
            replicas: Gauge::default(),
            compactions: Counter::default(),
            snapshot_bytes: Family::default(),
            flush: seconds(),
            sync: seconds(),
            sync_records: counts(),
            journal_written: Counter::default(),
            journal_bytes: Gauge::default(),
            journal_failures: Counter::default(),
            batch: counts(),
            sent: Family::default(),
            received: Family::default(),
            dropped: Family::default(),
            connects: Family::default(),
            connected: Family::default(),
            refused_links: Family::default(),
            overrun: Counter::default(),
            append: seconds(),
            silence: Family::default(),
            rtt: Family::default(),
            clock: Family::default(),
            peer_queue: Family::default(),
            lag: Family::default(),
            journal_queue: Gauge::default(),
            disk_full: Gauge::default(),
            otlp_sent: Family::default(),
            otlp_dropped: Family::default(),
            otlp_failures: Family::default(),
            slo_requests: Family::default(),
            slo_errors: Family::default(),
            slo_target: Family::default(),
            health: Gauge::default(),
            alarms: Family::default(),
            reasons: Mutex::default(),
            memory: Gauge::default(),
            uptime: Gauge::default(),
            inbox: Gauge::default(),
            disk_free: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// All figures in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self, sample: Sample) -> String {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.memory.set(signed(sample.memory));
        self.uptime.set(sample.uptime.as_secs_f64());
        self.inbox.set(signed(sample.inbox));
        self.disk_free.set(signed(sample.disk_free));
        let mut text = String::with_capacity(16 << 10);
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = text::encode(&mut text, &registry);
        text
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.register_process(&mut registry);
        self.register_storage(&mut registry);
        self.register_links(&mut registry);
        self.register_host(&mut registry);
        self.register_health(&mut registry);
        self.register_exports(&mut registry);
    }

    fn register_process(&self, r: &mut Registry) {
        let s = Unit::Seconds;
        r.register_with_unit(
            "request",
            "Requests, from arrival to answer",
            s,
            self.requests.clone(),
        );
        let help = "Requests by API and operation, as its gateway sees them";
        r.register_with_unit("api_request", help, Unit::Seconds, self.operations.clone());
        let help = "Requests by keyspace, from arrival to answer";
        r.register_with_unit("keyspace_request", help, Unit::Seconds, self.keyspaces.clone());
        r.register("requests_refused", "Requests refused at the door", self.refused.clone());
        let help = "Calls of a peer that were answered here";
        r.register_with_unit("served", help, Unit::Seconds, self.served.clone());
        let help = "Consensus on the leader by stage: queue, local sync, commit, apply";
        r.register_with_unit("consensus_round", help, Unit::Seconds, self.round.clone());
        r.register("raft_elections", "Campaigns, rehearsals included", self.elections.clone());
        r.register("raft_leader_changes", "Terms this node began to lead", self.leads.clone());
        r.register("raft_step_downs", "Ends of leading or campaigning", self.step_downs.clone());
        r.register("replicas", "Replicas on this node", self.replicas.clone());
        r.register("raft_compactions", "Logs compacted", self.compactions.clone());
        let help = "Snapshots sent and received";
        r.register_with_unit("snapshot", help, Unit::Bytes, self.snapshot_bytes.clone());
    }

    fn register_storage(&self, r: &mut Registry) {
        let s = Unit::Seconds;
        r.register_with_unit("engine_flush", "Flushes of the engine", s, self.flush.clone());
        r.register_with_unit("journal_sync", "Journal syncs", Unit::Seconds, self.sync.clone());
        r.register("journal_sync_records", "Records per sync", self.sync_records.clone());
        let help = "Bytes handed to the journal";
        r.register_with_unit("journal_written", help, Unit::Bytes, self.journal_written.clone());
        let help = "Segments of the journal";
        r.register_with_unit("journal_size", help, Unit::Bytes, self.journal_bytes.clone());
        let help = "Appends and syncs that failed";
        r.register("journal_failures", help, self.journal_failures.clone());
    }

    fn register_links(&self, r: &mut Registry) {
        let b = || Unit::Bytes;
        r.register_with_unit("peer_sent", "Sent to a peer", b(), self.sent.clone());
        r.register_with_unit("peer_received", "Received from a peer", b(), self.received.clone());
        let help = "Not sent: the peer was unreachable or too slow";
        r.register_with_unit("peer_dropped", help, b(), self.dropped.clone());
        r.register("peer_connects", "Connections made to a peer", self.connects.clone());
        r.register("peer_connected", "Whether a peer is connected", self.connected.clone());
        let help = "Connections from peers that were closed";
        r.register("links_refused", help, self.refused_links.clone());
    }

    fn register_host(&self, r: &mut Registry) {
        r.register("worker_batch_inputs", "Inputs per batch of the process", self.batch.clone());
        r.register("worker_inbox", "Inputs that wait for the process", self.inbox.clone());
        let help = "Messages dropped because the process could not keep up";
        r.register("worker_overruns", help, self.overrun.clone());
        let b = || Unit::Bytes;
        r.register_with_unit("resident_memory", "Resident memory", b(), self.memory.clone());
        r.register_with_unit("disk_free", "Free space for data", b(), self.disk_free.clone());
        r.register_with_unit("uptime", "Since the start", Unit::Seconds, self.uptime.clone());
    }

    fn register_health(&self, r: &mut Registry) {
        let help = "Since a peer was last heard of";
        r.register_with_unit("peer_silence", help, Unit::Seconds, self.silence.clone());
        let help = "To a peer and back";
        r.register_with_unit("peer_round_trip", help, Unit::Seconds, self.rtt.clone());
        let help = "How far a peer's clock is ahead, give or take half of a round trip";
        r.register_with_unit("peer_clock_offset", help, Unit::Seconds, self.clock.clone());
        let help = "Waits for a peer";
        r.register_with_unit("peer_queue", help, Unit::Bytes, self.peer_queue.clone());
        let help = "Committed entries that a replica has not applied, as last heard";
        r.register("replica_lag_entries", help, self.lag.clone());
        let help = "Whether the disk refuses writes";
        r.register("disk_full", help, self.disk_full.clone());
        let help = "Jobs that wait for the journal";
        r.register("journal_queue", help, self.journal_queue.clone());
        let help = "Appends to the journal, without the sync";
        r.register_with_unit("journal_append", help, Unit::Seconds, self.append.clone());
        let help = "From 0, of no use, to 100, well; /v1/vitals gives the reasons";
        r.register("health_score", help, self.health.clone());
        let help = "Requests that count for the objective of a keyspace";
        r.register("slo_requests", help, self.slo_requests.clone());
        let help = "Requests that use up the error budget of a keyspace";
        r.register("slo_errors", help, self.slo_errors.clone());
        let help = "The share of requests that is to be good";
        r.register("slo_target_ratio", help, self.slo_target.clone());
        r.register("alarm", "Whether an alarm is on", self.alarms.clone());
    }

    fn register_exports(&self, r: &mut Registry) {
        r.register("otlp_sent", "Spans and points a collector took", self.otlp_sent.clone());
        let help = "Spans and points that were given up";
        r.register("otlp_dropped", help, self.otlp_dropped.clone());
        r.register("otlp_failures", "Failed attempts of an export", self.otlp_failures.clone());
    }

    /// A connection from a peer was closed.
    pub fn refuse_link(&self, reason: &'static str) {
        self.refused_links.get_or_create(&[("reason", reason)]).inc();
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).insert(reason);
    }

    /// Connections from peers that were closed, by reason.
    #[must_use]
    pub fn refused_by_reason(&self) -> BTreeMap<String, u64> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |reason: &&'static str| {
            let count = self.refused_links.get_or_create(&[("reason", *reason)]).get();
            ((*reason).to_owned(), count)
        };
        reasons.iter().map(count).collect()
    }

    /// These alarms are on, and no others.
    pub fn set_alarms<'a>(&self, on: impl Iterator<Item = &'a str>) {
        let on: Vec<&str> = on.collect();
        for kind in health::KINDS {
            self.alarms.get_or_create(&[("alarm", kind)]).set(i64::from(on.contains(&kind)));
        }
    }

    /// Counts bytes for a peer.
    pub fn count(family: &Family<Peer, Counter>, peer: NodeId, bytes: usize) {
        family.get_or_create(&[("peer", peer.0)]).inc_by(bytes as u64);
    }
}

/// Resident memory of this process, in bytes; zero where the system does not tell.
#[must_use]
pub fn resident_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests;
