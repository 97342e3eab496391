//! The table of outcomes: what became of each request id.
//!
//! It is part of the replicated state, so that a repeat is recognised by any leader, after any
//! restart and after any snapshot. It is bounded by count, bytes and age; all three are judged by
//! the log alone, so that every replica forgets the same outcomes at the same index.
//!
//! Nearly every request is new, so what matters is to learn cheaply that an id is unknown, and to
//! write outcomes cheaply. The engine holds *pages* of outcomes in log order; which page may hold
//! an id is kept in memory and built again from the pages when the replica is opened.
//!
//! ```text
//!   memory   (hash of id, page) …                    pages, oldest first
//!   engine   page 1 ▸ out out out │ page 65 ▸ out out out │ page 129 ▸ out …
//!            └ forgotten as a whole                          └ still being filled
//! ```

mod hints;
mod page;
#[cfg(test)]
mod tests;

use alloc::{collections::VecDeque, vec::Vec};

use bytes::Bytes;
use kernel::{Version, bug, limit};
use prost::Message;
use store::{
    engine::{EngineError, Read, ScanRange},
    mvcc::{Pending, Space, Table},
};

use hints::Hints;
use page::{Page, Wire, damaged};

/// The table of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    hints: Hints,
    /// Every page, oldest first. The last may take more.
    pages: VecDeque<Page>,
    /// The hash of every id, in the order of the pages: a page is forgotten without being read.
    hashes: VecDeque<u64>,
    /// The content of the last page, and whether the engine is yet to get it.
    last: Vec<u8>,
    changed: bool,
    bytes: u64,
    salt: u64,
}

/// At most so many pages are forgotten per command, so that none takes long.
const FORGET_MAX: usize = 4;

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

impl Outcomes {
    /// An empty table. The salt is this replica's own: so nobody can choose ids that fall on each
    /// other.
    #[must_use]
    pub fn new(salt: u64) -> Outcomes {
        Outcomes { salt, ..Outcomes::default() }
    }

    /// Builds the table of a space from its pages.
    ///
    /// # Errors
    /// If the engine fails or a page makes no sense.
    pub fn load<R: Read>(engine: &R, space: &Space, salt: u64) -> Result<Outcomes, EngineError> {
        let mut outcomes = Outcomes::new(salt);
        for pair in engine.scan(space.table_range(Table::OutcomePage, &ScanRange::all())) {
            let (key, value) = pair?;
            let first = Space::rest(&key).first_chunk().copied().ok_or_else(damaged)?;
            outcomes.open_page(u64::from_be_bytes(first));
            outcomes.last.extend_from_slice(&value);
            for wire in Page::parse(value)? {
                let (id, len) = (wire.id.clone(), delimited_len(&wire));
                outcomes.count_in(&id, len, wire.found()?.version.timestamp.millis());
            }
        }
        outcomes.changed = false;
        Ok(outcomes)
    }

    /// What became of a request.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn find<R: Read>(
        &self,
        pending: &Pending<'_, R>,
        id: &Bytes,
    ) -> Result<Option<Found>, EngineError> {
        if bug::planted(bug::Bug::OutcomeIgnored) {
            return Ok(None);
        }
        // A hash may stand for several ids: the newest page that really has the id decides.
        for first in self.hints.pages(self.hash(id)) {
            let page = self.page(pending, first)?;
            let found = Page::parse(page)?.into_iter().rfind(|wire| wire.id == id);
            if let Some(wire) = found {
                return wire.found().map(Some);
            }
        }
        Ok(None)
    }

    /// Keeps an outcome and forgets the oldest beyond the bounds.
    pub fn keep<R: Read>(
        &mut self,
        pending: &mut Pending<'_, R>,
        id: &Bytes,
        found: &Found,
        bounds: &Bounds,
    ) {
        if self.pages.back().is_none_or(Page::full) {
            self.write(pending);
            self.open_page(found.version.index);
        }
        let before = self.last.len();
        page::add(&mut self.last, id, found);
        pending.kept(id, &self.last[before..]);
        let now_ms = found.version.timestamp.millis();
        self.count_in(id, self.last.len() - before, now_ms);
        self.changed = true;
        self.forget(pending, now_ms, bounds);
    }

    /// Gives the engine the page that is being filled.
    pub fn write<R: Read>(&mut self, pending: &mut Pending<'_, R>) {
        if let (true, Some(page)) = (self.changed, self.pages.back()) {
            let value = Bytes::copy_from_slice(&self.last);
            pending.put_raw(Table::OutcomePage, &Page::key(page.first), value);
            self.changed = false;
        }
    }

    /// How many outcomes are kept, and how many bytes they hold.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        (self.count(), self.bytes)
    }

    fn count(&self) -> u64 {
        self.hashes.len() as u64
    }

    fn open_page(&mut self, first: u64) {
        self.pages.push_back(Page { first, ..Page::default() });
        self.last.clear();
    }

    fn count_in(&mut self, id: &Bytes, len: usize, at_ms: u64) {
        let Some(page) = self.pages.back_mut() else { return };
        page.count += 1;
        page.bytes += len;
        page.newest_ms = page.newest_ms.max(at_ms);
        let first = page.first;
        self.bytes += len as u64;
        let hash = self.hash(id);
        self.hashes.push_back(hash);
        self.hints.insert(hash, first);
    }

    fn page<R: Read>(&self, pending: &Pending<'_, R>, first: u64) -> Result<Bytes, EngineError> {
        match self.pages.back() {
            Some(last) if last.first == first => Ok(Bytes::copy_from_slice(&self.last)),
            _ => pending.get_raw(Table::OutcomePage, &Page::key(first))?.ok_or_else(damaged),
        }
    }

    /// Forgets the oldest pages beyond the bounds, as wholes.
    fn forget<R: Read>(&mut self, pending: &mut Pending<'_, R>, now_ms: u64, bounds: &Bounds) {
        for _ in 0..FORGET_MAX {
            let Some(oldest) = self.pages.front().filter(|_| self.pages.len() > 1) else { break };
            let over = self.count() > bounds.count_max || self.bytes > bounds.bytes_max.0;
            let old = oldest.newest_ms.saturating_add(bounds.window_ms) < now_ms;
            if !over && !old {
                break;
            }
            kernel::sometimes!("outcomes: some were forgotten");
            let (first, count) = (oldest.first, oldest.count);
            self.hashes.drain(..count).for_each(|hash| self.hints.remove(hash, first));
            self.bytes -= oldest.bytes as u64;
            self.pages.pop_front();
            pending.delete_raw(Table::OutcomePage, &Page::key(first));
            pending.forgotten(&Page::key(first));
        }
    }

    /// FNV-1a (Fowler, Noll, Vo) from a private start, mixed at the end.
    fn hash(&self, id: &[u8]) -> u64 {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = id.iter().fold(0xcbf2_9ce4_8422_2325 ^ self.salt, fold);
        (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

fn delimited_len(wire: &Wire) -> usize {
    let len = wire.encoded_len();
    len + prost::length_delimiter_len(len)
}
