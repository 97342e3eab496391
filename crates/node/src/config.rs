//! What an operator may decide, and where it comes from.
//!
//! ```toml
//! node    = 1
//! cluster = "0123456789abcdef0123456789abcdef"
//! boot    = "bootstrap"              # first start of a new cluster; "join" for a later node
//! # incarnation = 2                  # for an empty node of a cluster whose history was cut
//! data    = "/var/lib/quorate"
//! http    = "10.0.0.1:7070"
//! peer    = "10.0.0.1:7170"
//! etcd    = "10.0.0.1:2379"          # no etcd gateway unless it is there
//! labels  = { zone = "a" }
//!
//! [[members]]                        # the same list on every initial node
//! node = 1
//! peer = "10.0.0.1:7170"
//! http = "10.0.0.1:7070"
//!
//! [limits]
//! cache = "64MiB"
//!
//! [observe]
//! requests = true                    # false: requests are not named, timed, counted and traced
//!
//! [otlp]                             # off unless it is there
//! endpoint = "http://127.0.0.1:4318"
//! ```
//!
//! Defaults are weaker than the file, the file is weaker than the environment, and flags win.

mod file;
mod merge;
mod observe;
mod otlp;
mod units;

use std::path::{Path, PathBuf};

use database::{Settings, api::Member};
use kernel::{ClusterId, Duration, Incarnation, NodeId, limit};
use serde::{Deserialize, Serialize};

pub use self::observe::Observe;
use self::{file::File, merge::Merge, units::Labels};

/// As etcd does.
const WATCH_PROGRESS: Duration = Duration::from_secs(600);

/// More often a node would do little else.
const WATCH_PROGRESS_MIN: Duration = Duration::from_millis(100);

/// How an empty data directory starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootMode {
    /// As one of the first nodes of a new cluster. Right once in a cluster's life: a node that
    /// lost its disk must join.
    Bootstrap,
    /// As a node that knows nothing and waits to be added or recovered.
    #[default]
    Join,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Limits of the host; those of the process are in [`Settings`]. All in bytes but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// The engine's cache of blocks.
    pub cache: u64,
    /// One file of the journal.
    pub journal_segment: u64,
    /// All files of the journal, before shards are asked to compact.
    pub journal: u64,
    /// Free space below which writes are refused; they are taken again above one and a half of it.
    pub disk_reserve: u64,
    /// Frames that wait for one peer.
    pub peer_queue: u64,
    /// Messages that wait for the process.
    pub inbox: u64,
    /// Connections from peers.
    pub connections: usize,
}

impl Default for HostLimits {
    fn default() -> HostLimits {
        HostLimits {
            cache: 64 << 20,
            journal_segment: 32 << 20,
            journal: 128 << 20,
            disk_reserve: 128 << 20,
            peer_queue: 64 << 20,
            inbox: 128 << 20,
            connections: 256,
        }
    }
}

/// The configuration of one node, whole and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who this is.
    pub node: NodeId,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Where everything is kept.
    pub data: PathBuf,
    /// How an empty data directory starts.
    pub boot: BootMode,
    /// Which incarnation an empty data directory starts in, the first if not said; one that is not
    /// empty has to be of it.
    pub incarnation: Option<Incarnation>,
    /// Where to listen for HTTP, `host:port`.
    pub http: String,
    /// Where to listen for peers, `host:port`.
    pub peer: String,
    /// Where to listen for etcd's clients, `host:port`; empty for nowhere.
    pub etcd: String,
    /// What others are told: addresses and labels of this node.
    pub me: Member,
    /// The initial members, sorted by node; empty if the node joins.
    pub members: Vec<Member>,
    /// Threads of the network runtime.
    pub threads: usize,
    /// Whether faults may be injected.
    pub chaos: bool,
    /// How log lines look.
    pub log: LogFormat,
    /// Which log lines are written, as `tracing-subscriber` understands it.
    pub log_filter: String,
    /// How often an etcd watch that asked for it is told that nothing happened.
    pub watch_progress: Duration,
    /// Limits of the host.
    pub limits: HostLimits,
    /// Limits and periods of the process.
    pub settings: Settings,
    /// What of itself the node notices.
    pub observe: Observe,
    /// Where traces and figures are exported to; nowhere if absent.
    pub otlp: Option<crate::otlp::Settings>,
}

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("[config-unreadable] {}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// A source says something that cannot be.
    #[error("[config-wrong] {place}: {text}")]
    Wrong {
        /// File and line, variable or flag, and the key.
        place: String,
        /// What is wrong.
        text: String,
    },
    /// A key has no default and no source gives it.
    #[error("[config-missing] {key}: set it in the file, as QUORATE_{variable} or as --{key}")]
    Missing {
        /// Which key.
        key: &'static str,
        /// The end of the variable's name.
        variable: String,
    },
    /// Keys contradict each other.
    #[error("[config-contradiction] {0}")]
    Contradiction(String),
}

impl Config {
    /// Merges all sources: a file, environment variables (others than `QUORATE_*` are ignored)
    /// and flags as pairs of key and value, such as `("limits.cache", "64MiB")`.
    ///
    /// # Errors
    /// Names the file and line, the variable or the flag, and the key.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut merge = Merge::default();
        if let Some(path) = file {
            merge.file(path)?;
        }
        merge.environment(variables)?;
        for (key, value) in flags {
            merge.one(&format!("--{key}"), &key, &value)?;
        }
        Config::from_file(merge.finish()?)
    }

    /// Reads the text of a file, without any other source.
    ///
    /// # Errors
    /// Names the line and the key.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let mut merge = Merge::default();
        merge.text("configuration", text)?;
        Config::from_file(merge.finish()?)
    }

    fn from_file(file: File) -> Result<Config, ConfigError> {
        let node = file.node.ok_or_else(|| missing("node"))?.0;
        let http = file.http.clone().unwrap_or_else(|| "127.0.0.1:7070".to_owned());
        let peer = file.peer.clone().unwrap_or_else(|| "127.0.0.1:7170".to_owned());
        let etcd = file.etcd.clone().unwrap_or_default();
        let members = members(&file);
        let me = me(&file, node, &members, [&http, &peer, &etcd]);
        let config = Config {
            node,
            cluster: file.cluster.ok_or_else(|| missing("cluster"))?.0,
            data: file.data.clone().ok_or_else(|| missing("data"))?,
            boot: file.boot.unwrap_or_default(),
            incarnation: file.incarnation.map(Incarnation),
            http,
            peer,
            etcd,
            me,
            members,
            threads: file.threads.unwrap_or(2),
            chaos: file.chaos.unwrap_or(false),
            log: file.log.unwrap_or_default(),
            log_filter: file.log_filter.clone().unwrap_or_else(|| "info".to_owned()),
            watch_progress: file.timing.watch_progress.map_or(WATCH_PROGRESS, |time| time.0),
            limits: limits(&file.limits),
            settings: settings(&file),
            observe: file.observe.read(),
            otlp: file.observe.limit(file.otlp.read()?),
        };
        config.check()?;
        Ok(config)
    }

    /// Refuses what no node could live with.
    fn check(&self) -> Result<(), ConfigError> {
        let contradiction = |text: String| Err(ConfigError::Contradiction(text));
        for address in [&self.http, &self.peer, &self.me.http, &self.me.peer] {
            if !is_address(address) {
                return contradiction(format!("{address:?} is not host:port"));
            }
        }
        for address in [&self.etcd, &self.me.etcd] {
            if !address.is_empty() && !is_address(address) {
                return contradiction(format!("{address:?} is not host:port"));
            }
        }
        if self.me.peer.starts_with("0.0.0.0:") || self.me.peer.starts_with("[::]:") {
            return contradiction("peers cannot connect to a wildcard: set advertise-peer".into());
        }
        if self.members.windows(2).any(|pair| pair[0].node == pair[1].node) {
            return contradiction("a node is listed twice in members".into());
        }
        let listed = self.members.iter().any(|member| member.node == self.node);
        if self.boot == BootMode::Bootstrap && !listed {
            return contradiction(format!("{} bootstraps but is not in members", self.node));
        }
        if self.incarnation == Some(Incarnation(0)) {
            return contradiction("incarnations are counted from 1".into());
        }
        if self.settings.heartbeat * 2 > self.settings.election_timeout {
            return contradiction("the heartbeat must be at most half the election timeout".into());
        }
        if !(1..=64).contains(&self.threads) {
            return contradiction(format!("threads = {}: 1 to 64 make sense", self.threads));
        }
        if self.watch_progress < WATCH_PROGRESS_MIN {
            return contradiction("timing: watch-progress is 100ms or more".into());
        }
        let HostLimits { journal_segment: segment, journal, .. } = self.limits;
        if segment < 16 << 20 || segment % 4096 != 0 || journal / 2 < segment {
            return contradiction(
                "limits: a journal segment is 16MiB or more, in steps of 4KiB, the journal at \
                 least two segments"
                    .into(),
            );
        }
        Ok(())
    }
}

fn missing(key: &'static str) -> ConfigError {
    ConfigError::Missing { key, variable: key.to_uppercase().replace('-', "_") }
}

pub(crate) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn pairs(labels: Option<Labels>) -> Vec<(String, String)> {
    labels.unwrap_or_default().0.into_iter().collect()
}

/// What others are told: what this node says about itself, else what the list of members says
/// about it, else where it listens.
fn me(file: &File, node: NodeId, members: &[Member], listens: [&str; 3]) -> Member {
    let [http, peer, etcd] = listens;
    let listed = members.iter().find(|member| member.node == node);
    let first = |own: &Option<String>, listed: Option<&String>, otherwise: &str| {
        own.as_ref().or(listed).map_or_else(|| otherwise.to_owned(), String::clone)
    };
    let labels = match (&file.labels, listed) {
        (None, Some(listed)) => listed.labels.clone(),
        (own, _) => pairs(own.clone()),
    };
    Member {
        node,
        peer: first(&file.advertise_peer, listed.map(|member| &member.peer), peer),
        http: first(&file.advertise_http, listed.map(|member| &member.http), http),
        etcd: first(&file.advertise_etcd, None, etcd),
        labels,
    }
}

fn members(file: &File) -> Vec<Member> {
    let member = |member: &file::Member| Member {
        node: member.node.0,
        peer: member.peer.clone(),
        http: member.http.clone(),
        // Each node tells its own.
        etcd: String::new(),
        labels: pairs(Some(member.labels.clone())),
    };
    let mut members: Vec<Member> = file.members.iter().flatten().map(member).collect();
    members.sort_by_key(|member| member.node);
    members
}

fn limits(file: &file::Limits) -> HostLimits {
    let default = HostLimits::default();
    let or = |size: Option<units::Size>, default: u64| size.map_or(default, |size| size.0);
    HostLimits {
        cache: or(file.cache, default.cache),
        journal_segment: or(file.journal_segment, default.journal_segment),
        journal: or(file.journal, default.journal),
        disk_reserve: or(file.disk_reserve, default.disk_reserve),
        peer_queue: or(file.peer_queue, default.peer_queue),
        inbox: or(file.inbox, default.inbox),
        connections: file.connections.unwrap_or(default.connections),
    }
}

fn settings(file: &File) -> Settings {
    let default = Settings::default();
    let (limits, timing) = (&file.limits, &file.timing);
    let bytes = |size: Option<units::Size>, default: limit::Bytes| {
        size.map_or(default, |size| limit::Bytes(size.0))
    };
    let time = |time: Option<units::Time>, default| time.map_or(default, |time| time.0);
    Settings {
        election_timeout: time(timing.election_timeout, default.election_timeout),
        heartbeat: time(timing.heartbeat, default.heartbeat),
        requests_max: limits.requests.unwrap_or(default.requests_max),
        request_bytes_max: bytes(limits.request_bytes, default.request_bytes_max),
        uncommitted_bytes_max: bytes(limits.uncommitted_bytes, default.uncommitted_bytes_max),
        log_bytes_max: bytes(limits.log_bytes, default.log_bytes_max),
        flush_bytes: bytes(limits.flush_bytes, default.flush_bytes),
        flush_period: time(timing.flush_period, default.flush_period),
        outcomes_max: limits.outcomes.unwrap_or(default.outcomes_max),
        outcome_bytes_max: bytes(limits.outcome_bytes, default.outcome_bytes_max),
        report_period: time(timing.report_period, default.report_period),
        lease: timing.lease.unwrap_or(default.lease),
        drift_ppm: timing.drift_ppm.unwrap_or(default.drift_ppm),
        timeout_max: time(timing.timeout, default.timeout_max),
        shards_max: limits.shards.unwrap_or(default.shards_max),
        ..default
    }
}

#[cfg(test)]
mod tests;
