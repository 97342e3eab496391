//! Many leases that are kept alive in time: none of them may end.
//!
//! ```sh
//! cargo run --release -p keepers -- --endpoint A,B,C --leases 10000 --ttl 5 --seconds 60
//! ```
//!
//! Every lease holds a key. It is kept alive three times in its time, over streams to all nodes in
//! turn, whatever answers. A key that is gone in the end, and an answer that there is no such
//! lease, is a false expiry, unless the client itself was late: how late it was is said too.
//! `python/pulses.py` stops the leader meanwhile.

mod ambient;
#[expect(dead_code, reason = "nobody listens here")]
#[path = "../../differ/src/wire.rs"]
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Parser;
use futures_util::future::try_join_all;
use layers::coordination::{
    LeaseGrantRequest, LeaseKeepAlive, LeaseRevokeRequest, PutRequest, RangeRequest, RangeResponse,
};
use prost::Message;
use tonic::{Status, Streaming};
use wire::{Requests, Server};

const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
/// Leases that are made at a time.
const AT_ONCE: i64 = 64;

/// Before a stream that broke is opened again.
const PAUSE: Duration = Duration::from_millis(100);

/// Keep many leases alive.
#[derive(Debug, Parser)]
struct Arguments {
    /// The nodes, `host:port`, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:2379")]
    endpoint: Vec<String>,
    /// How many leases.
    #[arg(long, default_value_t = 10_000)]
    leases: i64,
    /// How long each lives, in seconds.
    #[arg(long, default_value_t = 5)]
    ttl: i64,
    /// How long they are kept alive, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// What the answers said.
#[derive(Default)]
struct Answers {
    renewed: AtomicU64,
    /// Answers that there is no such lease.
    ended: AtomicU64,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(&Arguments::parse()).await {
        Ok(0) => std::process::ExitCode::SUCCESS,
        Ok(_) => std::process::ExitCode::FAILURE,
        Err(status) => {
            eprintln!("{status}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// How many leases ended.
async fn run(arguments: &Arguments) -> Result<u64, Status> {
    let open = Server::open(&arguments.endpoint).await;
    let mut server = open.map_err(Status::unavailable)?;
    let (first, count) = (1_i64 << 32, arguments.leases);
    let answers = Arc::new(Answers::default());
    let mut streams = Vec::new();
    for _ in &arguments.endpoint {
        streams.push(Keeper::open(&mut server, first, &answers).await?);
    }
    let began = ambient::now();
    let mut made = 0;
    let mut round = ambient::now();
    // What is made already is kept alive while the rest is made.
    while made < count {
        let more = AT_ONCE.min(count - made);
        let some = first + made..first + made + more;
        try_join_all(some.map(|id| make(server.clone(), id, arguments.ttl))).await?;
        made += more;
        if round.elapsed() >= period(arguments) {
            round = ambient::now();
            renew(&mut streams, &mut server, first, made, &answers).await;
        }
    }
    println!("{count} leases of {} s made in {:.1?}", arguments.ttl, began.elapsed());
    let kept = ambient::now();
    let (mut last, mut longest) = (kept, Duration::ZERO);
    while kept.elapsed() < Duration::from_secs(arguments.seconds) {
        let next = ambient::now() + period(arguments);
        renew(&mut streams, &mut server, first, count, &answers).await;
        longest = longest.max(last.elapsed());
        last = ambient::now();
        tokio::time::sleep(next.saturating_duration_since(ambient::now())).await;
    }
    let left = keys(&mut server).await?;
    let (renewed, ended) = (answers.renewed.load(Relaxed), answers.ended.load(Relaxed));
    println!(
        "{renewed} keep-alives answered, {ended} of them that the lease is gone; {left} of {count} \
         keys are left after {:.0?}, at most {longest:.1?} between two keep-alives of a lease: {} \
         false expiries",
        kept.elapsed(),
        count - left
    );
    for chunk in (first..first + count).collect::<Vec<_>>().chunks(AT_ONCE as usize) {
        let revoke = |id: &i64| revoke(server.clone(), *id);
        let _ = futures_util::future::join_all(chunk.iter().map(revoke)).await;
    }
    Ok((count - left) as u64 + ended)
}

fn period(arguments: &Arguments) -> Duration {
    Duration::from_secs(arguments.ttl as u64) / 3
}

async fn make(mut server: Server, id: i64, ttl: i64) -> Result<(), Status> {
    server.ask("/etcdserverpb.Lease/LeaseGrant", &LeaseGrantRequest { ttl, id }).await?;
    let key = Bytes::from(format!("keepers/{id:x}"));
    let put = PutRequest { key, lease: id, ..PutRequest::default() };
    server.ask("/etcdserverpb.KV/Put", &put).await.map(drop)
}

async fn revoke(mut server: Server, id: i64) -> Result<(), Status> {
    server.ask("/etcdserverpb.Lease/LeaseRevoke", &LeaseRevokeRequest { id }).await.map(drop)
}

async fn keys(server: &mut Server) -> Result<i64, Status> {
    let (key, range_end) = (Bytes::from_static(b"keepers/"), Bytes::from_static(b"keepers0"));
    let all = RangeRequest { key, range_end, count_only: true, ..RangeRequest::default() };
    let found = server.ask("/etcdserverpb.KV/Range", &all).await?;
    RangeResponse::decode(found)
        .map(|found| found.count)
        .map_err(|e| Status::data_loss(e.to_string()))
}

/// A stream over which leases are kept alive.
struct Keeper {
    requests: Requests,
    opened: Instant,
}

impl Keeper {
    async fn open(
        server: &mut Server,
        first: i64,
        answers: &Arc<Answers>,
    ) -> Result<Keeper, Status> {
        let (requests, stream) = server.talk(KEEP_ALIVE, body(first)).await?;
        tokio::spawn(read(stream, first, answers.clone()));
        Ok(Keeper { requests, opened: ambient::now() })
    }
}

fn body(id: i64) -> Bytes {
    LeaseRevokeRequest { id }.encode_to_vec().into()
}

async fn read(mut stream: Streaming<Bytes>, first: i64, answers: Arc<Answers>) {
    let mut probe = true;
    while let Ok(Some(bytes)) = stream.message().await {
        let found = LeaseKeepAlive::decode(bytes).unwrap_or_default();
        // The first answer of a stream may come before there is any lease.
        match (found.ttl, std::mem::take(&mut probe) && found.id == first) {
            (0, true) => {}
            (0, false) => drop(answers.ended.fetch_add(1, Relaxed)),
            _ => drop(answers.renewed.fetch_add(1, Relaxed)),
        }
    }
}

/// Keeps all leases alive, each over the stream that is next; one that broke is opened again.
async fn renew(
    streams: &mut [Keeper],
    server: &mut Server,
    first: i64,
    count: i64,
    answers: &Arc<Answers>,
) {
    for keeper in streams.iter_mut() {
        let broken = keeper.requests.is_closed() && keeper.opened.elapsed() > PAUSE;
        if broken && let Ok(opened) = Keeper::open(server, first, answers).await {
            *keeper = opened;
        }
    }
    let open: Vec<_> = streams.iter().filter(|keeper| !keeper.requests.is_closed()).collect();
    for (id, keeper) in (first..first + count).zip(open.iter().cycle()) {
        let _ = keeper.requests.send(body(id));
    }
}
