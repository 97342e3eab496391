//! What a collector is told.

use std::time::Duration;

use database::api::Trace;
use node::otlp::proto::{Data, Span};
use tokio::net::TcpListener;
use vigil::Pick;

use crate::{
    bench::{Bench, until},
    collector::Collector,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Nodes place what they did by their own readings of the machine's clock.
const READING: u64 = 5_000_000;
const TRACE: Trace = Trace { trace_id: 0xabc, span_id: 0xdef, sampled: true };

/// The span of that name that a node made.
fn made<'a>(spans: &'a [(String, Span)], node: &str, name: &str) -> &'a Span {
    let span = spans.iter().find(|(at, span)| at == node && span.name == name);
    &span.unwrap_or_else(|| panic!("no span {name} of {node}: {spans:?}")).1
}

fn named<'a>(spans: &'a [(String, Span)], name: &str) -> &'a (String, Span) {
    let span = spans.iter().find(|(_, span)| span.name == name);
    span.unwrap_or_else(|| panic!("no span {name}: {spans:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_through_the_nodes() {
    let collector = Collector::start(0, 0).await;
    let mut bench = Bench::start_with(3, &collector.table()).await;
    bench.create_keyspace().await;
    bench.put(0, 1, 1).await;
    let leader = bench.leader(0).await;
    let asked = (leader + 1) % 3;
    bench.put_as(asked, 1, 2, None, TRACE).await;
    let (asked, leader) = (format!("n{}", asked + 1), format!("n{}", leader + 1));
    // On the leader the round and its four stages, and three stages on either follower.
    let whole = |spans: &[(String, Span)]| {
        let count = |name| spans.iter().filter(|(_, span)| span.name == name).count();
        count("write") + count("served") + count("commit") == 3
            && (count("persist"), count("learn"), count("apply")) == (2, 2, 3)
    };
    until("the spans", PATIENCE, || whole(&collector.spans())).await;
    let spans = collector.spans();
    let (at, request) = named(&spans, "write");
    assert_eq!(*at, asked, "the node that was asked");
    assert_eq!(request.parent_span_id, TRACE.span_id.to_be_bytes(), "under the client's span");
    assert!(request.status.is_none());
    let (at, served) = named(&spans, "served");
    assert_eq!((at, &served.parent_span_id), (&leader, &request.span_id));
    let (at, round) = named(&spans, "consensus");
    assert_eq!((at, &round.parent_span_id), (&leader, &request.span_id));
    for stage in ["queue", "commit", "apply"] {
        let stage = made(&spans, &leader, stage);
        assert_eq!(stage.parent_span_id, round.span_id);
        assert!(stage.start_time_unix_nano <= stage.end_time_unix_nano);
    }
    let (_, commit) = named(&spans, "commit");
    assert!(commit.start_time_unix_nano < commit.end_time_unix_nano, "a disk takes time");
    let nodes = ["n1", "n2", "n3"].map(String::from);
    for follower in nodes.iter().filter(|node| **node != leader) {
        let stage = |name| {
            let stage = made(&spans, follower, name);
            assert_eq!(stage.parent_span_id, round.span_id, "under the leader's round");
            (stage.start_time_unix_nano, stage.end_time_unix_nano)
        };
        let (persist, learn, apply) = (stage("persist"), stage("learn"), stage("apply"));
        assert!(commit.start_time_unix_nano <= persist.0 + READING, "sent, then received");
        assert!(persist.0 < persist.1, "a disk takes time here as well");
        assert!(persist.0.abs_diff(learn.0) < READING, "both begin when the entry arrives");
        assert!(commit.end_time_unix_nano <= learn.1 + READING, "committed, then known here");
        assert!(learn.0 <= learn.1 && learn.1 <= apply.1 && apply.0 <= apply.1);
    }
    let durable = spans.iter().filter(|(_, span)| ["persist", "local"].contains(&&*span.name));
    let before =
        durable.filter(|(_, s)| s.end_time_unix_nano <= commit.end_time_unix_nano + READING);
    assert!(before.count() >= 2, "a majority is durable when it commits");
    assert!(spans.iter().all(|(_, span)| span.trace_id == TRACE.trace_id.to_be_bytes()));
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_not_observed_if_somebody_says_so() {
    for observed in [true, false] {
        let table = format!("[observe]\nrequests = {observed}\n");
        let mut bench = Bench::start_with(1, &table).await;
        bench.create_keyspace().await;
        bench.put_as(0, 1, 1, None, TRACE).await;
        let handle = bench.handle(0);
        let kept = handle.traces(Pick::Here(TRACE.trace_id)).requests;
        assert_eq!(kept.len(), usize::from(observed), "a sampled one is kept");
        assert_eq!(handle.trace().trace_id != 0, observed, "and others are named");
        let figures = handle.metrics();
        for name in ["quorate_request_seconds_count", "quorate_consensus_round_seconds_count"] {
            assert_eq!(figures.contains(name), observed, "{name}");
        }
        let text = "quorate_journal_sync_seconds_count";
        assert!(figures.contains(text), "what comes with every batch is told all the same");
        bench.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_arrive_although_a_collector_is_busy_at_first() {
    let collector = Collector::start(3, 503).await;
    let mut bench = Bench::start_with(1, &collector.table()).await;
    bench.create_keyspace().await;
    bench.put(0, 1, 1).await;
    let written = |metric: &node::otlp::proto::Metric| match &metric.data {
        Some(Data::Histogram(histogram)) if metric.name == "quorate_consensus_round_seconds" => {
            histogram.data_points.iter().any(|point| point.count > 0)
        }
        _ => false,
    };
    until("the figures", PATIENCE, || collector.metrics().iter().any(|(_, m)| written(m))).await;
    let metrics = collector.metrics();
    assert!(metrics.iter().all(|(node, _)| node == "n1"));
    for name in [
        "quorate_raft_elections",
        "quorate_journal_append_seconds",
        "quorate_journal_sync_seconds",
        "quorate_worker_inbox",
        "quorate_journal_queue",
        "quorate_replica_lag_entries",
        "quorate_journal_written_bytes",
    ] {
        assert!(metrics.iter().any(|(_, metric)| metric.name == name), "{name}");
    }
    let handle = bench.handle(0);
    let own = ["quorate_otlp_failures_total{signal=\"metrics\"} 3", "quorate_otlp_sent_total{"];
    until("the export's own figures", PATIENCE, || {
        let text = handle.metrics();
        own.iter().all(|line| text.contains(line))
    })
    .await;
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_sends_what_is_left() {
    let collector = Collector::start(0, 0).await;
    let table = collector.table().replace("100ms", "1m");
    let mut bench = Bench::start_with(1, &table).await;
    bench.create_keyspace().await;
    bench.put_as(0, 1, 1, None, TRACE).await;
    bench.stop(0).await;
    named(&collector.spans(), "write");
    assert!(!collector.metrics().is_empty(), "the last figures");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_never_answers_costs_a_queue_and_nothing_else() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap();
    let table = format!(
        "[otlp]\nendpoint = \"http://{address}\"\nqueue = 4\nsample = 1\ntimeout = \"100ms\"\n"
    );
    let mut bench = Bench::start_with(1, &table).await;
    bench.create_keyspace().await;
    for i in 0..40 {
        bench.put(0, i, i).await;
    }
    let handle = bench.handle(0);
    until("dropped spans", PATIENCE, || {
        let text = handle.metrics();
        text.contains("quorate_otlp_dropped_total{signal=\"traces\"}")
            && text.contains("quorate_otlp_failures_total{signal=\"traces\"}")
    })
    .await;
    bench.shutdown().await;
}
