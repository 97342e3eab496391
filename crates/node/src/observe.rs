//! Turns observations of the process into figures, log lines and spans of traces.

mod events;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use database::{
    Note,
    api::{Call, Trace},
    note::Step,
};
use kernel::{Duration, NodeId, ShardId};
use tracing::{info, warn};
use vigil::{
    Event, Severity,
    traces::{Did, Ended, Part, Store},
};

use self::events::{campaign, step_down};
use crate::{
    ambient::{self, Clock},
    flight::Flight,
    metrics::Metrics,
    objectives::Budgets,
    otlp::Tracer,
    vitals::Pulse,
};

/// Everything that a node notices goes here. Clones are the same senses.
#[derive(Clone, Debug)]
pub struct Senses {
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Spans, if they are exported.
    pub tracer: Option<Arc<Tracer>>,
    /// Events.
    pub flight: Arc<Flight>,
    /// How this node is.
    pub pulse: Arc<Pulse>,
    /// Requests that are worth keeping, with their stages.
    pub traces: Arc<Mutex<Store>>,
    /// Error budgets.
    pub budgets: Arc<Budgets>,
    /// Whether what happens with every request is noticed.
    requests: bool,
    named: Arc<AtomicU64>,
    clock: Clock,
}

impl Senses {
    /// Senses that have noticed nothing yet.
    #[must_use]
    pub fn new(
        node: NodeId,
        metrics: Arc<Metrics>,
        tracer: Option<Arc<Tracer>>,
        clock: Clock,
        requests: bool,
    ) -> Senses {
        let traces = Arc::new(Mutex::new(Store::new(node.to_string())));
        let (flight, pulse) = (Arc::new(Flight::new(clock)), Arc::new(Pulse::new(clock)));
        let named = Arc::new(AtomicU64::new(ambient::seed()));
        let budgets = Arc::default();
        Senses { metrics, tracer, flight, pulse, traces, budgets, requests, named, clock }
    }

    /// Whether an observation is noticed: not those that come with every request if they cost too
    /// much.
    #[must_use]
    pub fn notice(&self, note: &Note) -> bool {
        use Note as N;
        let often = matches!(
            note,
            N::Request { .. } | N::Round { .. } | N::Served { .. } | N::Followed { .. }
        );
        self.requests || !often
    }

    /// A request comes: it gets a name by which what every node does for it can be found.
    pub fn comes(&self, call: &mut Call) {
        if self.requests {
            self.pulse.hot.pass(call);
            self.name(&mut call.trace);
        }
    }

    /// Names a request that came without a trace, unless names are off.
    pub fn name(&self, trace: &mut Trace) {
        if self.requests && trace.trace_id == 0 {
            let number = self.named.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
            // Odd, and so never zero.
            let low = (number ^ (number >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1;
            trace.trace_id = u128::from(number) << 64 | u128::from(low);
            trace.sampled = self.tracer.as_ref().is_some_and(|tracer| tracer.chosen());
        }
    }

    /// What this node did for a request.
    fn part(&self, trace: Trace, did: Did) {
        if trace.trace_id != 0 {
            let end_us = self.clock.steady_us(self.clock.instant());
            let (trace_id, kept) = (trace.trace_id, trace.is_kept());
            self.kept().part(Part { trace_id, kept, end_us, did });
        }
    }

    /// The requests that are kept.
    pub fn kept(&self) -> MutexGuard<'_, Store> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was turned away at the door.
    pub fn refused(&self, code: database::Code, keyspace: &str) {
        let (now, name) = (self.clock.instant(), code.name());
        self.metrics.refused.get_or_create(&[("code", name)]).inc();
        self.pulse.counts.refused(now, name, keyspace);
        let second = self.clock.steady_us(now) / 1_000_000;
        self.budgets.count(second, keyspace, Some(name), Duration::ZERO);
    }
}

/// Records one observation. `apply` is the age of the process's batch: what was committed in it took
/// so long to be applied, and what was answered in it so long to be answered.
/// Spans go to the tracer, or into the log if there is none.
pub fn note(senses: &Senses, note: Note, apply: Duration) {
    let (metrics, tracer) = (&*senses.metrics, senses.tracer.as_deref());
    match note {
        Note::Raft { shard, note } => {
            if let Some(event) = events::of_raft(shard, &note) {
                senses.flight.record(event);
            }
            raft_note(metrics, shard, note);
        }
        Note::Request { keyspace, mutation, failed, took, trace, request_id } => {
            let id = request_id.as_ref().map_or("", |id| id.as_str());
            request(senses, keyspace, mutation, failed, took + apply, trace, id);
        }
        Note::Round { shard, queue, local, commit, trace, span: round } => {
            let stages = [
                ("queue", Some(queue)),
                ("local", local),
                ("commit", Some(commit)),
                ("apply", Some(apply)),
            ];
            senses.pulse.counts.round(senses.clock.instant(), stages.map(|(_, took)| took));
            let (q, l, c, a) = (micros(queue), local.map(micros), micros(commit), micros(apply));
            senses.part(trace, Did::Round { queue: q, local: l, commit: c, apply: a });
            for (stage, took) in stages {
                let Some(took) = took else { continue };
                metrics.round.get_or_create(&[("stage", stage)]).observe(took.as_secs_f64());
                if trace.sampled && tracer.is_none() {
                    span(trace, stage, took, &shard.to_string(), "round", "ok", "");
                }
            }
            if let Some(tracer) = tracer.filter(|_| trace.sampled) {
                tracer.round(trace, round, shard, (queue, local, commit, apply));
            }
        }
        Note::Served { shard, peer, took, trace } => {
            let took = took + apply;
            senses.part(trace, Did::Served(micros(took)));
            metrics.served.get_or_create(&[("peer", peer.0)]).observe(took.as_secs_f64());
            if !trace.sampled {
            } else if let Some(tracer) = tracer {
                tracer.served(trace, shard, peer, took);
            } else {
                span(trace, "served", took, &shard.to_string(), "served", "ok", "");
            }
        }
        Note::Followed { shard, leader, step, took, trace } => {
            let (stages, did) = match step {
                Step::Durable => ([Some(("persist", took)), None], Did::Persisted(micros(took))),
                Step::Committed => (
                    [Some(("learn", took)), Some(("apply", apply))],
                    Did::Learned { learn: micros(took), apply: micros(apply) },
                ),
            };
            senses.part(trace, did);
            for (stage, took) in stages.into_iter().flatten().filter(|_| trace.sampled) {
                if tracer.is_none() {
                    span(trace, stage, took, &shard.to_string(), "followed", "ok", "");
                }
            }
            if let Some(tracer) = tracer.filter(|_| trace.sampled) {
                tracer.followed(trace, shard, leader, step, took, apply);
            }
        }
        Note::Flushed { took } => metrics.flush.observe(took.as_secs_f64()),
        Note::Compacted { .. } => {
            metrics.compactions.inc();
        }
        Note::Refused { code, keyspace } => {
            senses.refused(code, keyspace.as_deref().unwrap_or(""));
        }
        Note::ReplicaAdded { shard } => {
            metrics.replicas.inc();
            let event = Event::new("replica-added", Severity::Info, "this node has a new replica");
            senses.flight.record(event.shard(shard.0));
            info!(%shard, "a replica was added");
        }
        Note::ReplicaRemoved { shard } => {
            metrics.replicas.dec();
            let event = Event::new("replica-removed", Severity::Info, "a replica left this node");
            senses.flight.record(event.shard(shard.0));
            info!(%shard, "a replica was removed");
        }
        Note::Snapshot { shard, peer, sent, index, bytes } => {
            let direction = if sent { "sent" } else { "received" };
            metrics.snapshot_bytes.get_or_create(&[("direction", direction)]).inc_by(bytes);
            info!(%shard, %peer, direction, index, bytes, "a snapshot was transferred");
        }
    }
}

/// A request ended on the node that was asked.
fn request(
    senses: &Senses,
    keyspace: String,
    mutation: bool,
    failed: Option<database::Code>,
    took: Duration,
    trace: Trace,
    id: &str,
) {
    let op = if mutation { "write" } else { "read" };
    let (code, now) = (failed.map(database::Code::name), senses.clock.instant());
    let outcome = code.unwrap_or("ok");
    senses.pulse.counts.request(now, mutation, code, took);
    senses.budgets.count(senses.clock.steady_us(now) / 1_000_000, &keyspace, code, took);
    if let Some(code) = code {
        senses.pulse.counts.failure(now, code, &keyspace);
    }
    if trace.sampled && senses.tracer.is_none() {
        span(trace, "request", took, &keyspace, op, outcome, id);
    }
    let kept = trace.trace_id != 0 && {
        let (end_us, took_us) = (senses.clock.steady_us(now), micros(took));
        let (trace_id, failed, kept) = (trace.trace_id, code, trace.is_kept());
        let ended = Ended { trace_id, mutation, keyspace, failed, kept, end_us, took_us };
        senses.kept().ended(ended)
    };
    // Only what can be looked up is worth an example.
    let exemplar =
        (kept || trace.sampled).then(|| [("trace_id", format!("{:032x}", trace.trace_id))]);
    let labels = [("op", op), ("outcome", outcome)];
    senses.metrics.requests.get_or_create(&labels).observe(took.as_secs_f64(), exemplar, None);
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// A finished span as a log line that a collector can put into its trace.
fn span(t: Trace, stage: &str, took: Duration, place: &str, op: &str, outcome: &str, id: &str) {
    info!(
        target: "quorate::trace",
        trace_id = format_args!("{:032x}", t.trace_id),
        parent_span_id = format_args!("{:016x}", t.span_id),
        stage,
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        place,
        op,
        outcome,
        request_id = id,
        "span"
    );
}

fn raft_note(metrics: &Metrics, shard: ShardId, note: raft::Note) {
    use raft::Note as N;
    match note {
        N::BecameCandidate { pre, term, reason } => {
            let reason = campaign(reason);
            metrics.elections.get_or_create(&[("reason", reason)]).inc();
            info!(%shard, term, pre, reason, "an election begins");
        }
        N::BecameLeader { term, took } => {
            metrics.leads.inc();
            info!(%shard, term, ?took, "this node leads");
        }
        N::SteppedDown { role, term, reason } => {
            let reason = step_down(reason);
            metrics.step_downs.get_or_create(&[("reason", reason)]).inc();
            info!(%shard, term, ?role, reason, "leading or campaigning ended");
        }
        N::DiskFailed | N::SlowDisk { .. } | N::Malformed { .. } => {
            warn!(%shard, note = ?note, "raft");
        }
        // These come with every batch of writes.
        N::Committed { .. } | N::Compacted { .. } => {}
        other => info!(%shard, note = ?other, "raft"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sample;
    use vigil::event::Filter;

    #[test]
    fn observations_become_figures() {
        let senses = Senses::new(NodeId(1), Arc::default(), None, Clock::start(), true);
        let shard = ShardId(1);
        let trace = Trace { trace_id: 7, span_id: 8, sampled: true };
        let ms = Duration::from_millis;
        let note = |note| super::note(&senses, note, ms(1));
        note(Note::Raft { shard, note: raft::Note::BecameLeader { term: 3, took: ms(9) } });
        note(Note::Request {
            keyspace: "carts".into(),
            mutation: true,
            failed: Some(database::Code::Unavailable),
            took: ms(5),
            trace,
            request_id: None,
        });
        note(Note::Round { shard, queue: ms(1), local: None, commit: ms(2), trace, span: 0 });
        note(Note::ReplicaAdded { shard });
        let text = senses.metrics.text(Sample::default());
        for line in [
            "quorate_raft_leader_changes_total 1",
            "quorate_request_seconds_count{op=\"write\",outcome=\"unavailable\"} 1",
            "quorate_consensus_round_seconds_count{stage=\"commit\"} 1",
            "quorate_consensus_round_seconds_count{stage=\"apply\"} 1",
            "quorate_replicas 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(!text.contains("stage=\"local\""), "a stage that did not happen is not measured");
        let kept = senses.kept().find(7).unwrap();
        assert_eq!((kept.op.as_str(), kept.outcome.as_str()), ("write", "unavailable"));
        assert!(kept.stages.iter().any(|stage| stage.stage == "commit"), "{kept:?}");
        let trace = format!("# {{trace_id=\"{:032x}\"}}", 7);
        assert!(text.contains(&trace), "{text}");
        let (events, _) = senses.flight.read(&Filter { limit: 9, ..Filter::default() });
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["election-won", "replica-added"]);
    }
}
