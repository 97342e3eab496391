//! Messages and records of Raft.

use kernel::Rng;
use prost::Message as _;
use raft::{Message, Record, Standing};

use super::message;
use crate::{
    Fed, Memory, Target, draw,
    target::{as_it_is, same},
};

/// An empty entry is two bytes on the wire and some sixty in memory, in vectors that double.
const MEMORY: Memory = Memory { base: 4 << 10, per_byte: 128 };

pub const TARGETS: [Target; 2] = [
    Target {
        name: "raft-message",
        sample: |rng| message::raft(rng).encode_to_vec(),
        mend: as_it_is,
        words: &[],
        feed: feed_message,
        memory: MEMORY,
    },
    Target {
        name: "raft-record",
        sample: |rng| record(rng).encode().to_vec(),
        mend: as_it_is,
        words: &[],
        feed: feed_record,
        memory: MEMORY,
    },
];

fn feed_message(bytes: &[u8]) -> Fed {
    let Ok(message) = Message::decode(bytes) else { return Ok(false) };
    let again = Message::decode(&message.encode_to_vec()[..]).map_err(|e| e.to_string())?;
    same("message", &message, &again)?;
    if let Some(raft::Body::Append(append)) = &message.body {
        for membership in append.entries.iter().filter_map(raft::Entry::as_membership) {
            let decides = membership.has_majority(|_| false);
            if membership.is_valid() && decides {
                return Err("a majority without a voter".into());
            }
        }
    }
    Ok(true)
}

/// A record of any kind.
pub fn record(rng: &mut Rng) -> Record {
    match rng.below(5) {
        0 => {
            let vote = kernel::NodeId(draw::number(rng, 4));
            Record::HardState { term: draw::number(rng, 5), vote }
        }
        1 => {
            let first = draw::number(rng, 6);
            let count = rng.range(1, 4);
            let indexes = (0..count).map(|at| first.wrapping_add(at)).collect::<Vec<_>>();
            let entries = indexes.into_iter().map(|at| message::log_entry(rng, at)).collect();
            Record::Append { entries }
        }
        2 => Record::Snapshot { meta: message::meta(rng).into() },
        3 => Record::Compacted { meta: message::meta(rng).into() },
        _ if draw::coin(rng) => Record::Standing { standing: Standing::Sound },
        _ => Record::Standing { standing: Standing::Amnesiac },
    }
}

fn feed_record(bytes: &[u8]) -> Fed {
    let Ok(record) = Record::decode(bytes) else { return Ok(false) };
    let again = Record::decode(record.encode()).map_err(|e| e.to_string())?;
    same("record", &record, &again)?;
    let mut start = raft::Start::joining();
    start.replay(record);
    Ok(true)
}
