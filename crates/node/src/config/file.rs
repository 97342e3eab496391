//! What a configuration file may say. Everything is optional here: defaults and duties are
//! decided when all sources are merged.

use std::path::PathBuf;

use serde::Deserialize;

use super::units::{Cluster, Labels, Node, Size, Time};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct File {
    pub node: Option<Node>,
    pub cluster: Option<Cluster>,
    pub data: Option<PathBuf>,
    pub boot: Option<super::BootMode>,
    pub incarnation: Option<u64>,
    pub http: Option<String>,
    pub peer: Option<String>,
    pub etcd: Option<String>,
    pub advertise_http: Option<String>,
    pub advertise_peer: Option<String>,
    pub advertise_etcd: Option<String>,
    pub labels: Option<Labels>,
    pub members: Option<Vec<Member>>,
    pub threads: Option<usize>,
    pub chaos: Option<bool>,
    pub log: Option<super::LogFormat>,
    pub log_filter: Option<String>,
    pub limits: Limits,
    pub timing: Timing,
    pub observe: super::observe::Table,
    pub otlp: super::otlp::Otlp,
}

/// One `[[members]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Member {
    pub node: Node,
    pub peer: String,
    pub http: String,
    #[serde(default)]
    pub labels: Labels,
}

/// The `[limits]` table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Limits {
    pub cache: Option<Size>,
    pub journal_segment: Option<Size>,
    pub journal: Option<Size>,
    pub disk_reserve: Option<Size>,
    pub peer_queue: Option<Size>,
    pub inbox: Option<Size>,
    pub connections: Option<usize>,
    pub requests: Option<u64>,
    pub request_bytes: Option<Size>,
    pub uncommitted_bytes: Option<Size>,
    pub log_bytes: Option<Size>,
    pub flush_bytes: Option<Size>,
    pub outcomes: Option<u64>,
    pub outcome_bytes: Option<Size>,
    pub shards: Option<usize>,
}

/// The `[timing]` table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Timing {
    pub election_timeout: Option<Time>,
    pub heartbeat: Option<Time>,
    pub flush_period: Option<Time>,
    pub report_period: Option<Time>,
    pub timeout: Option<Time>,
    pub watch_progress: Option<Time>,
    pub lease: Option<bool>,
    pub drift_ppm: Option<u32>,
}
