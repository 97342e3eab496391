//! Generates a history of a million operations (100 keys, 32 clients, some of unknown outcome),
//! checks the file, and prints the time and the peak memory.
//!
//! ```text
//! cargo run --release -p check --example million [unique|few|counter|one-key|stale] [operations]
//! ```
//!
//! `unique`: every written value is new; `few`: three values, compare-and-set and deletes, so
//! that only the search can decide; `counter`: increments; `one-key`: as `few`, on one key;
//! `stale`: as `unique`, with one stale read in the middle.

use std::io::{BufWriter, Write};
use std::time::Instant;

use check::history::{Event, Kind, Verb};
use check::{Options, check_file};
use kernel::Rng;
use serde_json::{Value as Json, json};

const KEYS: u64 = 100;
const CLIENTS: u64 = 32;

#[derive(Clone, Copy, PartialEq)]
enum Workload {
    Unique,
    Few,
    Counter,
}

struct Client {
    name: u64,
    event: Option<(u64, Event, Option<Json>)>,
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "unique".into());
    let operations = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let (workload, keys) = match name.as_str() {
        "unique" | "stale" => (Workload::Unique, KEYS),
        "few" => (Workload::Few, KEYS),
        "counter" => (Workload::Counter, KEYS),
        "one-key" => (Workload::Few, 1),
        other => return Err(std::io::Error::other(format!("unknown workload {other}"))),
    };
    let path = std::env::temp_dir().join(format!("million-{name}-{}.jsonl", std::process::id()));
    generate(&path, workload, keys, operations, name == "stale")?;
    let size = std::fs::metadata(&path)?.len();
    let begun = Instant::now();
    let report = check_file(&path, &Options::default());
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    print!("{}", report.map_err(std::io::Error::other)?);
    println!("{name}: {:.1} MB, {seconds:.2} s, peak {} MiB", size as f64 / 1e6, peak_mib());
    Ok(())
}

/// Runs clients against atomic objects and writes what they see.
fn generate(
    path: &std::path::Path,
    workload: Workload,
    keys: u64,
    operations: u64,
    stale: bool,
) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let mut rng = Rng::new(1);
    let mut state = vec![if workload == Workload::Counter { json!(0) } else { Json::Null }; 100];
    let mut clients: Vec<Client> = (0..CLIENTS).map(|name| Client { name, event: None }).collect();
    let (mut invoked, mut time, mut lie) = (0, 0i64, stale);
    while invoked < operations || clients.iter().any(|client| client.event.is_some()) {
        time += rng.range(100, 2_000) as i64;
        let client = &mut clients[rng.below(CLIENTS) as usize];
        let event = match client.event.take() {
            None if invoked >= operations => continue,
            None => {
                let key = rng.below(keys);
                let event = invocation(workload, client.name, key, invoked, &mut rng);
                invoked += 1;
                client.event = Some((key, event.clone(), None));
                event
            }
            Some((key, event, None)) => {
                let answer = apply(&event, &mut state[key as usize]);
                client.event = Some((key, event, Some(answer)));
                continue;
            }
            Some((_, event, Some(_))) if rng.chance(0.005) => {
                client.name += CLIENTS;
                Event { kind: Kind::Info, ..event }
            }
            Some((_, event, Some(answer))) => {
                let failed = event.f == Some(Verb::Cas) && answer == json!(false);
                let kind = if failed { Kind::Fail } else { Kind::Ok };
                let read = event.f == Some(Verb::Read);
                let mut value = if read { answer } else { event.value.clone() };
                if lie && read && invoked > operations / 2 {
                    (value, lie) = (Json::Null, false);
                }
                Event { kind, value, ..event }
            }
        };
        writeln!(out, "{}", event.at(time).to_line())?;
    }
    out.flush()
}

fn invocation(workload: Workload, process: u64, key: u64, fresh: u64, rng: &mut Rng) -> Event {
    let event = |verb| Event::new(process, Kind::Invoke, verb).key(key);
    match (workload, rng.below(10)) {
        (_, 0..5) => event(Verb::Read),
        (Workload::Unique, _) => event(Verb::Write).value(fresh),
        (Workload::Counter, _) => event(Verb::Add).value(1),
        (Workload::Few, 5..7) => {
            event(Verb::Cas).value([rng.range(1, 3), rng.range(1, 3)].to_vec())
        }
        (Workload::Few, 7) => event(Verb::Write).value(Json::Null),
        (Workload::Few, _) => event(Verb::Write).value(rng.range(1, 3)),
    }
}

/// Takes effect; a refused compare-and-set answers `false`.
fn apply(event: &Event, state: &mut Json) -> Json {
    match event.f {
        Some(Verb::Write) => *state = event.value.clone(),
        Some(Verb::Add) => *state = json!(state.as_i64().unwrap_or(0) + 1),
        Some(Verb::Cas) if event.value[0] != *state => return json!(false),
        Some(Verb::Cas) => *state = event.value[1].clone(),
        _ => {}
    }
    state.clone()
}

/// The most memory that this process ever held, in MiB; 0 where the system does not say.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
