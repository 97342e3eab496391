//! What is run: a cluster, its network, clients and strikes.

use kernel::Duration;
use serde::Deserialize;

use super::span;

/// The longest run, in seconds of virtual time, and the most repetitions, nodes, clients.
const SECONDS_MAX: u64 = 120;
const REPEATS_MAX: u64 = 200;
const NODES_MAX: u64 = 9;
const CLIENTS_MAX: u64 = 64;

/// One run of a cluster, or a few with other seeds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Its name, the first part of its measures.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Voters.
    pub nodes: u64,
    /// Their labels, in order; every node has its own if there are none.
    pub zones: Vec<String>,
    /// How long clients go on, in seconds.
    pub seconds: u64,
    /// With how many seeds.
    pub repeats: u64,
    /// Whether the report shows its timeline and its diagram.
    pub show: bool,
    /// How much of it the diagram shows, from shortly before the first strike.
    #[serde(with = "span")]
    pub window: Duration,
    /// Smallest election timeout.
    #[serde(with = "span")]
    pub election_timeout: Duration,
    /// Between heartbeats.
    #[serde(with = "span")]
    pub heartbeat: Duration,
    /// Ask before raising the term.
    pub pre_vote: bool,
    /// A leader without a majority steps down.
    pub check_quorum: bool,
    /// One way between nodes.
    #[serde(with = "span")]
    pub delay: Duration,
    /// Up to this much more.
    #[serde(with = "span")]
    pub jitter: Duration,
    /// Frames that are lost, in percent.
    pub loss: f64,
    /// Frames that arrive twice, in percent.
    pub duplicate: f64,
    /// Frames that overtake others, in percent.
    pub reorder: f64,
    /// Bytes per second of a link; 0 is unlimited.
    pub bandwidth: u64,
    /// One way between clients and nodes.
    #[serde(with = "span")]
    pub client_delay: Duration,
    /// Requests and answers that are lost, in percent.
    pub client_loss: f64,
    /// One sync of a disk.
    #[serde(with = "span")]
    pub sync: Duration,
    /// Who asks.
    pub client: Vec<Client>,
    /// What goes wrong.
    pub strike: Vec<Strike>,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            name: String::new(),
            title: String::new(),
            nodes: 3,
            zones: Vec::new(),
            seconds: 4,
            repeats: 1,
            show: false,
            window: Duration::from_millis(700),
            election_timeout: Duration::from_millis(250),
            heartbeat: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            delay: Duration::from_micros(500),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            bandwidth: 0,
            client_delay: Duration::from_micros(200),
            client_loss: 0.0,
            sync: Duration::from_micros(500),
            client: Vec::new(),
            strike: Vec::new(),
        }
    }
}

/// Clients that do the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Client {
    /// The second part of their measures.
    pub name: String,
    /// How many.
    pub count: u64,
    /// What they do.
    pub does: Does,
    /// How long they think between two operations.
    #[serde(with = "span")]
    pub every: Duration,
    /// Whom they ask: `leader`, `any`, `n1`, `first` (the first side of the first cut), `second`.
    pub at: String,
    /// How long they wait for one answer.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// How often they ask before they give up.
    pub tries: u64,
    /// Whether every further try carries the same request id.
    pub same_id: bool,
    /// Bytes of a value.
    pub bytes: usize,
    /// Writes in one request.
    pub batch: u64,
    /// The level of reads.
    pub level: String,
}

impl Default for Client {
    fn default() -> Client {
        Client {
            name: "clients".into(),
            count: 1,
            does: Does::Write,
            every: Duration::from_millis(20),
            at: "any".into(),
            timeout: Duration::from_millis(300),
            tries: 40,
            same_id: true,
            bytes: 16,
            batch: 1,
            level: "linearizable".into(),
        }
    }
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Does {
    /// Sets its own key to the next number.
    Write,
    /// Reads a key that a writer sets.
    Read,
    /// Adds one to the one counter.
    Add,
}

/// Something that goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// When, from the start of the clients.
    #[serde(with = "span")]
    pub at: Duration,
    /// What: see [`crate::cluster`].
    pub fault: String,
    /// Whom: `leader`, `leader+1` (with a follower), `follower`, `followers`, `all`, `clients`, `n2`,
    /// `zone:a`, and `rest` for everybody but those of `on` before.
    #[serde(default)]
    pub on: String,
    /// The other side of links; `rest` if nothing is said.
    #[serde(default)]
    pub to: String,
    /// How long it lasts, or after how long a node comes back.
    #[serde(default, with = "span")]
    pub lasts: Duration,
    /// How strong it is, as a length of time.
    #[serde(default, with = "span")]
    pub by: Duration,
    /// How strong it is, in percent, or in bytes per second.
    #[serde(default)]
    pub amount: f64,
    /// How often, one after the other.
    #[serde(default = "once")]
    pub times: u32,
    /// Between two of them.
    #[serde(default, with = "span")]
    pub apart: Duration,
}

fn once() -> u32 {
    1
}

/// A scenario with one value varied.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Its name, the first part of its measures.
    pub name: String,
    /// The field that varies.
    pub vary: String,
    /// Its values: numbers, or milliseconds of a length of time.
    pub values: Vec<f64>,
    /// All the rest.
    pub scenario: Scenario,
}

impl Scenario {
    /// Whether it is within what a lab may ask for.
    ///
    /// # Errors
    /// Which value is not.
    pub fn check(&self) -> Result<(), String> {
        let limits = [
            ("nodes", self.nodes, NODES_MAX),
            ("seconds", self.seconds, SECONDS_MAX),
            ("repeats", self.repeats, REPEATS_MAX),
            ("clients", self.client.iter().map(|client| client.count).sum(), CLIENTS_MAX),
        ];
        for (what, value, most) in limits {
            if value == 0 || value > most {
                return Err(format!("scenario {}: {what} is 1 to {most}, not {value}", self.name));
            }
        }
        match self.zones.is_empty() || self.zones.len() as u64 == self.nodes {
            true => Ok(()),
            false => Err(format!("scenario {}: one zone for every node", self.name)),
        }
    }
}

impl Sweep {
    /// The scenario of each value.
    ///
    /// # Errors
    /// If no such field may vary.
    pub fn scenarios(&self) -> Result<Vec<Scenario>, String> {
        self.values.iter().map(|value| self.with(*value)).collect()
    }

    /// The scenario with this value.
    fn with(&self, value: f64) -> Result<Scenario, String> {
        let mut scenario = self.scenario.clone();
        let time = Duration::from_nanos((value * 1e6) as u64);
        match self.vary.as_str() {
            "delay" => scenario.delay = time,
            "jitter" => scenario.jitter = time,
            "loss" => scenario.loss = value,
            "bandwidth" => scenario.bandwidth = value as u64,
            "sync" => scenario.sync = time,
            "nodes" => scenario.nodes = value as u64,
            "election_timeout" => scenario.election_timeout = time,
            "clients" => scenario.client.iter_mut().for_each(|client| client.count = value as u64),
            "bytes" => scenario.client.iter_mut().for_each(|client| client.bytes = value as usize),
            "batch" => scenario.client.iter_mut().for_each(|client| client.batch = value as u64),
            other => return Err(format!("sweep {}: '{other}' cannot vary", self.name)),
        }
        scenario.check()?;
        Ok(scenario)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.scenarios().map(drop)
    }
}
