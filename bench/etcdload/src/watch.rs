//! Watches: how long a change takes to reach those who watch, and what watchers cost the writer.
//!
//! ```text
//!   writer ── put (the value says when) ──▶ server ── event ──▶ watcher: now − when
//! ```

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use layers::coordination::{
    Event, LeaseGrantRequest, LeaseGrantResponse, PutRequest, PutResponse, ResponseHeader,
};
use prost::{Message, Oneof};
use serde_json::{Value, json};

use crate::{
    ambient::{self, Moment},
    grpc::{Connection, Stream},
    work::PUT,
};

/// Whom to watch with how much.
#[derive(Clone, Debug, clap::Args)]
pub struct Watching {
    /// Watchers.
    #[arg(long, default_value_t = 1_000)]
    pub watchers: usize,
    /// Streams that the watchers share in turn.
    #[arg(long, default_value_t = 64)]
    pub streams: usize,
    /// Different keys that are watched, in turn.
    #[arg(long, default_value_t = 1)]
    pub watched_keys: usize,
    /// Puts per second, each on the next key; 0 for one after the other, as fast as they are
    /// answered.
    #[arg(long, default_value_t = 100.0)]
    pub put_rate: f64,
    /// How long to write, in seconds, after `--idle-seconds`.
    #[arg(long, default_value_t = 5.0)]
    pub write_seconds: f64,
    /// Leases that are granted before anything is measured.
    #[arg(long, default_value_t = 0)]
    pub leases: usize,
    /// How long nothing happens before writing begins, in seconds: the memory is taken before and
    /// after.
    #[arg(long, default_value_t = 0.0)]
    pub idle_seconds: f64,
}

/// `etcdserverpb.WatchRequest`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct WatchRequest {
    #[prost(oneof = "Ask", tags = "1")]
    ask: Option<Ask>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Ask {
    #[prost(message, tag = "1")]
    Create(WatchCreateRequest),
}

#[derive(Clone, PartialEq, Message)]
struct WatchCreateRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WatchResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(bool, tag = "3")]
    created: bool,
    #[prost(bool, tag = "4")]
    canceled: bool,
    #[prost(message, repeated, tag = "11")]
    events: Vec<Event>,
}

/// What the watchers saw.
struct Seen {
    start: Moment,
    delays: Mutex<Histogram<u64>>,
    events: AtomicU64,
}

/// Runs it and reports.
pub async fn run(
    connections: &[Connection],
    watching: &Watching,
    servers: &[u32],
) -> Result<Value, String> {
    let memory_before = load::usage(servers).rss_bytes;
    grant(connections, watching.leases).await?;
    let seen = Arc::new(Seen {
        start: ambient::now(),
        delays: Mutex::new(histogram()),
        events: AtomicU64::new(0),
    });
    let mut readers = Vec::new();
    for number in 0..watching.streams.min(watching.watchers) {
        let connection = connections[number % connections.len()].clone();
        let stream = open(&connection, watching, number).await?;
        readers.push(tokio::spawn(read(stream, Arc::clone(&seen))));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let memory_after = load::usage(servers).rss_bytes;
    tokio::time::sleep(Duration::from_secs_f64(watching.idle_seconds)).await;
    let memory_idle = load::usage(servers).rss_bytes;
    let cpu_before = load::usage(servers).cpu_seconds;
    let (writes, count) = match watching.put_rate > 0.0 {
        true => write(&connections[0], watching, &seen).await?,
        false => write_on(&connections[0], watching, &seen).await?,
    };
    let expected = expected(watching, count);
    let deadline = ambient::now() + Duration::from_secs(10);
    while seen.events.load(Relaxed) < expected && ambient::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cpu = load::usage(servers).cpu_seconds - cpu_before;
    readers.iter().for_each(|reader| reader.abort());
    let delays = seen.delays.lock().unwrap_or_else(PoisonError::into_inner);
    let quantiles = |histogram: &Histogram<u64>| {
        json!({
            "p50_us": histogram.value_at_quantile(0.5),
            "p99_us": histogram.value_at_quantile(0.99),
            "max_us": histogram.max(),
        })
    };
    Ok(json!({
        "watchers": watching.watchers,
        "keys": watching.watched_keys,
        "leases": watching.leases,
        "puts": count,
        "puts_per_second": count as f64 / watching.write_seconds,
        "events": seen.events.load(Relaxed),
        "events_expected": expected,
        "delivery": quantiles(&delays),
        "put": quantiles(&writes),
        "server_cpu_seconds": cpu,
        "memory_before": memory_before,
        "memory_after": memory_after,
        "memory_idle": memory_idle,
    }))
}

/// How many events the watchers must see of so many puts.
fn expected(watching: &Watching, puts: u64) -> u64 {
    let keys = watching.watched_keys.max(1) as u64;
    let watchers = watching.watchers as u64;
    (0..keys)
        .map(|key| {
            let of = |all: u64| all / keys + u64::from(all % keys > key);
            of(puts) * of(watchers)
        })
        .sum()
}

async fn grant(connections: &[Connection], leases: usize) -> Result<(), String> {
    let mut tasks = Vec::new();
    for number in 0..64.min(leases) {
        let connection = connections[number % connections.len()].clone();
        tasks.push(tokio::spawn(async move {
            for _ in (number..leases).step_by(64) {
                let request = LeaseGrantRequest { ttl: 3_600, id: 0 };
                let path = "/etcdserverpb.Lease/LeaseGrant";
                connection.unary::<LeaseGrantResponse>(path, &request).await?;
            }
            Ok::<_, String>(())
        }));
    }
    for task in tasks {
        task.await.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// A stream with its share of the watchers, all of them created.
async fn open(
    connection: &Connection,
    watching: &Watching,
    number: usize,
) -> Result<Stream, String> {
    let mut stream = connection.stream("/etcdserverpb.Watch/Watch")?;
    let mut asked = 0;
    for watcher in (number..watching.watchers).step_by(watching.streams) {
        let key = key(watcher % watching.watched_keys.max(1));
        stream.say(&WatchRequest { ask: Some(Ask::Create(WatchCreateRequest { key })) })?;
        asked += 1;
        // Not all at once: nothing holds back who sends on a stream here.
        if asked % 64 == 0 {
            created(&mut stream, 64).await?;
        }
    }
    created(&mut stream, asked % 64).await?;
    Ok(stream)
}

async fn created(stream: &mut Stream, count: usize) -> Result<(), String> {
    for _ in 0..count {
        match stream.next::<WatchResponse>().await? {
            Some(answer) if answer.created && !answer.canceled => {}
            other => return Err(format!("not created: {other:?}")),
        }
    }
    Ok(())
}

async fn read(mut stream: Stream, seen: Arc<Seen>) {
    while let Ok(Some(answer)) = stream.next::<WatchResponse>().await {
        let now = seen.start.elapsed().as_nanos() as u64;
        let mut delays = seen.delays.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &answer.events {
            let sent = event.kv.as_ref().and_then(|kv| kv.value.first_chunk::<8>());
            let sent = sent.map_or(0, |bytes| u64::from_be_bytes(*bytes));
            let _ = delays.record((now.saturating_sub(sent) / 1_000).max(1));
        }
        drop(delays);
        seen.events.fetch_add(answer.events.len() as u64, Relaxed);
    }
}

/// Puts at a fixed rate; each is measured from when it should have been sent.
async fn write(
    connection: &Connection,
    watching: &Watching,
    seen: &Seen,
) -> Result<(Histogram<u64>, u64), String> {
    let mut took = histogram();
    let count = (watching.put_rate * watching.write_seconds) as u64;
    let began = tokio::time::Instant::from_std(ambient::now());
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..count {
        let due = began + Duration::from_secs_f64(number as f64 / watching.put_rate);
        tokio::time::sleep_until(due).await;
        let request = put(watching, seen, number);
        let connection = connection.clone();
        puts.spawn(async move {
            connection.unary::<PutResponse>(PUT, &request).await?;
            Ok::<_, String>(due.elapsed())
        });
    }
    while let Some(put) = puts.join_next().await {
        let elapsed = put.map_err(|error| error.to_string())??;
        note(&mut took, elapsed);
    }
    Ok((took, count))
}

/// Puts one after the other.
async fn write_on(
    connection: &Connection,
    watching: &Watching,
    seen: &Seen,
) -> Result<(Histogram<u64>, u64), String> {
    let mut took = histogram();
    let (began, length) = (ambient::now(), Duration::from_secs_f64(watching.write_seconds));
    let mut count = 0;
    while began.elapsed() < length {
        let sent = ambient::now();
        connection.unary::<PutResponse>(PUT, &put(watching, seen, count)).await?;
        note(&mut took, sent.elapsed());
        count += 1;
    }
    Ok((took, count))
}

fn note(took: &mut Histogram<u64>, elapsed: Duration) {
    let _ = took.record((elapsed.as_micros() as u64).max(1));
}

/// The put of a number: its value says when it was sent.
fn put(watching: &Watching, seen: &Seen, number: u64) -> PutRequest {
    let key = key(number as usize % watching.watched_keys.max(1));
    let mut value = vec![b'v'; 256];
    value[..8].copy_from_slice(&(seen.start.elapsed().as_nanos() as u64).to_be_bytes());
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

fn key(number: usize) -> Vec<u8> {
    format!("watched{number:06}").into_bytes()
}

/// Microseconds from 1 to a minute with three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds that the library takes")
}
