//! Clients that read and write while faults happen, and record what they saw.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

use check::history::{Kind, Verb};
use client::{Client, Error, Kv, Options};
use kernel::{Duration, Rng};
use tokio::task::JoinHandle;

use crate::{ambient, exit::Failure};

/// Registers that everybody reads and writes: few, so that operations meet.
const REGISTERS: u64 = 8;
/// Every so many operations of a client, one sets a key of its own that is never set again.
const OWN_EVERY: u64 = 5;
/// Who writes down what clients invoked and saw.
pub trait Tape: Send + Sync + 'static {
    /// Writes one event, in the order in which events happen: an invocation before its request is
    /// sent, a completion after its answer is there.
    fn record(&self, process: u64, kind: Kind, verb: Verb, key: &str, value: Option<i64>);
}

/// How clients behave.
#[derive(Clone, Debug)]
pub struct Style {
    /// How many.
    pub clients: u64,
    /// What all their keys begin with.
    pub prefix: String,
    /// Between two operations of a client: what is measured are failures, not capacity.
    pub think: Duration,
}

/// Running clients.
pub struct Traffic {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

struct Shared {
    tape: Arc<dyn Tape>,
    style: Style,
    stop: AtomicBool,
    /// Values are never written twice.
    value: AtomicI64,
    /// A process whose request is open for ever is never used again.
    process: AtomicU64,
    unknown: AtomicU64,
}

/// What is left when the clients have ended.
pub struct Left {
    /// Keys whose only write was acknowledged.
    pub own: Vec<String>,
    /// Writes of which nobody knows.
    pub unknown: u64,
}

impl Traffic {
    /// Starts clients.
    pub fn start(endpoints: &[String], style: Style, tape: Arc<dyn Tape>) -> Traffic {
        let clients = style.clients;
        let shared = Arc::new(Shared {
            tape,
            style,
            stop: AtomicBool::new(false),
            value: AtomicI64::new(1),
            process: AtomicU64::new(clients),
            unknown: AtomicU64::new(0),
        });
        let start = |number| {
            let kv = connect(endpoints).kv("default");
            ambient::spawn(live(Arc::clone(&shared), number, kv))
        };
        let clients = (0..clients).map(start).collect();
        Traffic { shared, clients }
    }

    /// Ends the clients.
    pub async fn finish(self) -> Result<Left, Failure> {
        self.shared.stop.store(true, Relaxed);
        let mut own = Vec::new();
        for client in self.clients {
            own.extend(client.await.map_err(|error| Failure::new(error.to_string()))?);
        }
        Ok(Left { own, unknown: self.shared.unknown.load(Relaxed) })
    }
}

/// A client that gives a silent node up soon.
pub fn connect(endpoints: &[String]) -> Client {
    let options = Options {
        timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_millis(500),
        backoff_max: Duration::from_millis(100),
        session: false,
        ..Options::default()
    };
    Client::new(endpoints.to_vec(), options)
}

async fn live(shared: Arc<Shared>, number: u64, kv: Kv) -> Vec<String> {
    let mut rng = Rng::new(number + 1);
    let mut process = number;
    let mut own = Vec::new();
    let mut operation = 0;
    while !shared.stop.load(Relaxed) {
        operation += 1;
        let value = shared.value.fetch_add(1, Relaxed);
        let unknown = if operation % OWN_EVERY == 0 {
            let key = format!("{}own/{number}/{operation}", shared.style.prefix);
            let outcome = write(&shared, process, &kv, &key, value).await;
            if outcome == Kind::Ok {
                own.push(key);
            }
            outcome == Kind::Info
        } else {
            let key = register(&shared.style.prefix, rng.below(REGISTERS));
            if rng.chance(0.5) {
                write(&shared, process, &kv, &key, value).await == Kind::Info
            } else {
                read(&shared, process, &kv, &key).await;
                false
            }
        };
        if unknown {
            shared.unknown.fetch_add(1, Relaxed);
            process = shared.process.fetch_add(1, Relaxed);
        }
        ambient::sleep(shared.style.think).await;
    }
    own
}

fn register(prefix: &str, number: u64) -> String {
    format!("{prefix}register/{number}")
}

/// Every key that clients share.
pub fn registers(prefix: &str) -> impl Iterator<Item = String> {
    (0..REGISTERS).map(move |number| register(prefix, number))
}

async fn write(shared: &Shared, process: u64, kv: &Kv, key: &str, value: i64) -> Kind {
    let tape = &shared.tape;
    tape.record(process, Kind::Invoke, Verb::Write, key, Some(value));
    let kind = match kv.put(key.as_bytes(), value.to_string().as_bytes(), None, None).await {
        Ok(_) => Kind::Ok,
        Err(Error::NotDone(_)) => Kind::Fail,
        Err(Error::Unknown { .. }) => Kind::Info,
    };
    tape.record(process, kind, Verb::Write, key, Some(value));
    kind
}

async fn read(shared: &Shared, process: u64, kv: &Kv, key: &str) {
    let tape = &shared.tape;
    tape.record(process, Kind::Invoke, Verb::Read, key, None);
    match kv.get(key.as_bytes()).await {
        Ok(answer) => {
            let text = answer.value.map(|stored| stored.value);
            let value = text.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
            tape.record(process, Kind::Ok, Verb::Read, key, value);
        }
        Err(_) => tape.record(process, Kind::Fail, Verb::Read, key, None),
    }
}
