//! Raft's records as the journal keeps them.
//!
//! The journal keeps only the newest `State` record of a shard, so a state record holds both
//! things that Raft writes separately: the hard state and the standing.

use bytes::Bytes;
use kernel::{NodeId, ShardId};
use prost::Message;
use raft::{Record, Standing};
use store::journal::{self, RecordKind, Span};

use crate::shard::Shard;

#[derive(Clone, PartialEq, Message)]
struct State {
    #[prost(bytes = "bytes", tag = "1")]
    hard: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    standing: Bytes,
}

/// The journal's record for Raft's.
#[must_use]
pub fn to_journal(shard: &Shard, record: &Record) -> journal::Record {
    let standing = if shard.sound { Standing::Sound } else { Standing::Amnesiac };
    of(shard.id, shard.hard, standing, record)
}

/// The same, of a replica that does not run: with its term, its vote, and whether it is sound.
#[must_use]
pub fn of(
    shard: ShardId,
    (term, vote): (u64, NodeId),
    standing: Standing,
    record: &Record,
) -> journal::Record {
    let (kind, span, body) = match record {
        Record::HardState { .. } | Record::Standing { .. } => {
            let state = State {
                hard: Record::HardState { term, vote }.encode(),
                standing: Record::Standing { standing }.encode(),
            };
            (RecordKind::State, None, state.encode_to_vec().into())
        }
        Record::Append { entries } => {
            let first = entries.first().map_or(0, |entry| entry.index);
            let last = entries.last().map_or(0, |entry| entry.index);
            let term = entries.first().map_or(0, |entry| entry.term);
            (RecordKind::Append, Some(Span { first, last, term }), record.encode())
        }
        Record::Fill { entries } => {
            let first = entries.first().map_or(0, |entry| entry.index);
            let last = entries.last().map_or(0, |entry| entry.index);
            let term = entries.first().map_or(0, |entry| entry.term);
            (RecordKind::Fill, Some(Span { first, last, term }), record.encode())
        }
        Record::Snapshot { meta } | Record::Compacted { meta } => {
            let span = Span { first: meta.index, last: meta.index, term: meta.term };
            (RecordKind::Base, Some(span), record.encode())
        }
    };
    journal::Record { shard, kind, span, body }
}

/// Raft's records of a journal's; none if the bytes make no sense.
#[must_use]
pub fn from_journal(record: &journal::Record) -> alloc::vec::Vec<Record> {
    let decode = |bytes: &Bytes| Record::decode(bytes.clone()).ok();
    match record.kind {
        RecordKind::State => {
            let Ok(state) = State::decode(record.body.clone()) else { return alloc::vec![] };
            [decode(&state.hard), decode(&state.standing)].into_iter().flatten().collect()
        }
        // The journal gives a fill back in the place of the append that was lost.
        RecordKind::Append | RecordKind::Fill => {
            // What a later append replaced is void, even if that one is gone.
            let last = record.span.map_or(u64::MAX, |span| span.last);
            let Some(Record::Append { mut entries } | Record::Fill { mut entries }) =
                decode(&record.body)
            else {
                return alloc::vec![];
            };
            entries.retain(|entry| entry.index <= last);
            alloc::vec![Record::Append { entries }]
        }
        RecordKind::Base => decode(&record.body).into_iter().collect(),
        _ => alloc::vec![],
    }
}
