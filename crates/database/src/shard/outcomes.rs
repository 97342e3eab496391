//! The table of outcomes: what became of each request id.
//!
//! It is part of the replicated state, so that a repeat is recognised by any leader, after any
//! restart and after any snapshot. It is bounded by count, bytes and age; all three are judged by
//! the log alone, so that every replica forgets the same outcomes at the same index.
//!
//! ```text
//!   Outcome       request id            ─▶ version, fingerprint, reply | cancelled
//!   OutcomeQueue  timestamp, index      ─▶ request id, bytes            oldest first
//! ```

use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;
use kernel::{Version, bug, clock::hybrid::Timestamp, limit};
use prost::Message;
use store::{
    engine::{EngineError, Read, ScanRange},
    mvcc::{Pending, Table},
};

/// Size and oldest end of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// How many outcomes are kept.
    pub count: u64,
    /// How many bytes they hold.
    pub bytes: u64,
    /// The queue key up to which outcomes were forgotten: the next search starts behind it.
    pub oldest: Bytes,
}

/// What bounds the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Outcomes kept at most.
    pub count_max: u64,
    /// Bytes kept at most.
    pub bytes_max: limit::Bytes,
    /// Milliseconds for which an outcome stays known.
    pub window_ms: u64,
}

/// A kept outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The version of the write.
    pub version: Version,
    /// What tells its command from another.
    pub fingerprint: u32,
    /// The reply; `None` if the request was declared not done.
    pub reply: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(bytes = "bytes", tag = "1")]
    version: Bytes,
    #[prost(fixed32, tag = "2")]
    fingerprint: u32,
    #[prost(bytes = "bytes", optional, tag = "3")]
    reply: Option<Bytes>,
}

/// At most so many outcomes are forgotten per command, so that none takes long.
const FORGET_MAX: usize = 8;

impl Outcomes {
    /// What became of a request.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn find<R: Read>(
        pending: &Pending<'_, R>,
        id: &Bytes,
    ) -> Result<Option<Found>, EngineError> {
        if bug::planted(bug::Bug::OutcomeIgnored) {
            return Ok(None);
        }
        let Some(bytes) = pending.get_raw(Table::Outcome, id)? else { return Ok(None) };
        let damaged = || EngineError::Corrupt("an outcome".into());
        let wire = Wire::decode(bytes).map_err(|_| damaged())?;
        let version = Version::from_bytes(&wire.version).ok_or_else(damaged)?;
        Ok(Some(Found { version, fingerprint: wire.fingerprint, reply: wire.reply }))
    }

    /// Keeps an outcome and forgets the oldest beyond the bounds.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn keep<R: Read>(
        &mut self,
        pending: &mut Pending<'_, R>,
        id: &Bytes,
        found: &Found,
        bounds: &Bounds,
    ) -> Result<(), EngineError> {
        let wire = Wire {
            version: Bytes::copy_from_slice(&found.version.to_bytes()),
            fingerprint: found.fingerprint,
            reply: found.reply.clone(),
        };
        let body: Bytes = wire.encode_to_vec().into();
        let size = (id.len() + body.len()) as u64;
        pending.put_raw(Table::Outcome, id, body);
        let key = queue_key(found.version.timestamp, found.version.index);
        if self.oldest.is_empty() {
            self.oldest = before(found.version.timestamp, found.version.index);
        }
        pending.put_raw(Table::OutcomeQueue, &key, queued(id, size));
        self.count += 1;
        self.bytes += size;
        self.forget(pending, found.version.timestamp, bounds)
    }

    fn forget<R: Read>(
        &mut self,
        pending: &mut Pending<'_, R>,
        now: Timestamp,
        bounds: &Bounds,
    ) -> Result<(), EngineError> {
        let horizon = Timestamp::new(now.millis().saturating_sub(bounds.window_ms), 0);
        if self.count <= bounds.count_max && self.bytes <= bounds.bytes_max.0 && !self.due(horizon)
        {
            return Ok(());
        }
        let range = ScanRange {
            start: Bound::Excluded(self.oldest.clone()),
            end: Bound::Unbounded,
            reverse: false,
        };
        for (key, value) in pending.scan_raw(Table::OutcomeQueue, &range, FORGET_MAX)? {
            let over = self.count > bounds.count_max || self.bytes > bounds.bytes_max.0;
            let (at, index) = parse(&key);
            if !over && at >= horizon {
                self.oldest = before(at, index);
                break;
            }
            kernel::sometimes!("outcomes: one was forgotten");
            let (id, size) = unqueued(&value);
            pending.delete_raw(Table::Outcome, &id);
            pending.delete_raw(Table::OutcomeQueue, &key);
            self.count = self.count.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(size);
            self.oldest = key;
        }
        Ok(())
    }

    /// Whether the oldest outcome may have passed the horizon: a look at the queue costs a seek,
    /// so it is taken only once per second of log time.
    fn due(&self, horizon: Timestamp) -> bool {
        parse(&self.oldest).0.millis() + 1_000 < horizon.millis()
    }
}

fn queue_key(at: Timestamp, index: u64) -> Bytes {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&at.0.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    Bytes::copy_from_slice(&key)
}

/// The key just before that of this outcome: where the search for the oldest begins.
fn before(at: Timestamp, index: u64) -> Bytes {
    queue_key(at, index.saturating_sub(1))
}

fn parse(key: &[u8]) -> (Timestamp, u64) {
    let word = |at: usize| {
        let bytes = key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(u64::MAX, u64::from_be_bytes)
    };
    (Timestamp(word(0)), word(8))
}

fn queued(id: &Bytes, size: u64) -> Bytes {
    let mut value = Vec::with_capacity(8 + id.len());
    value.extend_from_slice(&size.to_be_bytes());
    value.extend_from_slice(id);
    value.into()
}

fn unqueued(value: &Bytes) -> (Bytes, u64) {
    match value.first_chunk::<8>() {
        Some(size) => (value.slice(8..), u64::from_be_bytes(*size)),
        None => (Bytes::new(), 0),
    }
}
