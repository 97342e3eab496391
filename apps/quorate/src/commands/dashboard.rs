//! `quorate dashboard`: a dashboard for Grafana, written from the list of questions below.
//!
//! The file in `deploy/grafana` is what this prints; a test holds the two together.

#[cfg(test)]
mod schema;

use clap::Args;
use serde_json::{Value, json};

use crate::{exit::Failure, show};

/// Print a dashboard for Grafana, in JSON.
#[derive(Debug, Args)]
pub struct Dashboard {}

impl Dashboard {
    pub fn run(self) -> Result<(), Failure> {
        show::line(&text()?)
    }
}

/// A row of panels: its title, and of every panel the title, the unit, and queries with legends.
type Row = (&'static str, &'static [Panel]);
type Panel = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const ROWS: &[Row] = &[
    (
        "Objectives",
        &[
            (
                "Error budget burn, 1 h",
                "none",
                &[(
                    "quorate:slo_errors:ratio_rate1h / quorate:slo_budget:ratio",
                    "{{keyspace}} {{sli}}",
                )],
            ),
            (
                "Error budget burn, 6 h",
                "none",
                &[(
                    "quorate:slo_errors:ratio_rate6h / quorate:slo_budget:ratio",
                    "{{keyspace}} {{sli}}",
                )],
            ),
            ("Health", "none", &[("quorate_health_score", "{{instance}}")]),
        ],
    ),
    (
        "Requests",
        &[
            (
                "Rate",
                "reqps",
                &[(
                    "sum by (op, outcome) (rate(quorate_request_seconds_count[$__rate_interval]))",
                    "{{op}} {{outcome}}",
                )],
            ),
            (
                "Errors",
                "reqps",
                &[
                    (
                        "sum by (outcome) (rate(quorate_request_seconds_count{outcome!=\"ok\"}[$__rate_interval]))",
                        "{{outcome}}",
                    ),
                    (
                        "sum by (code) (rate(quorate_requests_refused_total[$__rate_interval]))",
                        "refused: {{code}}",
                    ),
                ],
            ),
            (
                "Duration",
                "s",
                &[
                    (
                        "histogram_quantile(0.5, sum by (le, op) (rate(quorate_request_seconds_bucket[$__rate_interval])))",
                        "{{op}} p50",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le, op) (rate(quorate_request_seconds_bucket[$__rate_interval])))",
                        "{{op}} p99",
                    ),
                ],
            ),
        ],
    ),
    (
        "Requests by API and operation",
        &[
            (
                "Rate",
                "reqps",
                &[(
                    "sum by (api, operation) (rate(quorate_api_request_seconds_count[$__rate_interval]))",
                    "{{api}} {{operation}}",
                )],
            ),
            (
                "Errors",
                "reqps",
                &[(
                    "sum by (api, operation, outcome) (rate(quorate_api_request_seconds_count{outcome!=\"ok\"}[$__rate_interval]))",
                    "{{api}} {{operation}}: {{outcome}}",
                )],
            ),
            (
                "Duration, p99",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, api, operation) (rate(quorate_api_request_seconds_bucket[$__rate_interval])))",
                    "{{api}} {{operation}}",
                )],
            ),
        ],
    ),
    (
        "Requests by keyspace",
        &[
            (
                "Rate",
                "reqps",
                &[(
                    "sum by (keyspace) (rate(quorate_keyspace_request_seconds_count[$__rate_interval]))",
                    "{{keyspace}}",
                )],
            ),
            (
                "Errors",
                "reqps",
                &[(
                    "sum by (keyspace, outcome) (rate(quorate_keyspace_request_seconds_count{outcome!=\"ok\"}[$__rate_interval]))",
                    "{{keyspace}}: {{outcome}}",
                )],
            ),
            (
                "Duration, p99",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, keyspace) (rate(quorate_keyspace_request_seconds_bucket[$__rate_interval])))",
                    "{{keyspace}}",
                )],
            ),
        ],
    ),
    (
        "Consensus",
        &[
            (
                "Elections",
                "none",
                &[
                    (
                        "sum by (reason) (increase(quorate_raft_elections_total[5m]))",
                        "campaign: {{reason}}",
                    ),
                    ("sum(increase(quorate_raft_leader_changes_total[5m]))", "won"),
                ],
            ),
            (
                "Round by stage, p99",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, stage) (rate(quorate_consensus_round_seconds_bucket[$__rate_interval])))",
                    "{{stage}}",
                )],
            ),
            (
                "Replication lag",
                "none",
                &[(
                    "max by (shard, node) (quorate_replica_lag_entries)",
                    "s{{shard}} on n{{node}}",
                )],
            ),
        ],
    ),
    (
        "Links",
        &[
            ("Silence", "s", &[("quorate_peer_silence_seconds", "{{instance}} of n{{peer}}")]),
            (
                "Round trip",
                "s",
                &[("quorate_peer_round_trip_seconds", "{{instance}} to n{{peer}}")],
            ),
            ("Clocks", "s", &[("quorate_peer_clock_offset_seconds", "{{instance}}: n{{peer}}")]),
        ],
    ),
    (
        "Saturation",
        &[
            (
                "Syncs, p99",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, instance) (rate(quorate_journal_sync_seconds_bucket[$__rate_interval])))",
                    "{{instance}}",
                )],
            ),
            (
                "What waits",
                "none",
                &[
                    ("quorate_worker_inbox", "{{instance}} inbox"),
                    ("quorate_journal_queue", "{{instance}} journal"),
                ],
            ),
            ("Free disk", "bytes", &[("quorate_disk_free_bytes", "{{instance}}")]),
            ("Memory", "bytes", &[("quorate_resident_memory_bytes", "{{instance}}")]),
            ("Journal", "bytes", &[("quorate_journal_size_bytes", "{{instance}}")]),
            (
                "Links, bytes sent",
                "Bps",
                &[(
                    "sum by (instance, peer) (rate(quorate_peer_sent_bytes_total[$__rate_interval]))",
                    "{{instance}} to n{{peer}}",
                )],
            ),
        ],
    ),
];

/// Panels beside each other, and how high they are.
const ACROSS: usize = 3;
const HEIGHT: usize = 8;

fn text() -> Result<String, Failure> {
    serde_json::to_string_pretty(&dashboard()).map_err(|error| Failure::new(error.to_string()))
}

fn dashboard() -> Value {
    let (mut panels, mut y) = (Vec::new(), 0);
    for (title, row) in ROWS {
        let place = json!({ "x": 0, "y": y, "w": 24, "h": 1 });
        panels.push(json!({
            "id": panels.len() + 1, "type": "row", "title": title, "gridPos": place,
            "collapsed": false, "panels": [],
        }));
        y += 1;
        for (at, one) in row.iter().enumerate() {
            let (x, w) = (at % ACROSS * (24 / ACROSS), 24 / ACROSS);
            let place = json!({ "x": x, "y": y + at / ACROSS * HEIGHT, "w": w, "h": HEIGHT });
            panels.push(panel(panels.len() + 1, one, place));
        }
        y += row.len().div_ceil(ACROSS) * HEIGHT;
    }
    json!({
        "uid": "quorate",
        "title": "Quorate",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [{
            "name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus",
        }] },
        "panels": panels,
    })
}

fn panel(id: usize, (title, unit, queries): &Panel, place: Value) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let target = |(at, (expr, legend)): (usize, &(&str, &str))| {
        let name = char::from(b'A' + u8::try_from(at).unwrap_or(0)).to_string();
        json!({
            "refId": name, "expr": expr, "legendFormat": legend, "exemplar": true,
            "datasource": source,
        })
    };
    json!({
        "id": id,
        "type": "timeseries",
        "title": title,
        "gridPos": place,
        "datasource": source,
        "fieldConfig": { "defaults": { "unit": unit, "min": 0 }, "overrides": [] },
        "targets": queries.iter().enumerate().map(target).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// With `UPDATE=1` the file is written anew.
    #[test]
    fn the_shipped_file_is_what_this_prints() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/quorate.json");
        let fresh = text().unwrap() + "\n";
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &fresh).unwrap();
        }
        let shipped = fs::read_to_string(&path).unwrap();
        assert!(shipped == fresh, "run: quorate dashboard > deploy/grafana/quorate.json");
    }

    #[test]
    fn panels_are_as_the_schema_says_and_do_not_overlap() {
        let dashboard = dashboard();
        schema::check(dashboard.clone()).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let mut taken = std::collections::BTreeSet::new();
        let mut ids = std::collections::BTreeSet::new();
        for panel in panels {
            assert!(ids.insert(panel["id"].as_u64().unwrap()));
            let of = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            for x in of("x")..of("x") + of("w") {
                for y in of("y")..of("y") + of("h") {
                    assert!(taken.insert((x, y)), "{panel}");
                }
            }
        }
    }
}
