//! Sorting more than fits into memory.
//!
//! ```text
//!   pairs ─▶ memory, until it is full ─▶ sorted, to the end of a file ─▶ next run …
//!                                         run │ run │ run ─▶ merged ─▶ pairs in order
//! ```
//!
//! What fits never touches a disk. The file has no name and is gone with its last user.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::Error;

/// Bytes that are sorted in memory, and then, all together, that runs are read ahead.
const ROOM: usize = 16 << 20;
/// Bytes that a run is read ahead, if there are few.
const AHEAD: usize = 64 << 10;
/// The most runs: so many are read ahead a page each.
const RUNS_MAX: usize = 4 << 10;

/// A key and a value. Pairs of the same key are sorted by value.
type Pair = (Bytes, Bytes);

/// Takes pairs in any order.
#[derive(Debug)]
pub struct Sorter {
    /// Where the file is made, if one is needed.
    directory: PathBuf,
    room: usize,
    /// Keys and values of a run, one behind the other.
    arena: Vec<u8>,
    /// Where each pair begins, where its value does and where it ends.
    pairs: Vec<[usize; 3]>,
    file: Option<File>,
    /// Where each run ends.
    runs: Vec<u64>,
}

impl Sorter {
    pub fn new(directory: &Path) -> Sorter {
        Sorter {
            directory: directory.to_owned(),
            room: ROOM,
            arena: Vec::new(),
            pairs: Vec::new(),
            file: None,
            runs: Vec::new(),
        }
    }

    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let used = self.arena.len() + size_of::<[usize; 3]>() * self.pairs.len();
        if used + key.len() + value.len() > self.room && !self.pairs.is_empty() {
            self.spill()?;
        }
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(value);
        self.pairs.push([start, start + key.len(), self.arena.len()]);
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        let pair = |at: &[usize; 3]| (&arena[at[0]..at[1]], &arena[at[1]..at[2]]);
        self.pairs.sort_unstable_by(|a, b| pair(a).cmp(&pair(b)));
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> Result<(), Error> {
        if self.runs.len() == RUNS_MAX {
            return Err(Error::Limit("there is too much to be sorted".into()));
        }
        self.sort();
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.directory)?),
        };
        let mut out = BufWriter::with_capacity(AHEAD, file);
        let mut end = self.runs.last().copied().unwrap_or(0);
        for [start, middle, stop] in self.pairs.drain(..) {
            out.write_all(&((middle - start) as u32).to_le_bytes())?;
            out.write_all(&((stop - middle) as u32).to_le_bytes())?;
            out.write_all(&self.arena[start..stop])?;
            end += 8 + (stop - start) as u64;
        }
        out.flush()?;
        drop(out);
        self.runs.push(end);
        self.arena.clear();
        Ok(())
    }

    /// All pairs, in order.
    pub fn sorted(mut self) -> Result<Sorted, Error> {
        if self.file.is_some() && !self.pairs.is_empty() {
            self.spill()?;
        }
        let Some(file) = self.file.take() else {
            self.sort();
            return Ok(Sorted::Memory { arena: self.arena.into(), pairs: self.pairs.into_iter() });
        };
        let (file, mut start) = (Arc::new(file), 0);
        let ahead = (self.room / self.runs.len()).clamp(8, AHEAD);
        let mut heads = BinaryHeap::with_capacity(self.runs.len());
        for end in self.runs {
            let buffer = Vec::new();
            let mut run = Run { file: Arc::clone(&file), start, end, ahead, buffer, read: 0 };
            if let Some(pair) = run.next()? {
                heads.push(Reverse(Head { pair, run }));
            }
            start = end;
        }
        Ok(Sorted::Runs(heads))
    }
}

/// Pairs in order.
#[derive(Debug)]
pub enum Sorted {
    /// All of them were in memory.
    Memory { arena: Bytes, pairs: std::vec::IntoIter<[usize; 3]> },
    /// They come from runs; the smallest head is next.
    Runs(BinaryHeap<Reverse<Head>>),
}

impl Sorted {
    pub fn next(&mut self) -> Result<Option<Pair>, Error> {
        match self {
            Sorted::Memory { arena, pairs } => Ok(pairs.next().map(|[start, middle, end]| {
                (arena.slice(start..middle), arena.slice(middle..end))
            })),
            Sorted::Runs(heads) => {
                let Some(mut head) = heads.peek_mut() else { return Ok(None) };
                match head.0.run.next()? {
                    Some(next) => Ok(Some(std::mem::replace(&mut head.0.pair, next))),
                    None => Ok(Some(PeekMut::pop(head).0.pair)),
                }
            }
        }
    }
}

/// The next pair of a run.
#[derive(Debug)]
pub struct Head {
    pair: Pair,
    run: Run,
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.pair == other.pair
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Head) -> std::cmp::Ordering {
        self.pair.cmp(&other.pair)
    }
}

/// A sorted part of the file.
#[derive(Debug)]
struct Run {
    file: Arc<File>,
    /// What was not read yet.
    start: u64,
    end: u64,
    ahead: usize,
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    read: usize,
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Pair>> {
        if self.read == self.buffer.len() && self.start == self.end {
            return Ok(None);
        }
        let head = self.take(8)?;
        let length = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| head[at + i])) as usize;
        let (key, value) = (length(0), length(4));
        let both = self.take(key + value)?;
        Ok(Some((both.slice(..key), both.slice(key..))))
    }

    /// The next bytes.
    fn take(&mut self, length: usize) -> io::Result<Bytes> {
        if self.buffer.len() - self.read < length {
            self.buffer.drain(..self.read);
            self.read = 0;
            let there = self.buffer.len();
            let left = usize::try_from(self.end - self.start).unwrap_or(usize::MAX);
            let more = self.ahead.max(length - there).min(left);
            self.buffer.resize(there + more, 0);
            self.file.read_exact_at(&mut self.buffer[there..], self.start)?;
            self.start += more as u64;
        }
        let found = self.buffer.get(self.read..self.read + length);
        let found = Bytes::copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        self.read += length;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(pairs: &[(Vec<u8>, Vec<u8>)], room: usize) -> (Vec<Pair>, usize) {
        let mut sorter = Sorter { room, ..Sorter::new(&std::env::temp_dir()) };
        pairs.iter().for_each(|(key, value)| sorter.push(key, value).unwrap());
        let runs = sorter.runs.len();
        let mut sorted = sorter.sorted().unwrap();
        let all = std::iter::from_fn(|| sorted.next().unwrap()).collect();
        (all, runs)
    }

    proptest! {
        #[test]
        fn pairs_come_in_order_however_little_memory_there_is(
            pairs in prop::collection::vec(
                (prop::collection::vec(0u8..3, 0..4), prop::collection::vec(any::<u8>(), 0..40)),
                0..60,
            ),
            room in 0usize..2_000,
        ) {
            let (found, _) = sorted(&pairs, room);
            let mut expected: Vec<Pair> =
                pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn runs_of_many_pages_are_merged() {
        let pair = |n: u64| ((n * 7_919 % 10_007).to_be_bytes().to_vec(), vec![n as u8; 50]);
        let pairs: Vec<_> = (0..10_007).map(pair).collect();
        let (found, runs) = sorted(&pairs, 100 << 10);
        assert!(runs > 5 && found.len() == pairs.len());
        assert!(found.is_sorted());
    }
}
