//! The program against a real etcd: the same random requests, every field of every answer.
//!
//! ```sh
//! etcd --data-dir $(mktemp -d) &
//! ETCD=127.0.0.1:2379 cargo test --release -p layers --test coordination etcd -- --ignored
//! ```
//!
//! The etcd has to be fresh. `REQUESTS` says how many requests, `SEED` which. What is left out is
//! what etcd does not answer: it ends its process where a transaction keeps the value or lease of a
//! key that it removed itself.

mod auth;
mod http;
mod json;
mod json_auth;

use std::env;

use kernel::Rng;
use layers::coordination::*;

use super::{Stage, act, ask, draw};
use http::Connection;

fn number(name: &str, or: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

/// Whether etcd would end its process.
fn deadly(act: &Act, answer: &Result<Outcome, Error>) -> bool {
    matches!((act, answer), (Act::Txn(txn), Err(Error::KeyNotFound)) if removes_and_keeps(txn))
}

/// etcd counts in any case.
fn counted(ask: Ask) -> Ask {
    match ask {
        Ask::Range(range) => Ask::Range(RangeRequest { uncounted: false, ..range }),
        ask => ask,
    }
}

fn removes_and_keeps(txn: &TxnRequest) -> bool {
    let text = format!("{txn:?}");
    let keeps = text.contains("ignore_value: true") || text.contains("ignore_lease: true");
    keeps && text.contains("RequestDeleteRange")
}

#[test]
#[ignore = "needs an etcd: ETCD=host:port cargo test -p layers --test coordination etcd -- --ignored"]
fn etcd_does_the_same() {
    let address = env::var("ETCD").expect("ETCD=host:port");
    let mut etcd = Connection::open(&address);
    let (seed, requests) = (number("SEED", 1), number("REQUESTS", 20_000));
    let rng = &mut Rng::new(seed);
    let mut stage = Stage::new();
    let (mut newest, mut compared, mut refused, mut kinds) = (1, 0, 0, [0u64; 8]);
    for at in 0..requests {
        if at % 3 == 0 {
            let ask_for = match draw::query(rng, newest).ask {
                Some(found @ (Ask::Range(_) | Ask::Txn(_) | Ask::LeaseTimeToLive(_))) => found,
                _ => Ask::Range(draw::range(rng, newest)),
            };
            let ask_for = counted(ask_for);
            let ours = ask(&stage, ask_for.clone());
            let theirs = json::ask(&mut etcd, &ask_for);
            assert_eq!(ours, theirs, "seed {seed}, request {at}: {ask_for:?}");
            refused += u64::from(ours.is_err());
        } else {
            let mut request = draw::of_etcd(rng, newest);
            if let Act::LeaseGrant(grant) = &mut request {
                // Nothing may run out while we compare.
                grant.ttl = grant.ttl.max(100_000);
            }
            let ours = act(&mut stage, request.clone());
            if deadly(&request, &ours) {
                continue;
            }
            let theirs = json::act(&mut etcd, &request);
            assert_eq!(ours, theirs, "seed {seed}, request {at}: {request:?}");
            refused += u64::from(ours.is_err());
            kinds[json::kind(&request)] += 1;
        }
        compared += 1;
        if let Ok(Answer::Status(status)) = ask(&stage, Ask::Status(StatusRequest {})) {
            newest = status.header.map_or(newest, |header| header.revision);
        }
    }
    let events = watches(&address, &stage, newest, rng);
    println!(
        "{compared} answers equal, {refused} of them errors, at revision {newest}; commands by \
         kind {kinds:?}; {events} events equal"
    );
}

/// Watches from several revisions give the changes that the program gives.
fn watches(address: &str, stage: &Stage, newest: i64, rng: &mut Rng) -> usize {
    let mut compared = 0;
    for _ in 0..400 {
        let request = match draw::query(rng, newest).ask {
            Some(Ask::Changes(request)) => request,
            _ => continue,
        };
        // An etcd watch from 0 is from now on, and an empty range is refused by the gateway.
        let start_revision = newest - rng.below(20) as i64;
        let request = ChangesRequest { start_revision, start_sub: 0, limit: 0, ..request };
        let inverted = request.range_end.len() > 1 && request.range_end <= request.key;
        if request.key.is_empty() || inverted || request.range_end == request.key {
            continue;
        }
        let Ok(Answer::Changes(ours)) = ask(stage, Ask::Changes(request.clone())) else {
            panic!("changes are answered with changes");
        };
        let ours = (ours.compact_revision, ours.events);
        assert_eq!(json::watch(address, &request, &ours), ours, "{request:?}");
        compared += ours.1.len();
    }
    compared
}
