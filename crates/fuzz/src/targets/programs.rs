//! Commands, queries and replies of the programs.

use bytes::Bytes;
use contract::Program;
use kernel::{Incarnation, Rng, ShardId, Version, clock::hybrid::Timestamp};
use layers::{coordination as etcd, counter, kv};
use prost::Message;
use store::{Engine, MemEngine, Reader, Space, mvcc::Pending};

use super::coordination;
use crate::{
    Fed, Memory, Target, draw,
    target::{as_it_is, same},
};

/// An empty operation is two bytes on the wire and some hundred in memory, in vectors that double.
const MEMORY: Memory = Memory { base: 32 << 10, per_byte: 512 };

const fn target(
    name: &'static str,
    sample: fn(&mut Rng) -> Vec<u8>,
    feed: fn(&[u8]) -> Fed,
) -> Target {
    Target { name, sample, mend: as_it_is, words: &[], feed, memory: MEMORY }
}

pub const TARGETS: [Target; 7] = [
    target("kv-command", kv_command, |bytes| commanded(Program::Kv, bytes)),
    target("kv-query", kv_query, |bytes| queried(Program::Kv, bytes)),
    target("counter-command", counter_command, |bytes| commanded(Program::Counter, bytes)),
    target("counter-query", counter_query, |bytes| queried(Program::Counter, bytes)),
    target("coordination-command", coordination::command, |bytes| {
        commanded(Program::Coordination, bytes)
    }),
    target("coordination-query", coordination::query, |bytes| {
        queried(Program::Coordination, bytes)
    }),
    target("replies", replies, feed_replies),
];

/// A command of any program.
pub fn command(rng: &mut Rng) -> Vec<u8> {
    match rng.below(3) {
        0 => kv_command(rng),
        1 => counter_command(rng),
        _ => coordination::command(rng),
    }
}

/// A query of any program.
pub fn query(rng: &mut Rng) -> Vec<u8> {
    match rng.below(3) {
        0 => kv_query(rng),
        1 => counter_query(rng),
        _ => coordination::query(rng),
    }
}

fn condition(rng: &mut Rng) -> Option<kv::Condition> {
    match rng.below(6) {
        0 => Some(kv::Condition::absent()),
        1 => Some(kv::Condition::present()),
        2 => Some(kv::Condition::version(draw::version(rng))),
        _ => None,
    }
}

pub fn kv_command(rng: &mut Rng) -> Vec<u8> {
    if rng.below(8) == 0 {
        return kv::Command::expire(Timestamp(draw::number(rng, 1 << 41))).encode_to_vec();
    }
    let operations = draw::many(rng, 4, |rng| {
        let (key, condition) = (draw::key(rng), condition(rng));
        match rng.below(3) {
            0 => kv::Operation::from(kv::Delete { key, condition }),
            _ => {
                let ttl_ms = draw::number(rng, 100);
                kv::Operation::from(kv::Put { key, value: draw::bytes(rng, 48), ttl_ms, condition })
            }
        }
    });
    kv::Command::batch(operations).encode_to_vec()
}

fn kv_query(rng: &mut Rng) -> Vec<u8> {
    let key = draw::key(rng);
    let limit = draw::number(rng, 5) as u32;
    let query: kv::Query = match rng.below(3) {
        0 => kv::Get { key }.into(),
        1 => kv::History { key, before: draw::version_bytes(rng), limit }.into(),
        _ => {
            let (end, after) = (draw::bytes(rng, 2), draw::bytes(rng, 2));
            kv::Scan { start: key, end, limit, after, keys_only: draw::coin(rng) }.into()
        }
    };
    query.encode_to_vec()
}

pub fn counter_command(rng: &mut Rng) -> Vec<u8> {
    counter::Command { name: draw::key(rng), by: draw::number(rng, 9) as i64 }.encode_to_vec()
}

fn counter_query(rng: &mut Rng) -> Vec<u8> {
    counter::Query { name: draw::key(rng) }.encode_to_vec()
}

/// An engine on which some commands were carried out.
fn engine(program: Program) -> Result<MemEngine, String> {
    let mut rng = Rng::new(3);
    let mut engine = MemEngine::new();
    let commands = if program == Program::Coordination { 20 } else { 4 };
    for index in 1..=commands {
        let command = match program {
            Program::Kv => kv_command(&mut rng),
            Program::Counter => counter_command(&mut rng),
            Program::Coordination => coordination::command(&mut rng),
        };
        apply(program, &command.into(), &mut engine, index)?;
    }
    Ok(engine)
}

fn apply(
    program: Program,
    command: &Bytes,
    engine: &mut MemEngine,
    index: u64,
) -> Result<Bytes, String> {
    let timestamp = Timestamp::new(1_000 + index, 0);
    let version = Version { incarnation: Incarnation(1), timestamp, index };
    let history = program != Program::Coordination;
    let mut pending = Pending::new(&*engine, Space::new(ShardId(2), 0), history, 0);
    let reply = layers::apply(program, command, &mut pending.view(version), None);
    let batch = pending.into_batch();
    engine.write(batch).map_err(|error| error.to_string())?;
    reply.map_err(|error| error.to_string())
}

fn commanded(program: Program, bytes: &[u8]) -> Fed {
    let command = Bytes::copy_from_slice(bytes);
    let accepted = layers::check(program, &command).is_ok();
    let _ = layers::frees(program, &command);
    let reply = apply(program, &command, &mut engine(program)?, 50)?;
    let replied = match program {
        Program::Kv => kv::Reply::read(&reply).map(drop),
        Program::Counter => counter::Reply::read(&reply).map(drop),
        Program::Coordination => etcd::Reply::read(&reply).map(drop),
    };
    replied.map_err(|error| format!("the reply does not decode: {error}"))?;
    if let (Program::Kv, Ok(read)) = (program, kv::Command::read(&command)) {
        same("command", &Ok(read.clone()), &kv::Command::read(&read.encode_to_vec().into()))?;
    }
    if let (Program::Coordination, Ok(read)) = (program, etcd::Command::read(&command)) {
        same("command", &Ok(read.clone()), &etcd::Command::read(&read.encode_to_vec().into()))?;
        followed(&read, &command, &reply)?;
    }
    Ok(accepted)
}

/// What is followed of leases is what the command asked for.
fn followed(command: &etcd::Command, bytes: &Bytes, reply: &Bytes) -> Result<(), String> {
    use etcd::Act;
    let asked: Vec<i64> = match &command.act {
        Some(Act::LeaseGrant(request)) if request.id == 0 => return Ok(()),
        Some(Act::LeaseGrant(request)) => vec![request.id],
        Some(Act::LeaseRevoke(request)) => vec![request.id],
        Some(Act::LeaseRenew(request)) => request.ids.clone(),
        Some(Act::LeaseExpire(request)) => request.overdue.iter().map(|lease| lease.id).collect(),
        _ => Vec::new(),
    };
    let imports = matches!(command.act, Some(Act::Import(_)));
    let about = |change| match change {
        etcd::LeaseChange::Live(record) => Some(record.id),
        etcd::LeaseChange::Ended(id) => Some(id),
        etcd::LeaseChange::Imported => (!imports).then_some(0),
    };
    let changed = etcd::lease_changes(50, bytes, reply).into_iter().filter_map(about);
    match changed.into_iter().find(|id| !asked.contains(id)) {
        Some(id) => Err(format!("lease {id} changed, nobody asked for that")),
        None => Ok(()),
    }
}

fn queried(program: Program, bytes: &[u8]) -> Fed {
    let query = Bytes::copy_from_slice(bytes);
    let engine = engine(program)?;
    let space = Space::new(ShardId(2), 0);
    let version =
        Version { incarnation: Incarnation(1), timestamp: Timestamp::new(1_003, 0), index: 3 };
    let mut readers = vec![Reader::latest(&engine, space)];
    // A program that keeps its own past has none in the store.
    readers.extend((program != Program::Coordination).then(|| Reader::at(&engine, space, version)));
    for reader in readers {
        match layers::query(program, &query, &reader) {
            Err(_) => return Ok(false),
            Ok(Err(error)) => return Err(format!("a healthy engine: {error}")),
            Ok(Ok(reply)) => {
                let replied = match program {
                    Program::Kv => kv::QueryReply::read(&reply).map(drop),
                    Program::Counter => counter::Reply::read(&reply).map(drop),
                    Program::Coordination => etcd::QueryReply::read(&reply).map(drop),
                };
                replied.map_err(|error| format!("the answer does not decode: {error}"))?;
                let _ = etcd::timed(&reply);
            }
        }
    }
    Ok(true)
}

fn replies(rng: &mut Rng) -> Vec<u8> {
    let version = draw::version_bytes(rng);
    match rng.below(4) {
        3 => coordination::reply(rng),
        0 => {
            let outcomes = draw::many(rng, 4, |rng| kv::Outcome {
                existed: draw::coin(rng),
                previous: draw::version_bytes(rng),
            });
            let (status, conflict) = (draw::number(rng, 3) as i32, draw::number(rng, 4) as u32);
            kv::Reply { status, version, outcomes, conflict }.encode_to_vec()
        }
        1 => {
            let items = draw::many(rng, 4, |rng| kv::Item {
                key: draw::key(rng),
                value: draw::bytes(rng, 16),
                version: draw::version_bytes(rng),
                deadline: draw::number(rng, 99),
                until: draw::version_bytes(rng),
            });
            kv::QueryReply { items, more: draw::coin(rng) }.encode_to_vec()
        }
        _ => {
            let (status, value) = (draw::number(rng, 2) as i32, draw::number(rng, 9) as i64);
            counter::Reply { status, value, version }.encode_to_vec()
        }
    }
}

fn feed_replies(bytes: &[u8]) -> Fed {
    let bytes = Bytes::copy_from_slice(bytes);
    let reply = kv::Reply::read(&bytes);
    if let Ok(reply) = &reply {
        same("reply", &Ok(reply.clone()), &kv::Reply::read(&reply.encode_to_vec().into()))?;
    }
    let page = kv::QueryReply::read(&bytes);
    if let Ok(page) = &page {
        same("page", &Ok(page.clone()), &kv::QueryReply::read(&page.encode_to_vec().into()))?;
    }
    let reply_of_etcd = etcd::Reply::read(&bytes);
    if let Ok(reply) = &reply_of_etcd {
        let again = etcd::Reply::read(&reply.encode_to_vec().into());
        same("coordination reply", &Ok(reply.clone()), &again)?;
    }
    let answer = etcd::QueryReply::read(&bytes);
    if let Ok(answer) = &answer {
        let again = etcd::QueryReply::read(&answer.encode_to_vec().into());
        same("coordination answer", &Ok(answer.clone()), &again)?;
    }
    let coordinates = reply_of_etcd.is_ok() || answer.is_ok();
    Ok(coordinates || reply.is_ok() || page.is_ok() || counter::Reply::read(&bytes).is_ok())
}
