//! What became of a request.

use bytes::Bytes;
use client::document::{self, FateKind};
use contract::Program;
use database::api::{Done, Fate, Keyspace};
use kernel::{RequestId, Version};

use super::super::{Problem, Response};
use super::{counter, json, kv};

pub fn render(id: &RequestId, fate: Fate, keyspaces: &[Keyspace]) -> Result<Response, Problem> {
    let blank = |fate| document::Fate {
        request_id: id.to_string(),
        fate,
        receipt: None,
        keyspace: None,
        version: None,
        value: None,
        code: None,
    };
    let document = match fate {
        Fate::NotDone => blank(FateKind::NotDone),
        Fate::UnknownYet => blank(FateKind::UnknownYet),
        Fate::Done(done) => answered(&done, keyspaces, blank(FateKind::Done))?,
    };
    Ok(json(200, &document))
}

/// The lost answer. The shard tells the keyspace, the keyspace the program, the program how to
/// read the reply; of a keyspace dropped since, only the receipt is left.
fn answered(
    done: &Done,
    keyspaces: &[Keyspace],
    blank: document::Fate,
) -> Result<document::Fate, Problem> {
    let receipt = Some(done.receipt.header());
    let Some(keyspace) = keyspaces.iter().find(|k| k.shards.contains(&done.shard)) else {
        return Ok(document::Fate { receipt, ..blank });
    };
    let (result, value) = match keyspace.contract.program {
        Program::Kv => (kv::carried_out(done).map(|reply| reply.version), None),
        Program::Counter => match counter::carried_out(done) {
            Ok(reply) => (Ok(reply.version), Some(reply.value)),
            Err(problem) => (Err(problem), None),
        },
        // What became of it is told by the gateway that speaks its protocol.
        Program::Coordination => (Ok(Bytes::new()), None),
    };
    let keyspace = Some(keyspace.name.clone());
    match result {
        Ok(version) => {
            let version = Version::from_bytes(&version).map(|version| version.to_string());
            Ok(document::Fate { receipt, keyspace, version, value, ..blank })
        }
        Err(problem) if problem.code.status < 500 => {
            let code = Some(problem.code.name.into());
            Ok(document::Fate { receipt, keyspace, code, ..blank })
        }
        Err(problem) => Err(problem),
    }
}
