//! Names, and how many series there can be.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use super::*;
use database::Code;

#[test]
fn names_follow_the_conventions() {
    let metrics = Metrics::default();
    metrics.elections.get_or_create(&[("reason", "timeout")]).inc();
    metrics.requests.get_or_create(&[("op", "read"), ("outcome", "ok")]).observe(0.002, None, None);
    Metrics::count(&metrics.sent, NodeId(2), 77);
    let sample = Sample { memory: 5 << 20, uptime: Duration::from_secs(3), inbox: 1, disk_free: 9 };
    let text = metrics.text(sample);
    for line in [
        "quorate_raft_elections_total{reason=\"timeout\"} 1",
        "quorate_request_seconds_count{op=\"read\",outcome=\"ok\"} 1",
        "quorate_peer_sent_bytes_total{peer=\"2\"} 77",
        "quorate_resident_memory_bytes 5242880",
        "quorate_uptime_seconds 3.0",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_running_process_uses_memory() {
    assert!(resident_memory() > 1 << 20);
}

/// As many operations as all gateways have together; a test of theirs counts them.
const OPERATIONS_MAX: usize = 128;

/// A cluster as large as they get: seven nodes, a hundred shards, more keyspaces with objectives
/// than are measured. Every label takes every value that it can.
fn busy() -> Metrics {
    let metrics = Metrics::default();
    let outcomes = Code::ALL.iter().map(|code| code.name()).chain(["ok"]);
    for outcome in outcomes {
        for op in ["read", "write"] {
            let labels = [("op", op), ("outcome", outcome)];
            metrics.requests.get_or_create(&labels).observe(0.01, None, None);
        }
        metrics.refused.get_or_create(&[("code", outcome)]).inc();
    }
    // As many operations as all gateways have together, and more keyspaces than are told apart.
    let keyspaces = crate::keyspaces::Keyspaces::new(metrics.keyspaces.clone());
    let names: Vec<String> = (0..500).map(|n| format!("keyspace-{n}")).collect();
    keyspaces.learn(names.iter().map(String::as_str));
    for outcome in vigil::Outcome::ALL {
        for operation in 0..OPERATIONS_MAX {
            let operation = format!("GET /v1/kv/{{keyspace}}/{operation}");
            let labels = Operation { api: "http", operation, outcome: outcome.name() };
            metrics.operations.get_or_create(&labels).observe(0.01);
        }
        names.iter().for_each(|name| keyspaces.count(name, outcome, Duration::from_millis(1)));
    }
    for stage in vigil::pulse::STAGES {
        metrics.round.get_or_create(&[("stage", stage)]).observe(0.01);
    }
    for reason in ["timeout", "pre-vote-won", "transfer", "alone"] {
        metrics.elections.get_or_create(&[("reason", reason)]).inc();
    }
    for reason in ["higher-term", "other-leader", "no-quorum", "disk", "removed", "lost"] {
        metrics.step_downs.get_or_create(&[("reason", reason)]).inc();
    }
    for direction in ["sent", "received"] {
        metrics.snapshot_bytes.get_or_create(&[("direction", direction)]).inc();
    }
    for signal in ["traces", "metrics"] {
        for family in [&metrics.otlp_sent, &metrics.otlp_dropped, &metrics.otlp_failures] {
            family.get_or_create(&[("signal", signal)]).inc();
        }
    }
    for reason in ["closed", "io", "too-long", "garbage", "cluster", "addressee", "incarnation"] {
        metrics.refuse_link(reason);
    }
    for peer in 1..=7 {
        let peer = [("peer", peer)];
        metrics.served.get_or_create(&peer).observe(0.01);
        for family in [&metrics.sent, &metrics.received, &metrics.dropped, &metrics.connects] {
            family.get_or_create(&peer).inc();
        }
        metrics.connected.get_or_create(&peer).set(1);
        metrics.peer_queue.get_or_create(&peer).set(1);
        for family in [&metrics.silence, &metrics.rtt, &metrics.clock] {
            family.get_or_create(&peer).set(1.0);
        }
        for shard in 1..=100 {
            metrics.lag.get_or_create(&[("shard", shard), ("node", peer[0].1)]).set(1);
        }
    }
    metrics.set_alarms(["disk-full"].into_iter());
    let budgets = crate::objectives::Budgets::default();
    let objective =
        contract::Objective { availability_ppm: 999_000, latency_p99_us: 1000, window_s: 604_800 };
    budgets.learn((0..500).map(|n| (format!("keyspace-{n}"), objective)).collect());
    budgets.tell(&metrics);
    metrics
}

#[test]
fn the_number_of_series_is_bounded_and_no_label_names_a_client() {
    let text = busy().text(Sample::default());
    let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    // Five sixths of them are histograms by operation and keyspace, of which a node that serves
    // one program to one kind of client has a tenth.
    assert!(series.len() < 13_500, "{} series", series.len());
    let of = |name: &str| series.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!(of("quorate_api_request_seconds_count"), OPERATIONS_MAX * 4);
    assert_eq!(of("quorate_keyspace_request_seconds_count"), 65 * 4);
    let allowed: BTreeSet<&str> = [
        "alarm",
        "api",
        "code",
        "direction",
        "keyspace",
        "le",
        "node",
        "op",
        "operation",
        "outcome",
        "peer",
        "reason",
        "shard",
        "signal",
        "sli",
        "stage",
    ]
    .into();
    for line in series {
        let labels = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
        for label in labels.into_iter().flat_map(|(labels, _)| labels.split(',')) {
            let name = label.split('=').next().unwrap();
            assert!(allowed.contains(name), "{name} in {line}");
        }
    }
}

#[test]
fn every_figure_that_rules_and_dashboard_name_exists() {
    let text = busy().text(Sample::default());
    let known: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    for file in ["prometheus/quorate.rules.yml", "grafana/quorate.json"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let named: BTreeSet<&str> =
            text.split(word).filter(|word| word.starts_with("quorate_")).collect();
        assert!(named.len() > 10, "{file}: {named:?}");
        for name in named {
            assert!(known.contains(name), "{file} names {name}");
        }
    }
}

/// The shipped rules by the tool of Prometheus. Where it is not installed, this says so.
#[test]
fn promtool_takes_the_rules_and_their_tests() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus");
    for words in [["check", "rules", "quorate.rules.yml"], ["test", "rules", "quorate.test.yml"]] {
        match Command::new("promtool").args(words).current_dir(&rules).output() {
            Ok(ran) => {
                let told = String::from_utf8_lossy(&ran.stdout).into_owned();
                assert!(ran.status.success(), "{told}{}", String::from_utf8_lossy(&ran.stderr));
            }
            Err(error) => {
                eprintln!("SKIPPED, promtool {}: {error}: install prometheus", words.join(" "));
            }
        }
    }
}
