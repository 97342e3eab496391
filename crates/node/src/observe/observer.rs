//! What the worker has noticed in a batch becomes figures, spans and traces.
//!
//! This runs for every request. So the clock is looked at once a batch, after its messages have
//! left, and a figure's place among its family is looked up once.

use database::{Note, api::Trace, note::Step};
use kernel::{Duration, Instant, NodeId, ShardId};
use prometheus_client::metrics::{exemplar::HistogramWithExemplars, histogram::Histogram};
use tracing::{info, warn};
use vigil::{
    Event, Outcome, Severity,
    traces::{Did, Ended, Part},
};

use super::{
    Senses,
    events::{self, campaign, step_down},
};
use crate::metrics::{Example, Known, Label, Labels, Metrics, Peer};

/// The worker's way to the senses.
#[derive(Debug)]
pub struct Observer {
    /// Where everything goes.
    pub senses: Senses,
    requests: Known<Labels, HistogramWithExemplars<Example>>,
    served: Known<Peer, Histogram>,
    rounds: Known<Label, Histogram>,
}

/// When a batch is told of, and its age then: what was committed in it took so long to be applied,
/// and what was answered in it so long to be answered.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Instant,
    /// The same in microseconds since 1970.
    us: u64,
    apply: Duration,
}

impl Observer {
    /// An observer that has looked nothing up yet.
    #[must_use]
    pub fn new(senses: Senses) -> Observer {
        let metrics = &senses.metrics;
        let requests = Known::new(metrics.requests.clone());
        let served = Known::new(metrics.served.clone());
        let rounds = Known::new(metrics.round.clone());
        Observer { senses, requests, served, rounds }
    }

    /// Records what was noticed in a batch that began at `began` and ends now.
    pub fn batch(&mut self, began: Instant, notes: Vec<Note>) {
        let now = self.senses.clock.instant();
        let us = self.senses.clock.steady_us(now);
        let moment = Moment { now, us, apply: now.since(began) };
        for note in notes {
            if self.senses.notice(&note) {
                self.note(moment, note);
            }
        }
    }

    /// Records one observation. Spans go to the tracer, or into the log if there is none.
    fn note(&mut self, moment: Moment, note: Note) {
        let metrics = &*self.senses.metrics;
        match note {
            Note::Raft { shard, note } => {
                if let Some(event) = events::of_raft(shard, &note) {
                    self.senses.flight.record(event);
                }
                raft_note(metrics, shard, note);
            }
            Note::Request { keyspace, mutation, failed, took, trace, request_id } => {
                let id = request_id.as_ref().map_or("", |id| id.as_str());
                let took = took + moment.apply;
                self.request(moment, keyspace, mutation, failed, took, trace, id);
            }
            Note::Round { shard, queue, local, commit, trace, span } => {
                self.round(moment, shard, (queue, local, commit), trace, span);
            }
            Note::Served { shard, peer, took, trace } => {
                let took = took + moment.apply;
                self.part(moment.us, trace, Did::Served(micros(took)));
                self.served.get([("peer", peer.0)]).observe(took.as_secs_f64());
                if !trace.sampled {
                } else if let Some(tracer) = &self.senses.tracer {
                    tracer.served(trace, shard, peer, took);
                } else {
                    span_line(trace, "served", took, &shard.to_string(), "served", "ok", "");
                }
            }
            Note::Followed { shard, leader, step, took, trace } => {
                self.followed(moment, shard, leader, (step, took), trace);
            }
            Note::Flushed { took } => metrics.flush.observe(took.as_secs_f64()),
            Note::Compacted { .. } => {
                metrics.compactions.inc();
            }
            Note::Refused { code, keyspace } => {
                self.senses.refused(code, keyspace.as_deref().unwrap_or(""));
            }
            Note::ReplicaAdded { shard } => {
                metrics.replicas.inc();
                let text = "this node has a new replica";
                let event = Event::new("replica-added", Severity::Info, text);
                self.senses.flight.record(event.shard(shard.0));
                info!(%shard, "a replica was added");
            }
            Note::ReplicaRemoved { shard } => {
                metrics.replicas.dec();
                let text = "a replica left this node";
                let event = Event::new("replica-removed", Severity::Info, text);
                self.senses.flight.record(event.shard(shard.0));
                info!(%shard, "a replica was removed");
            }
            Note::Snapshot { shard, peer, sent, index, bytes } => {
                let direction = if sent { "sent" } else { "received" };
                metrics.snapshot_bytes.get_or_create(&[("direction", direction)]).inc_by(bytes);
                info!(%shard, %peer, direction, index, bytes, "a snapshot was transferred");
            }
        }
    }

    /// What this node did for a request.
    fn part(&self, end_us: u64, trace: Trace, did: Did) {
        if trace.trace_id != 0 {
            let (trace_id, kept) = (trace.trace_id, trace.is_kept());
            self.senses.kept().part(Part { trace_id, kept, end_us, did });
        }
    }

    /// A write that this node led went through consensus.
    fn round(
        &mut self,
        Moment { now, us, apply }: Moment,
        shard: ShardId,
        (queue, local, commit): (Duration, Option<Duration>, Duration),
        trace: Trace,
        span: u64,
    ) {
        let stages = [
            ("queue", Some(queue)),
            ("local", local),
            ("commit", Some(commit)),
            ("apply", Some(apply)),
        ];
        self.senses.pulse.counts.round(now, stages.map(|(_, took)| took));
        let (q, l, c, a) = (micros(queue), local.map(micros), micros(commit), micros(apply));
        self.part(us, trace, Did::Round { queue: q, local: l, commit: c, apply: a });
        let tracer = self.senses.tracer.as_deref();
        for (stage, took) in stages {
            let Some(took) = took else { continue };
            self.rounds.get([("stage", stage)]).observe(took.as_secs_f64());
            if trace.sampled && tracer.is_none() {
                span_line(trace, stage, took, &shard.to_string(), "round", "ok", "");
            }
        }
        if let Some(tracer) = tracer.filter(|_| trace.sampled) {
            tracer.round(trace, span, shard, (queue, local, commit, apply));
        }
    }

    /// An entry of another leader went a step further here.
    fn followed(
        &self,
        Moment { us, apply, .. }: Moment,
        shard: ShardId,
        leader: NodeId,
        (step, took): (Step, Duration),
        trace: Trace,
    ) {
        let (stages, did) = match step {
            Step::Durable => ([Some(("persist", took)), None], Did::Persisted(micros(took))),
            Step::Committed => (
                [Some(("learn", took)), Some(("apply", apply))],
                Did::Learned { learn: micros(took), apply: micros(apply) },
            ),
        };
        self.part(us, trace, did);
        let tracer = self.senses.tracer.as_deref();
        for (stage, took) in stages.into_iter().flatten().filter(|_| trace.sampled) {
            if tracer.is_none() {
                span_line(trace, stage, took, &shard.to_string(), "followed", "ok", "");
            }
        }
        if let Some(tracer) = tracer.filter(|_| trace.sampled) {
            tracer.followed(trace, shard, leader, step, took, apply);
        }
    }

    /// A request ended on the node that was asked.
    #[allow(clippy::too_many_arguments, reason = "the fields of one note")]
    fn request(
        &mut self,
        Moment { now, us: end_us, .. }: Moment,
        keyspace: String,
        mutation: bool,
        failed: Option<database::Code>,
        took: Duration,
        trace: Trace,
        id: &str,
    ) {
        let senses = &self.senses;
        let op = if mutation { "write" } else { "read" };
        let code = failed.map(database::Code::name);
        let outcome = code.unwrap_or("ok");
        senses.pulse.counts.request(now, mutation, code, took);
        senses.budgets.count(end_us / 1_000_000, &keyspace, code, took);
        senses.keyspaces.count(&keyspace, Outcome::of_code(code), took);
        if let Some(code) = code {
            senses.pulse.counts.failure(now, code, &keyspace);
        }
        if trace.sampled && senses.tracer.is_none() {
            span_line(trace, "request", took, &keyspace, op, outcome, id);
        }
        let kept = trace.trace_id != 0 && {
            let took_us = micros(took);
            let (trace_id, failed, kept) = (trace.trace_id, code, trace.is_kept());
            let ended = Ended { trace_id, mutation, keyspace, failed, kept, end_us, took_us };
            senses.kept().ended(ended)
        };
        // Only what can be looked up is worth an example.
        let exemplar =
            (kept || trace.sampled).then(|| [("trace_id", format!("{:032x}", trace.trace_id))]);
        let labels = [("op", op), ("outcome", outcome)];
        self.requests.get(labels).observe(took.as_secs_f64(), exemplar, None);
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// A finished span as a log line that a collector can put into its trace.
fn span_line(
    t: Trace,
    stage: &str,
    took: Duration,
    place: &str,
    op: &str,
    outcome: &str,
    id: &str,
) {
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
    use crate::{ambient::Clock, metrics::Sample};
    use vigil::event::Filter;

    #[test]
    fn observations_become_figures() {
        let senses = Senses::new(NodeId(1), Default::default(), None, Clock::start(), true);
        let shard = ShardId(1);
        let trace = Trace { trace_id: 7, span_id: 8, sampled: true };
        let ms = Duration::from_millis;
        let mut observer = Observer::new(senses.clone());
        let now = senses.clock.instant();
        let moment = Moment { now, us: senses.clock.steady_us(now), apply: ms(1) };
        let mut note = |note| observer.note(moment, note);
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
            "quorate_keyspace_request_seconds_count{keyspace=\"_other\",outcome=\"server-error\"} 1",
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
