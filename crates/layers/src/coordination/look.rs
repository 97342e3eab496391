//! Reading, wherever it is read from: the view of a command, the state that a query asks, or a
//! draft that is not committed yet.

use alloc::{boxed::Box, collections::VecDeque};
use core::ops::Bound;

use bytes::Bytes;
use store::{
    engine::{EngineError, Read, Scan, ScanRange},
    mvcc::{Reader, Stored},
    view::View,
};

/// An ordered map to read.
pub(super) trait Look {
    /// The value of a key.
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// The keys and values of an ascending range, read as they are asked for.
    fn scan(&mut self, range: &ScanRange) -> Scan<'_>;
}

/// The view of a command.
pub(super) struct Live<'v>(pub &'v mut dyn View);

impl Look for Live<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(key)?.map(|stored| stored.value))
    }

    fn scan(&mut self, range: &ScanRange) -> Scan<'_> {
        Box::new(self.0.scan(range.clone()).map(value))
    }
}

/// The state that a query asks.
pub(super) struct Kept<'r, 'e, R: Read>(pub &'r Reader<'e, R>);

impl<R: Read> Look for Kept<'_, '_, R> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(key)?.map(|stored| stored.value))
    }

    fn scan(&mut self, range: &ScanRange) -> Scan<'_> {
        Box::new(self.0.entries(range).map(value))
    }
}

type Pair<V> = Result<(Bytes, V), EngineError>;

fn value(pair: Pair<Stored>) -> Pair<Bytes> {
    pair.map(|(key, stored)| (key, stored.value))
}

/// The most keys and values of one page.
const PAGE: usize = 256;
/// A page ends when its values pass this many bytes.
const PAGE_BYTES: usize = 1 << 20;

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
            self.fill(look)?;
        }
        Ok(self.page.front())
    }

    fn fill(&mut self, look: &mut dyn Look) -> Result<(), EngineError> {
        let (mut found, mut bytes) = (look.scan(&self.range), 0);
        while !self.last && self.page.len() < PAGE && bytes < PAGE_BYTES {
            match found.next().transpose()? {
                Some(pair) => {
                    bytes += pair.1.len();
                    self.page.push_back(pair);
                }
                None => self.last = true,
            }
        }
        if let Some((key, _)) = self.page.back() {
            self.range.start = Bound::Excluded(key.clone());
        }
        Ok(())
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
