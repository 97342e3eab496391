//! Imports: leases and keys arrive in pieces, with the revisions that they had elsewhere.
//!
//! ```text
//!   piece        at 0 ─────▶ at 3 ─────▶ at 7 … last
//!   leases, keys l l l       k k k k     k k
//!   keyspace     closed ────────────────────────────▶ open at `revision`, compacted there
//! ```
//!
//! Clients hold on to revisions: they compare the one that set a key, and watch from the one they
//! have seen. So a key keeps its numbers, and the keyspace goes on counting where the other store
//! stood. What came before is not brought along, and answers as compacted.
//!
//! Only an empty keyspace takes an import, and nothing else happens in it before the last piece. A
//! piece says how many leases and keys lie before it, and the record of the import how many are
//! there: one that is repeated skips what it brought, one that left something out is refused, and
//! whoever was interrupted asks with an empty piece where to go on.

use bytes::Bytes;
use prost::Message;

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys, lease,
    limits::{LEASE_TTL_MAX_S, LEASE_TTL_MIN_S, LEASES_MAX},
    log::Change,
    look::Look,
    meta::{decode, encode},
    wire::{ImportRequest, ImportResponse, KeyValue, LeaseRecord, ResponseHeader},
};

/// How far an import has come.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(bytes = "bytes", tag = "1")]
    source: Bytes,
    #[prost(int64, tag = "2")]
    revision: i64,
    /// Leases and keys that are there.
    #[prost(uint64, tag = "3")]
    done: u64,
    #[prost(int64, tag = "4")]
    last_lease: i64,
    #[prost(bytes = "bytes", tag = "5")]
    last_key: Bytes,
    /// Changes of the last revision.
    #[prost(uint32, tag = "6")]
    changes: u32,
    #[prost(bool, tag = "7")]
    finished: bool,
}

/// Takes a piece, which has this index in the log.
pub(super) fn import(
    draft: &mut Draft<'_>,
    request: &ImportRequest,
    index: u64,
) -> Result<ImportResponse, Stop> {
    let mut record = begin(draft, request)?;
    if !record.finished {
        let skip = record.done.checked_sub(request.at).ok_or(Error::ImportOutOfPlace)?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        for one in request.leases.iter().skip(skip) {
            record.lease(draft, one, index)?;
        }
        for one in request.kvs.iter().skip(skip.saturating_sub(request.leases.len())) {
            record.key(draft, one)?;
        }
        if request.last {
            record.finish(draft, request)?;
        }
        draft.set(keys::IMPORT.to_vec().into(), Some(encode(&record)));
    }
    let Record { done, finished, .. } = record;
    Ok(ImportResponse { header: ResponseHeader::at(draft.revision()), done, finished })
}

/// Goes on with an import, or begins one if nothing was ever here.
fn begin(draft: &mut Draft<'_>, request: &ImportRequest) -> Result<Record, Stop> {
    let record = draft.get(&keys::IMPORT)?.map(decode::<Record>).transpose()?;
    let same = |of: &Record| of.source == request.source && of.revision == request.revision;
    if let Some(record) = record.filter(same) {
        return Ok(record);
    }
    let meta = draft.before();
    if meta.importing {
        return Err(Error::Importing.into());
    }
    if meta.revision > 1 || meta.leases > 0 {
        return Err(Error::NotEmpty.into());
    }
    draft.touch().importing = true;
    let (source, revision) = (request.source.clone(), request.revision);
    Ok(Record { source, revision, ..Record::default() })
}

impl Record {
    fn lease(
        &mut self,
        draft: &mut Draft<'_>,
        lease: &LeaseRecord,
        renewal: u64,
    ) -> Result<(), Stop> {
        let behind = self.last_lease == 0 || lease.id as u64 > self.last_lease as u64;
        if !behind || !self.last_key.is_empty() {
            return Err(Error::ImportOutOfPlace.into());
        }
        if draft.before().leases >= LEASES_MAX {
            return Err(Error::TooManyLeases.into());
        }
        let ttl = lease.ttl.clamp(LEASE_TTL_MIN_S, LEASE_TTL_MAX_S);
        let remaining_ttl = lease.remaining_ttl.clamp(0, ttl);
        lease::save(draft, LeaseRecord { id: lease.id, ttl, remaining_ttl, renewal });
        draft.touch().leases += 1;
        self.last_lease = lease.id;
        self.done += 1;
        Ok(())
    }

    fn key(&mut self, draft: &mut Draft<'_>, kv: &KeyValue) -> Result<(), Stop> {
        if kv.key <= self.last_key {
            return Err(Error::ImportOutOfPlace.into());
        }
        let stored = KeyValue { key: Bytes::new(), ..kv.clone() };
        draft.insert(keys::current(&kv.key), encode(&stored));
        if kv.lease != 0 {
            // Also if there is no such lease: whoever grants one of this id gets the key with it,
            // as in etcd.
            draft.insert(keys::attached(kv.lease, &kv.key), Bytes::new());
        }
        if kv.mod_revision == self.revision {
            // The revision that the keyspace stands at can be watched, as after a compaction.
            let change = Change::new(kv.key.clone(), Some(&stored), true);
            draft.insert(keys::revision(self.revision, self.changes), encode(&change));
            self.changes = self.changes.saturating_add(1);
        }
        self.last_key = kv.key.clone();
        self.done += 1;
        Ok(())
    }

    /// Opens the keyspace, if all is there that the last piece knows of.
    fn finish(&mut self, draft: &mut Draft<'_>, request: &ImportRequest) -> Result<(), Stop> {
        let items = request.leases.len().saturating_add(request.kvs.len());
        if request.at.checked_add(items as u64) != Some(self.done) {
            return Err(Error::ImportOutOfPlace.into());
        }
        self.finished = true;
        let meta = draft.touch();
        (meta.revision, meta.compacted) = (self.revision, self.revision);
        (meta.swept, meta.swept_sub) = (self.revision.saturating_add(1), 0);
        meta.importing = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_golden() {
        let (source, last_key) = (Bytes::from_static(b"s"), Bytes::from_static(b"k"));
        let record = Record {
            source,
            revision: 9,
            done: 3,
            last_lease: 7,
            last_key,
            changes: 1,
            finished: true,
        };
        let bytes = encode(&record);
        assert_eq!(bytes, &[10, 1, b's', 16, 9, 24, 3, 32, 7, 42, 1, b'k', 48, 1, 56, 1][..]);
        assert_eq!(decode::<Record>(bytes), Ok(record));
    }
}
