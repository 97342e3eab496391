//! What some pages show beside the picture, asked for when they are looked at.

use client::{Client, Scan};
use kernel::Duration;
use tokio::task::JoinSet;

use super::{Place, runs};
use crate::{
    ambient,
    console::Inside,
    facts::{Request, Traces},
    picture::Picture,
    say, watch,
};

/// Requests asked for of each node.
const REQUESTS: usize = 20;
/// The operation of what another node than the one that was asked did for a request.
const PART: &str = "part";
/// How long a sampled read may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Clone, Debug)]
pub struct Extra {
    /// What a contract means, sentence by sentence.
    pub explanation: Result<Vec<String>, String>,
    /// Reads with their receipts.
    pub samples: Result<Vec<Sample>, String>,
    /// The slowest requests of each node.
    pub slowest: Vec<Request>,
    /// The latest requests of each node.
    pub recent: Vec<Request>,
    /// One request.
    pub request: Option<Request>,
    /// Nodes that told of no requests, with the reason.
    pub silent: Vec<(String, String)>,
    /// Recorded runs.
    pub runs: Result<Vec<runs::Recorded>, String>,
}

/// A read with what its answer is worth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Whom.
    pub node: String,
    /// The level asked for.
    pub asked: &'static str,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The level met.
    pub level: String,
    /// Whose replica was read.
    pub replica: String,
    /// How stale the answer may be.
    pub staleness: String,
    /// The version of the answer.
    pub version: String,
    /// How long it took.
    pub took: String,
}

impl Default for Extra {
    fn default() -> Extra {
        Extra {
            explanation: Ok(Vec::new()),
            samples: Ok(Vec::new()),
            slowest: Vec::new(),
            recent: Vec::new(),
            request: None,
            silent: Vec::new(),
            runs: Ok(Vec::new()),
        }
    }
}

impl Extra {
    /// Asks for what a place shows.
    pub async fn fetch(place: &Place, inside: &Inside) -> Extra {
        let mut extra = Extra::default();
        match place {
            Place::Keyspace(name) => extra.keyspace(name, inside).await,
            Place::Requests => {
                extra.slowest = extra.ask(inside, &format!("slowest={REQUESTS}")).await;
                extra.slowest.sort_by_key(|request| std::cmp::Reverse(request.took_us));
                extra.silent.clear();
                extra.recent = extra.ask(inside, &format!("recent={REQUESTS}")).await;
                extra.recent.sort_by(|a, b| b.started.cmp(&a.started));
                // What a node did for another's request is shown with that request.
                for requests in [&mut extra.slowest, &mut extra.recent] {
                    requests.retain(|request| request.op != PART);
                }
                extra.slowest.truncate(REQUESTS);
                extra.recent.truncate(REQUESTS);
            }
            Place::Request(trace) => extra.one(inside, trace).await,
            Place::Runs | Place::Run(_) => extra.runs = runs::list(inside.runs()),
            _ => {}
        }
        extra
    }

    async fn keyspace(&mut self, name: &str, inside: &Inside) {
        let picture = inside.watch().picture();
        let Some(asked) = answering(&picture, inside).into_iter().next() else { return };
        let explained = asked.1.control().explain(name).await;
        self.explanation = explained.map(|e| e.lines).map_err(|error| watch::reason(&error));
        let keyspace = picture.keyspaces.iter().find(|keyspace| keyspace.name == name);
        let program = keyspace.and_then(|keyspace| keyspace.contract.get("program")?.as_str());
        self.samples = match program {
            Some("kv") => Ok(samples(name, &picture, inside).await),
            _ => {
                Err("Sampled where the program is kv: a scan of one key shows the receipt.".into())
            }
        };
    }

    async fn ask(&mut self, inside: &Inside, query: &str) -> Vec<Request> {
        let mut all: Vec<Request> = Vec::new();
        for (node, client) in answering(&inside.watch().picture(), inside) {
            match watch::get::<Traces>(&client, &format!("/v1/traces?{query}")).await {
                Ok(traces) => all.extend(traces.requests),
                Err(reason) => self.silent.push((node, reason)),
            }
        }
        all
    }

    async fn one(&mut self, inside: &Inside, trace: &str) {
        if trace.len() != 32 || !trace.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return;
        }
        for (node, client) in answering(&inside.watch().picture(), inside) {
            match watch::get::<Traces>(&client, &format!("/v1/traces/{trace}")).await {
                Ok(traces) => {
                    // The node that was asked tells it best, and whoever knows most of it.
                    let all = self.request.take().into_iter().chain(traces.requests);
                    self.request = all.max_by_key(|told| (told.op != PART, told.stages.len()));
                }
                Err(reason) => self.silent.push((node, reason)),
            }
        }
    }
}

/// The nodes that answer, the one here first, each with a client.
fn answering(picture: &Picture, inside: &Inside) -> Vec<(String, Client)> {
    let mut nodes: Vec<&str> = picture
        .nodes
        .iter()
        .filter(|node| node.state.answers())
        .map(|node| node.id.as_str())
        .collect();
    nodes.sort_by_key(|node| *node != picture.here);
    let client = |node: &str| {
        let address = inside.watch().address(node)?;
        Some((node.to_owned(), watch::client_of(&address)))
    };
    nodes.into_iter().filter_map(client).collect()
}

async fn samples(name: &str, picture: &Picture, inside: &Inside) -> Vec<Sample> {
    let mut reads = JoinSet::new();
    for asked in ["linearizable", "eventual"] {
        // A client that has learned who leads would not ask this node again: each asks once.
        for (node, client) in answering(picture, inside) {
            let name = name.to_owned();
            reads.spawn(async move { sample(node, &client, &name, asked).await });
        }
    }
    let mut samples = Vec::new();
    while let Some(read) = reads.join_next().await {
        samples.extend(read);
    }
    // The stronger level first.
    samples.sort_by(|a, b| (&a.node, b.asked).cmp(&(&b.node, a.asked)));
    samples
}

async fn sample(node: String, client: &Client, name: &str, asked: &'static str) -> Sample {
    let scan = Scan { limit: 1, keys_only: true, ..Scan::default() };
    let kv = client.kv(name).at(asked);
    let began = ambient::now();
    let answer = ambient::within(PATIENCE, kv.scan(&scan)).await;
    let took = say::micros(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    let failed = |error| Sample {
        error: Some(error),
        node: node.clone(),
        asked,
        took: took.clone(),
        ..Sample::default()
    };
    match answer {
        None => failed(format!("no answer within {} ms", PATIENCE.as_millis())),
        Some(Err(error)) => failed(watch::reason(&error)),
        Some(Ok(answer)) => {
            let receipt = |field| answer.evidence.receipt.get(field).unwrap_or_else(|| "–".into());
            let staleness = match receipt("staleness").as_str() {
                "0" => "none".to_owned(),
                other => other.to_owned(),
            };
            Sample {
                error: None,
                level: receipt("level"),
                replica: receipt("replica"),
                version: receipt("version"),
                staleness,
                node,
                asked,
                took,
            }
        }
    }
}
