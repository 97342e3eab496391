//! Three nodes in one process under load from the inside: what the host itself can carry, without
//! a gateway. `cargo run --release -p node --example load -- CLIENTS SECONDS [DIRECTORY]`

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use contract::{Contract, Program};
use database::{
    Answer, Request,
    api::{Action, Call, Control, Trace},
};
use kernel::{NodeId, Rng};
use layers::kv::{Command, Get, Put, Query};
use node::{Config, Handle, Node, ambient::Clock};
use prost::Message;
use tokio::{net::TcpListener, time::sleep};

const KEYS: u64 = 10_000;
const VALUE: usize = 256;

fn call(action: Action) -> Request {
    Request::Call(Call {
        keyspace: "load".to_owned(),
        action,
        consistency: None,
        session: None,
        request_id: None,
        timeout: Duration::from_secs(5),
        trace: Trace::default(),
    })
}

fn put(rng: &mut Rng) -> Request {
    let put = Put {
        key: Bytes::from(format!("key-{:08}", rng.below(KEYS))),
        value: Bytes::from(vec![b'x'; VALUE]),
        ..Put::default()
    };
    let command = Command::one(put).encode_to_vec().into();
    call(Action::Mutate { program: Program::Kv, command })
}

fn get(rng: &mut Rng) -> Request {
    let query = Query::from(Get { key: Bytes::from(format!("key-{:08}", rng.below(KEYS))) });
    call(Action::Query { program: Program::Kv, query: query.encode_to_vec().into() })
}

fn config(i: usize, addresses: &[String], dir: &std::path::Path) -> Config {
    let data = dir.join(format!("n{}", i + 1));
    let mut text = format!(
        "node = {}\ncluster = \"{:032x}\"\ndata = {data:?}\nboot = \"bootstrap\"\n",
        i + 1,
        7
    );
    for (i, address) in addresses.iter().enumerate() {
        let n = i + 1;
        text.push_str(&format!(
            "[[members]]\nnode = {n}\npeer = \"{address}\"\nhttp = \"127.0.0.1:1\"\n"
        ));
    }
    Config::parse(&text).expect("the configuration is sound")
}

/// Processor time of this process so far, in microseconds; its clock ticks every 10 ms.
fn processor_us() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold anything; user and system time are fields 14 and 15.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10_000
}

/// Runs clients for a while and prints what they got done.
async fn run(name: &str, at: &Handle, clients: u64, seconds: u64, make: fn(&mut Rng) -> Request) {
    let stop = Arc::new(AtomicBool::new(false));
    let failed = Arc::new(AtomicU64::new(0));
    let clock = Clock::start();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (at, stop, failed) = (at.clone(), Arc::clone(&stop), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut rng = Rng::new(client);
                let mut took = Vec::new();
                while !stop.load(Relaxed) {
                    let begun = clock.instant();
                    if !matches!(at.ask(make(&mut rng)).await, Answer::Done(_)) {
                        failed.fetch_add(1, Relaxed);
                    }
                    took.push(clock.instant().since(begun));
                }
                took
            })
        })
        .collect();
    let (begun, used) = (clock.instant(), processor_us());
    sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Relaxed);
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a client runs to its end"));
    }
    let time = clock.instant().since(begun).as_secs_f64();
    took.sort_unstable();
    let at = |part: usize| took.get(took.len() * part / 1000).copied().unwrap_or_default();
    println!(
        "{name}: {clients} clients, {:.0}/s, {:.1} us of processor each, p50 {:?}, p99 {:?}, \
         p99.9 {:?}, failed {}",
        took.len() as f64 / time,
        (processor_us() - used) as f64 / took.len().max(1) as f64,
        at(500),
        at(990),
        at(999),
        failed.load(Relaxed)
    );
}

async fn load(clients: u64, seconds: u64, dir: PathBuf) {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    }
    let addresses: Vec<String> = listeners
        .iter()
        .map(|listener| listener.local_addr().expect("a bound listener").to_string())
        .collect();
    let mut nodes = Vec::new();
    for (i, listener) in listeners.into_iter().enumerate() {
        let config = config(i, &addresses, &dir);
        nodes.push(Node::start_on(config, listener).await.expect("the node starts"));
    }
    let control =
        Control::CreateKeyspace { name: "load".to_owned(), contract: Contract::new(Program::Kv) };
    let timeout = Duration::from_secs(1);
    let create = Request::Control { control, request_id: None, timeout };
    while let Answer::Failed(failure) = nodes[0].handle().ask(create.clone()).await {
        eprintln!("waiting: {failure}");
        sleep(Duration::from_millis(100)).await;
    }
    let leader = loop {
        if let Answer::Cluster(cluster) = nodes[0].handle().ask(Request::Cluster).await {
            let shard = cluster.shards.iter().find(|shard| shard.keyspace == "load");
            if let Some(leader) = shard.map(|shard| shard.leader).filter(|l| *l != NodeId::NONE) {
                break leader;
            }
        }
        sleep(Duration::from_millis(50)).await;
    };
    let at = nodes[leader.0 as usize - 1].handle();
    run("put at the leader", &at, clients, seconds, put).await;
    run("get at the leader", &at, clients, seconds, get).await;
    let other = nodes[leader.0 as usize % 3].handle();
    run("put at a follower", &other, clients, seconds, put).await;
    for line in at.metrics().lines() {
        let wanted = ["journal_sync_", "worker_batch_inputs_", "consensus_round_seconds_"];
        if wanted.iter().any(|name| line.contains(name)) && !line.contains("_bucket") {
            println!("{line}");
        }
    }
    for node in nodes {
        node.shutdown(Duration::from_millis(500)).await;
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (Some(clients), Some(seconds)) = (number(), number()) else {
        eprintln!("usage: load CLIENTS SECONDS [DIRECTORY]");
        return ExitCode::FAILURE;
    };
    let dir = tempfile::tempdir_in(arguments.next().unwrap_or_else(|| "/tmp".to_owned()));
    let dir = dir.expect("a writable directory");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(load(clients, seconds, dir.path().to_owned()));
    ExitCode::SUCCESS
}
