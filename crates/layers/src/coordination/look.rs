//! Reading, wherever it is read from: the view of a command, the state that a query asks, or a
//! draft that is not committed yet.

use alloc::{collections::VecDeque, vec::Vec};
use core::ops::Bound;

use bytes::Bytes;
use store::{
    engine::{EngineError, Read, ScanRange},
    mvcc::Reader,
    view::View,
};

/// An ordered map to read.
pub(super) trait Look {
    /// The value of a key.
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// The first `limit` keys and values of an ascending range.
    fn scan(&mut self, range: &ScanRange, limit: usize)
    -> Result<Vec<(Bytes, Bytes)>, EngineError>;
}

/// The view of a command.
pub(super) struct Live<'v>(pub &'v mut dyn View);

impl Look for Live<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(key)?.map(|stored| stored.value))
    }

    fn scan(
        &mut self,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, EngineError> {
        let found = self.0.scan(range.clone(), limit)?;
        Ok(found.into_iter().map(|(key, stored)| (key, stored.value)).collect())
    }
}

/// The state that a query asks.
pub(super) struct Kept<'r, 'e, R: Read>(pub &'r Reader<'e, R>);

impl<R: Read> Look for Kept<'_, '_, R> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(key)?.map(|stored| stored.value))
    }

    fn scan(
        &mut self,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, EngineError> {
        let found = self.0.entries(range).take(limit);
        found.map(|entry| entry.map(|(key, stored)| (key, stored.value))).collect()
    }
}

/// Keys and values of one page.
const PAGE: usize = 256;

/// A walk through an ascending range, a page at a time.
pub(super) struct Pages {
    range: ScanRange,
    page: VecDeque<(Bytes, Bytes)>,
    last: bool,
}

impl Pages {
    pub(super) fn new(range: ScanRange) -> Pages {
        Pages { last: range.is_empty(), range, page: VecDeque::new() }
    }

    /// What comes next, if anything does.
    pub(super) fn peek(
        &mut self,
        look: &mut dyn Look,
    ) -> Result<Option<&(Bytes, Bytes)>, EngineError> {
        if self.page.is_empty() && !self.last {
            self.page = look.scan(&self.range, PAGE)?.into();
            self.last = self.page.len() < PAGE;
            if let Some((key, _)) = self.page.back() {
                self.range.start = Bound::Excluded(key.clone());
            }
        }
        Ok(self.page.front())
    }

    pub(super) fn next(
        &mut self,
        look: &mut dyn Look,
    ) -> Result<Option<(Bytes, Bytes)>, EngineError> {
        self.peek(look)?;
        Ok(self.page.pop_front())
    }

    /// Leaves out what lies before a key. What lies on no page yet is never read.
    pub(super) fn skip_to(&mut self, key: Bytes) {
        while self.page.front().is_some_and(|(next, _)| *next < key) {
            self.page.pop_front();
        }
        if self.page.is_empty() && !self.last {
            self.range.start = Bound::Included(key);
            self.last = self.range.is_empty();
        }
    }
}
