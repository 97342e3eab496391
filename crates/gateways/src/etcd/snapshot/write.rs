//! Making a snapshot of keys and leases that come in any order.
//!
//! ```text
//!   keys ─▶ sorted by revision ─▶ tree `key` ─┐
//!   leases ─▶ sorted by id ─────▶ tree `lease`├─▶ file of pages ─▶ pieces, then their SHA-256
//!   the revision ───────────────▶ tree `meta` ┘
//! ```
//!
//! A file lists keys by revision and names its root on the first page, and a download begins with
//! its length: nothing of it can leave before all of it is known. So it is made in a file without a
//! name, and so is, if it does not fit into memory, what has to be sorted. Memory stays bounded.
//!
//! Of each key there is the newest state alone. The file says that everything before its revision is
//! compacted, so whoever restores it is refused the past instead of being told that it was empty.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use bytes::Bytes;
use layers::coordination::{KeyValue, LeaseRecord, limits::LEASE_TTL_MIN_S};
use prost::Message;
use sha2::{Digest as _, Sha256};

use super::{
    Error, digest,
    layout::{Pages, Tree},
    record::{self, Revision},
    sort::{Sorted, Sorter},
};

/// Bytes of a piece of a download.
pub const PIECE: usize = 64 << 10;
/// Pairs that are written in one step.
const STEP: usize = 1_000;

/// Takes what a snapshot shall hold.
#[derive(Debug)]
pub struct Builder {
    revision: i64,
    file: File,
    keys: Sorter,
    leases: Sorter,
    /// The lease that the last key named.
    named: i64,
}

impl Builder {
    /// A snapshot of this revision, made in a directory.
    ///
    /// # Errors
    /// If no file can be made there.
    pub fn new(revision: i64, directory: &Path) -> Result<Builder, Error> {
        Ok(Builder {
            revision,
            file: tempfile::tempfile_in(directory)?,
            keys: Sorter::new(directory),
            leases: Sorter::new(directory),
            named: 0,
        })
    }

    /// Adds a key, once.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn key(&mut self, kv: &KeyValue) -> Result<(), Error> {
        if kv.lease != 0 && kv.lease != self.named {
            self.named = kv.lease;
            self.leases.push(&kv.lease.to_be_bytes(), &[])?;
        }
        let place = [&kv.mod_revision.to_be_bytes()[..], &kv.key].concat();
        self.keys.push(&place, &kv.encode_to_vec())
    }

    /// Adds a lease. One that keys name and that is never added has ended since, and gets the
    /// shortest time: it ends again, and its keys with it.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn lease(&mut self, lease: &LeaseRecord) -> Result<(), Error> {
        self.leases.push(&lease.id.to_be_bytes(), &record::lease_bytes(lease))
    }

    /// Everything was added.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn build(self) -> Result<Building, Error> {
        Ok(Building {
            revision: self.revision,
            pages: Pages::new(self.file)?,
            keys: self.keys.sorted()?,
            leases: self.leases.sorted()?,
            tree: Tree::default(),
            last: Revision { main: 0, sub: 0, removed: false },
        })
    }
}

/// A snapshot whose pages are being written.
#[derive(Debug)]
pub struct Building {
    revision: i64,
    pages: Pages,
    keys: Sorted,
    leases: Sorted,
    /// The tree of keys.
    tree: Tree,
    last: Revision,
}

impl Building {
    /// Writes some more keys; false if there are no more. For callers that have to let others have
    /// their turn.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn step(&mut self) -> Result<bool, Error> {
        for _ in 0..STEP {
            let Some((place, value)) = self.keys.next()? else { return Ok(false) };
            let main = place.first_chunk().map_or(0, |main| i64::from_be_bytes(*main));
            let sub = if main == self.last.main { self.last.sub + 1 } else { 0 };
            self.last = Revision { main, sub, removed: false };
            self.tree.push(&mut self.pages, self.last.bytes().into(), value)?;
        }
        Ok(true)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(mut self) -> Result<Download, Error> {
        while self.step()? {}
        let keys = self.tree.finish(&mut self.pages)?;
        let leases = leases(&mut self.pages, &mut self.leases)?;
        let meta = meta(&mut self.pages, self.revision)?;
        let mut buckets = Vec::with_capacity(record::BUCKETS.len());
        for name in record::BUCKETS {
            let root = match name {
                record::KEYS => keys,
                record::LEASES => leases,
                record::META => meta,
                _ => Tree::default().finish(&mut self.pages)?,
            };
            buckets.push((name, root));
        }
        let (file, length) = self.pages.finish(&buckets)?;
        let (revision, hash) = (self.revision, Sha256::new());
        Ok(Download { revision, file, length, sent: 0, hash, sealed: false })
    }
}

fn leases(pages: &mut Pages, sorted: &mut Sorted) -> Result<u64, Error> {
    let (mut tree, mut next) = (Tree::default(), sorted.next()?);
    while let Some((id, mut value)) = next {
        next = sorted.next()?;
        // What keys name comes without a value, before the lease if there is one.
        while let Some((_, same)) = next.take_if(|(other, _)| *other == id) {
            value = same;
            next = sorted.next()?;
        }
        if value.is_empty() {
            let id = id.first_chunk().map_or(0, |id| i64::from_be_bytes(*id));
            let ttl = LEASE_TTL_MIN_S;
            let ended = LeaseRecord { id, ttl, remaining_ttl: ttl, renewal: 0 };
            value = record::lease_bytes(&ended).into();
        }
        tree.push(pages, id, value)?;
    }
    tree.finish(pages)
}

fn meta(pages: &mut Pages, revision: i64) -> Result<u64, Error> {
    let mut tree = Tree::default();
    // The first revision has nothing before it.
    if revision > 1 {
        let compacted = Bytes::from(Revision { main: revision, sub: 0, removed: false }.bytes());
        for name in [record::FINISHED, record::SCHEDULED] {
            tree.push(pages, Bytes::from_static(name), compacted.clone())?;
        }
    }
    tree.finish(pages)
}

/// A snapshot that is ready.
#[derive(Debug)]
pub struct Download {
    revision: i64,
    file: File,
    /// Bytes of the pages.
    length: u64,
    sent: u64,
    hash: Sha256,
    sealed: bool,
}

impl Download {
    /// The revision that it is of.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// All bytes of it, the digest at the end included.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length + digest::LENGTH
    }

    /// The next piece, at most [`PIECE`] bytes; the last one is the digest of all before it, alone.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        if self.sealed {
            return Ok(None);
        }
        if self.sent == self.length {
            self.sealed = true;
            let digest: digest::Digest = self.hash.finalize_reset().into();
            return Ok(Some(Bytes::copy_from_slice(&digest)));
        }
        let mut piece = vec![0; (self.length - self.sent).min(PIECE as u64) as usize];
        self.file.read_exact_at(&mut piece, self.sent)?;
        self.hash.update(&piece);
        self.sent += piece.len() as u64;
        Ok(Some(piece.into()))
    }
}
