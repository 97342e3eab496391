//! Changes laid over what an engine holds.
//!
//! ```text
//!   changes     b=7   d=✗
//!   below    a=1  b=2  d=4  e=5     read together: a=1 b=7 e=5
//! ```

use alloc::{boxed::Box, collections::BTreeMap};
use core::{cmp::Ordering, iter::Peekable, ops::Bound};

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::{EngineError, Scan, ScanRange};

/// The newest change of every key; `None` is a delete.
pub type Changes = BTreeMap<Bytes, Option<Bytes>>;

/// A scan of `range` in which changes hide what is below them. `below` scans the same range.
pub fn layered<'a>(below: Scan<'a>, changes: &'a Changes, range: &ScanRange) -> Scan<'a> {
    layered_by(below, changes, range, Option::as_ref)
}

/// The same where a change says more than the value, which `value` finds.
pub fn layered_by<'a, C>(
    below: Scan<'a>,
    changes: &'a BTreeMap<Bytes, C>,
    range: &ScanRange,
    value: fn(&C) -> Option<&Bytes>,
) -> Scan<'a> {
    if range.is_empty() {
        return Box::new(core::iter::empty());
    }
    let bounds = (slice(&range.start), slice(&range.end));
    let changes = changes.range::<[u8], _>(bounds);
    let changes = changes.map(move |(key, change)| (key, value(change)));
    match range.reverse {
        true => laid_over(below, changes.rev(), range, Bytes::clone),
        false => laid_over(below, changes, range, Bytes::clone),
    }
}

/// The same for changes of any kind, which come in the order of the range. `own` makes bytes of what
/// is given out: a change that removes something, or is only compared, is not copied.
pub fn laid_over<'a, K: AsRef<[u8]> + ?Sized + 'a>(
    below: Scan<'a>,
    changes: impl Iterator<Item = (&'a K, Option<&'a K>)> + 'a,
    range: &ScanRange,
    own: fn(&K) -> Bytes,
) -> Scan<'a> {
    let (below, changes) = (below.peekable(), changes.peekable());
    Box::new(Merge { below, changes, reverse: range.reverse, own })
}

fn slice(bound: &Bound<Bytes>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Both in the same direction; a change hides what is below under its key.
struct Merge<'a, K: ?Sized, C: Iterator> {
    below: Peekable<Scan<'a>>,
    changes: Peekable<C>,
    reverse: bool,
    own: fn(&K) -> Bytes,
}

impl<'a, K, C> Iterator for Merge<'a, K, C>
where
    K: AsRef<[u8]> + ?Sized + 'a,
    C: Iterator<Item = (&'a K, Option<&'a K>)>,
{
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.below.peek(), self.changes.peek()) {
                (_, None) | (Some(Err(_)), _) => return self.below.next(),
                (None, Some(_)) => Ordering::Greater,
                (Some(Ok((old, _))), Some((new, _))) if self.reverse => new.as_ref().cmp(&old[..]),
                (Some(Ok((old, _))), Some((new, _))) => old[..].cmp(new.as_ref()),
            };
            if order == Ordering::Less {
                return self.below.next();
            }
            let (key, change) = self.changes.next()?;
            if order == Ordering::Equal {
                let hidden = self.below.next();
                if change.is_none() && planted(Bug::ScanMissesDelete) {
                    return hidden;
                }
            }
            if let Some(value) = change {
                return Some(Ok(((self.own)(key), (self.own)(value))));
            }
        }
    }
}
