//! ERR-22: two who believe that they hold one lock, before a store that looks at tokens and one that
//! does not. The locks, leases and guards are those of the product's program.

use bytes::Bytes;
use contract::Program;
use kernel::{Rng, ShardId, Version, clock::hybrid::Timestamp};
use layers::coordination::{
    Act, Command, Error, Guard, LeaseGrantRequest, LeaseRevokeRequest, LockRequest, Outcome,
    PutRequest, Reply,
};
use prost::Message;
use sim::report::document::Block;
use store::{
    engine::{Engine, MemEngine},
    mvcc::{Pending, Space},
};

use super::Found;

const SCHEDULES: u64 = 500;
/// How long a lease lasts, and the longest pause of a holder, in milliseconds.
const TTL_MS: u64 = 5_000;
const PAUSE_MS: u64 = 10_000;
const LOCK: Bytes = Bytes::from_static(b"lock");
const KEY: Bytes = Bytes::from_static(b"balance");

/// The program over an engine in memory, without consensus: one copy is enough for the question.
#[derive(Default)]
struct Keyspace {
    engine: MemEngine,
    index: u64,
}

impl Keyspace {
    fn act(&mut self, act: Act, guard: Option<i64>) -> Result<Outcome, String> {
        let guards = guard.map(|token| Guard { name: LOCK, token }).into_iter().collect();
        let command = Command { guards, ..Command::new(act) };
        let bytes: Bytes = command.encode_to_vec().into();
        layers::check(Program::Coordination, &bytes).map_err(|error| error.to_string())?;
        self.index += 1;
        let timestamp = Timestamp::new(self.index, 0);
        let version = Version { index: self.index, timestamp, ..Version::default() };
        let space = Space::new(ShardId(1), 0);
        let mut pending = Pending::new(&self.engine, space, false, 0);
        let reply = layers::apply(Program::Coordination, &bytes, &mut pending.view(version), None);
        let batch = pending.into_batch();
        self.engine.write(batch).map_err(|error| error.to_string())?;
        let reply = Reply::read(&reply.map_err(|error| error.to_string())?);
        let outcome = reply.map_err(|error| error.to_string())?.into_result();
        outcome.map_err(|error| match error {
            Error::GuardFailed => "refused".to_owned(),
            other => other.text().to_owned(),
        })
    }

    /// A lease and a place in the queue under it; the token.
    fn lock(&mut self, lease: i64) -> Result<i64, String> {
        let grant = LeaseGrantRequest { ttl: TTL_MS as i64 / 1_000, id: lease };
        self.act(Act::LeaseGrant(grant), None)?;
        match self.act(Act::Lock(LockRequest { name: LOCK, lease }), None)? {
            Outcome::Lock(place) => Ok(place.token),
            other => Err(format!("{other:?}")),
        }
    }

    /// Writes; whether it took effect.
    fn write(&mut self, who: &'static str, guard: Option<i64>) -> Result<bool, String> {
        let put = PutRequest { key: KEY, value: who.into(), ..PutRequest::default() };
        match self.act(Act::Put(put), guard) {
            Ok(_) => Ok(true),
            Err(refused) if refused == "refused" => Ok(false),
            Err(other) => Err(other),
        }
    }
}

/// What became of a holder's last write.
#[derive(Default)]
struct Counts {
    two_believe: u64,
    overwritten: u64,
    refused: u64,
    in_time: u64,
}

/// A holder pauses, and writes when it wakes. If its lease has ended by then, another has taken the
/// lock and written.
fn schedule(counts: &mut Counts, pause_ms: u64, guarded: bool) -> Result<(), String> {
    let mut keyspace = Keyspace::default();
    let mine = keyspace.lock(1)?;
    let guard = |token| guarded.then_some(token);
    let expired = pause_ms > TTL_MS;
    if expired {
        counts.two_believe += 1;
        keyspace.act(Act::LeaseRevoke(LeaseRevokeRequest { id: 1 }), None)?;
        let theirs = keyspace.lock(2)?;
        keyspace.write("the new holder", guard(theirs))?;
    }
    let written = keyspace.write("the old holder", guard(mine))?;
    counts.overwritten += u64::from(written && expired);
    counts.refused += u64::from(!written);
    counts.in_time += u64::from(written && !expired);
    Ok(())
}

/// # Errors
/// If the program answers with anything but an outcome or a refusal of the guard.
pub fn run(seed: u64) -> Result<Found, String> {
    let mut found = Found::default();
    let mut rows = Vec::new();
    for (guarded, name) in [(false, "plain"), (true, "guarded")] {
        let (mut rng, mut counts) = (Rng::new(seed).fork("pauses"), Counts::default());
        for _ in 0..SCHEDULES {
            schedule(&mut counts, rng.below(PAUSE_MS), guarded)?;
        }
        let Counts { two_believe, overwritten, refused, in_time } = counts;
        let all = [two_believe, overwritten, refused, in_time];
        let names = ["two_believe", "overwritten", "refused", "in_time"];
        for (of, count) in names.into_iter().zip(all) {
            found.measures.set(format!("{name}.{of}"), count as f64);
        }
        let says = if guarded { "tokens are looked at" } else { "nobody looks at tokens" };
        rows.push([says.to_owned()].into_iter().chain(all.map(|n| n.to_string())).collect());
    }
    found.measures.set("schedules", SCHEDULES as f64);
    let head = ["", "two believe", "overwritten late", "refused late", "written in time"];
    found.blocks.push(Block::Heading("Five hundred holders that pause".into()));
    found.blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows });
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_prevents_the_late_write_and_not_the_second_holder() {
        let measures = run(1).unwrap().measures;
        let get = |name: &str| measures.get(name).unwrap();
        assert!(get("plain.two_believe") > 100.0);
        assert_eq!(get("plain.two_believe"), get("guarded.two_believe"));
        assert_eq!(get("plain.overwritten"), get("plain.two_believe"));
        assert_eq!((get("guarded.overwritten"), get("plain.refused")), (0.0, 0.0));
        assert_eq!(get("guarded.refused"), get("guarded.two_believe"));
        assert_eq!(get("guarded.in_time"), get("plain.in_time"));
    }
}
