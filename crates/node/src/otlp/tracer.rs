//! Spans: who makes them, how they hang together, and where they wait.
//!
//! ```text
//!   client's span (traceparent) or nothing
//!     └─ request            on the node that was asked
//!          ├─ served        on the node that answered, if it was another
//!          └─ consensus     on the leader, of a mutation
//!               ├─ queue    arrived   ─▶ proposed
//!               ├─ local    proposed  ─▶ durable here
//!               ├─ commit   proposed  ─▶ durable on a majority
//!               ├─ apply    committed ─▶ applied
//!               └─ persist, learn, apply    on every follower
//! ```
//!
//! The trace context that nodes pass on with a call names the request's span, so that the spans of
//! other nodes are its children; the one that goes with an entry to the followers names the span of
//! its way through consensus. Making a span never waits: when the queue is full it is dropped
//! and counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use database::{
    Answer,
    api::{Action, Call, Trace},
    note::Step,
};
use kernel::{Duration, Instant, NodeId, ShardId};
use tokio::sync::mpsc;

use super::proto::{KeyValue, Span, Status};
use crate::{
    ambient::{self, Clock},
    metrics::Metrics,
};

/// Makes spans of what is sampled.
#[derive(Debug)]
pub struct Tracer {
    queue: mpsc::Sender<Span>,
    clock: Clock,
    metrics: Arc<Metrics>,
    ids: AtomicU64,
    /// Of requests without a trace, every so many-th gets one; 0 for none.
    sample: u64,
    untraced: AtomicU64,
}

/// A request that is being traced.
#[derive(Debug)]
pub struct Begun {
    /// Names the request's span.
    trace: Trace,
    /// The client's span; 0 if there is none.
    parent: u64,
    at: Instant,
    name: &'static str,
    keyspace: String,
}

/// What a span is about.
struct About {
    trace: Trace,
    parent: u64,
    name: &'static str,
    kind: i32,
    attributes: Vec<KeyValue>,
    error: Option<String>,
}

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const ERROR: i32 = 2;

impl Tracer {
    /// A tracer whose spans wait in `queue`.
    #[must_use]
    pub fn new(
        queue: mpsc::Sender<Span>,
        clock: Clock,
        metrics: Arc<Metrics>,
        sample: u64,
    ) -> Tracer {
        let (ids, untraced) = (AtomicU64::new(ambient::seed()), AtomicU64::new(0));
        Tracer { queue, clock, metrics, ids, sample, untraced }
    }

    /// Begins the span of a request; from here on the call's trace context names it.
    pub fn begin(&self, call: &mut Call) -> Option<Begun> {
        let trace = &mut call.trace;
        if !trace.sampled {
            return None;
        }
        let parent = std::mem::replace(&mut trace.span_id, self.id());
        let name = match call.action {
            Action::Mutate { .. } => "write",
            Action::Query { .. } | Action::Past { .. } => "read",
        };
        let (at, keyspace) = (self.clock.instant(), call.keyspace.clone());
        Some(Begun { trace: *trace, parent, at, name, keyspace })
    }

    /// Ends the span of a request with its answer.
    pub fn end(&self, begun: Begun, answer: &Answer) {
        let Begun { trace, parent, at, name, keyspace } = begun;
        let mut attributes = vec![KeyValue::new("quorate.keyspace", keyspace)];
        let mut error = None;
        match answer {
            Answer::Done(done) => {
                attributes.push(KeyValue::new("quorate.shard", done.shard.to_string()));
                let receipt = done.receipt.header();
                attributes.push(KeyValue::new("quorate.receipt", receipt));
                if let Some(id) = &done.request_id {
                    attributes.push(KeyValue::new("quorate.request_id", id.as_str()));
                }
            }
            Answer::Failed(failure) => {
                attributes.push(KeyValue::new("error.type", failure.code.name()));
                error = Some(failure.text.clone());
            }
            _ => {}
        }
        let about = About { trace, parent, name, kind: SERVER, attributes, error };
        self.offer(trace.span_id, about, at, self.clock.instant());
    }

    /// A call of another node was answered here.
    pub fn served(&self, trace: Trace, shard: ShardId, peer: NodeId, took: Duration) {
        let end = self.clock.instant();
        let attributes = vec![
            KeyValue::new("quorate.shard", shard.to_string()),
            KeyValue::new("quorate.peer", peer.to_string()),
        ];
        let about = About { kind: SERVER, attributes, ..About::part(trace, "served") };
        self.offer(self.id(), about, end - took, end);
    }

    /// A mutation went through consensus; `apply` ends now, the others before it. Followers may
    /// know its span already.
    pub fn round(
        &self,
        trace: Trace,
        span: u64,
        shard: ShardId,
        stages: (Duration, Option<Duration>, Duration, Duration),
    ) {
        let (queue, local, commit, apply) = stages;
        let end = self.clock.instant();
        let committed = end - apply;
        let proposed = committed - commit;
        let arrived = proposed - queue;
        let round = if span == 0 { self.id() } else { span };
        let attributes = vec![KeyValue::new("quorate.shard", shard.to_string())];
        let about = About { attributes, ..About::part(trace, "consensus") };
        self.offer(round, about, arrived, end);
        let inside = Trace { span_id: round, ..trace };
        let stage = |name, from, to| {
            self.offer(self.id(), About::part(inside, name), from, to);
        };
        stage("queue", arrived, proposed);
        if let Some(local) = local {
            stage("local", proposed, proposed + local);
        }
        stage("commit", proposed, committed);
        stage("apply", committed, end);
    }

    /// An entry of a leader went a step further here, `took` after it arrived.
    pub fn followed(
        &self,
        trace: Trace,
        shard: ShardId,
        leader: NodeId,
        step: Step,
        took: Duration,
        apply: Duration,
    ) {
        let end = self.clock.instant();
        let here = end - apply;
        let stage = |name, from, to| {
            let attributes = vec![
                KeyValue::new("quorate.shard", shard.to_string()),
                KeyValue::new("quorate.peer", leader.to_string()),
            ];
            let about = About { attributes, ..About::part(trace, name) };
            self.offer(self.id(), about, from, to);
        };
        match step {
            Step::Durable => stage("persist", here - took, here),
            Step::Committed => {
                stage("learn", here - took, here);
                stage("apply", here, end);
            }
        }
    }

    /// Whether a request that came without a trace is sampled.
    pub fn chosen(&self) -> bool {
        self.sample > 0 && self.untraced.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.sample)
    }

    /// An id that is used nowhere else: a counter, mixed (Steele, Lea and Flood's SplitMix64).
    fn id(&self) -> u64 {
        let mut z = self.ids.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).max(1)
    }

    fn offer(&self, span_id: u64, about: About, from: Instant, to: Instant) {
        let parent = match about.parent {
            0 => Vec::new(),
            parent => parent.to_be_bytes().to_vec(),
        };
        // Both from one look at the clocks: two may differ by what came between them.
        let end = self.clock.unix_nanos(to);
        let took = u64::try_from(to.since(from).as_nanos()).unwrap_or(u64::MAX);
        let span = Span {
            trace_id: about.trace.trace_id.to_be_bytes().to_vec(),
            span_id: span_id.to_be_bytes().to_vec(),
            parent_span_id: parent,
            name: about.name.to_owned(),
            kind: about.kind,
            start_time_unix_nano: end.saturating_sub(took),
            end_time_unix_nano: end,
            attributes: about.attributes,
            status: about.error.map(|message| Status { message, code: ERROR }),
        };
        if self.queue.try_send(span).is_err() {
            self.metrics.otlp_dropped.get_or_create(&[("signal", "traces")]).inc();
        }
    }
}

impl About {
    /// A part of what the context's span does.
    fn part(trace: Trace, name: &'static str) -> About {
        let (parent, attributes) = (trace.span_id, Vec::new());
        About { trace, parent, name, kind: INTERNAL, attributes, error: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Program;

    fn tracer(queue: usize, sample: u64) -> (Tracer, mpsc::Receiver<Span>, Arc<Metrics>) {
        let (sender, receiver) = mpsc::channel(queue);
        let metrics = Arc::new(Metrics::default());
        (Tracer::new(sender, Clock::start(), Arc::clone(&metrics), sample), receiver, metrics)
    }

    fn call(trace: Trace) -> Call {
        Call {
            keyspace: "carts".into(),
            action: Action::Query { program: Program::Kv, query: Default::default() },
            consistency: None,
            session: None,
            request_id: None,
            timeout: Duration::from_secs(1),
            trace,
        }
    }

    #[test]
    fn stages_lie_inside_their_round_and_it_inside_the_request() {
        let (tracer, mut spans, _) = tracer(99, 0);
        let mut call = call(Trace { trace_id: 7, span_id: 8, sampled: true });
        let begun = tracer.begin(&mut call).unwrap();
        let ms = Duration::from_millis;
        tracer.round(call.trace, 77, ShardId(4), (ms(1), Some(ms(2)), ms(3), ms(4)));
        tracer.end(begun, &Answer::Ok);
        let all: Vec<Span> = std::iter::from_fn(|| spans.try_recv().ok()).collect();
        let names: Vec<&str> = all.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["consensus", "queue", "local", "commit", "apply", "read"]);
        let (round, request) = (&all[0], &all[5]);
        assert_eq!(request.parent_span_id, 8u64.to_be_bytes());
        assert_eq!(round.parent_span_id, request.span_id);
        assert_eq!(round.span_id, 77u64.to_be_bytes(), "as followers were told");
        assert!(all[1..5].iter().all(|stage| stage.parent_span_id == round.span_id));
        assert!(all.iter().all(|span| span.trace_id == 7u128.to_be_bytes()));
        let took = round.end_time_unix_nano - round.start_time_unix_nano;
        assert!(took.abs_diff(8_000_000) < 5_000_000, "queue, commit and apply, in turn: {took}");
    }

    #[test]
    fn only_what_is_sampled_is_traced() {
        let (tracer, _spans, _) = tracer(99, 3);
        let unsampled = Trace { trace_id: 7, span_id: 8, sampled: false };
        assert!(tracer.begin(&mut call(unsampled)).is_none());
        let chosen: Vec<bool> = (0..6).map(|_| tracer.chosen()).collect();
        assert_eq!(chosen, [true, false, false, true, false, false]);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (tracer, _spans, metrics) = tracer(1, 1);
        for _ in 0..4 {
            let mut call = call(Trace { trace_id: 7, span_id: 0, sampled: true });
            let begun = tracer.begin(&mut call).unwrap();
            tracer.end(begun, &Answer::Ok);
        }
        assert_eq!(metrics.otlp_dropped.get_or_create(&[("signal", "traces")]).get(), 3);
    }
}
