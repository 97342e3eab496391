//! Reading a snapshot: what it holds, its leases, and its keys as they are at its revision.
//!
//! ```text
//!   survey   all pages once ─▶ numbers, etcd's hash, and where the revisions of each key lie
//!   leases   bucket `lease` ─▶ by id
//!   keys     sorted by key and revision ─▶ the newest of each, unless it is a removal
//! ```
//!
//! A file lists revisions in their order, and only the last one of a key counts. Which one that is
//! shows at the end alone, so keys and places are sorted, on a disk if they are many; values are read
//! from the snapshot when their turn comes. What stood before the newest state is not given out.

use bytes::{Buf, BufMut, Bytes};
use crc_fast::{CrcAlgorithm, Digest as Crc};
use layers::coordination::{KeyValue, LeaseRecord};

use super::{
    Error,
    digest::{self, Digest},
    record::{self, Revision},
    sort::{Sorted, Sorter},
    source::Source,
    tree::{Bucket, Place, Trees, Walk},
};

/// A snapshot file.
#[derive(Debug)]
pub struct Snapshot<S> {
    trees: Trees<S>,
    length: u64,
    sealed: Option<Digest>,
}

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// What `etcdutl snapshot status` calls the hash.
    pub hash: u32,
    /// What it calls the total keys: pairs in all buckets.
    pub pairs: u64,
    /// The store's revision.
    pub revision: i64,
    /// Up to where it was compacted; 0 if it was not.
    pub compacted: i64,
    /// Revisions of all keys, removals included.
    pub revisions: u64,
    /// Leases.
    pub leases: u64,
    /// Users: they are not taken over.
    pub users: u64,
}

impl<S: Source> Snapshot<S> {
    /// Opens a file.
    ///
    /// # Errors
    /// If it is not a snapshot.
    pub fn open(source: S) -> Result<Snapshot<S>, Error> {
        let (length, sealed) = digest::split(&source)?;
        Ok(Snapshot { trees: Trees::open(source, length)?, length, sealed })
    }

    /// Bytes of its pages.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether a digest stands at its end.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Its SHA-256, compared with the one at its end if there is one. Tells how many bytes were read.
    ///
    /// # Errors
    /// If they differ.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Digest, Error> {
        let found = digest::of(self.trees.source(), self.length, progress)?;
        match self.sealed.is_none_or(|sealed| sealed == found) {
            true => Ok(found),
            false => Err(Error::Digest),
        }
    }

    /// Looks at everything once. What has to be sorted on a disk goes to `directory`. Tells how many
    /// pairs were seen.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn survey(
        &self,
        directory: &std::path::Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Survey, Keys), Error> {
        let mut taker = Taker::new(directory);
        let mut buckets = self.trees.buckets();
        while let Some((name, bucket)) = buckets.next(&self.trees)? {
            taker.hash.update(&name);
            let mut walk = Walk::new(&bucket);
            while let Some((place, pair)) = walk.next(&self.trees)? {
                if pair.bucket {
                    return Err(Error::Foreign("it has buckets inside of buckets".into()));
                }
                taker.take(&name, place, &pair.key, pair.value)?;
                progress(taker.survey.pairs);
            }
            if name == record::KEYS {
                taker.bucket = Some(bucket);
            }
        }
        taker.finish()
    }

    /// The leases, by id, the negative ones last.
    ///
    /// # Errors
    /// If the tree of buckets is damaged.
    pub fn leases(&self) -> Result<Leases, Error> {
        let mut buckets = self.trees.buckets();
        while let Some((name, bucket)) = buckets.next(&self.trees)? {
            if name == record::LEASES {
                return Ok(Leases(Some(Walk::new(&bucket))));
            }
        }
        Ok(Leases(None))
    }
}

/// Leases of a snapshot.
#[derive(Debug)]
pub struct Leases(Option<Walk>);

impl Leases {
    /// The next lease.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn next<S: Source>(&mut self, of: &Snapshot<S>) -> Result<Option<LeaseRecord>, Error> {
        let Some(walk) = &mut self.0 else { return Ok(None) };
        let Some((place, pair)) = walk.next(&of.trees)? else { return Ok(None) };
        let lease = record::lease(pair.value).filter(|lease| lease.id != 0);
        match lease.filter(|lease| lease.id.to_be_bytes() == pair.key[..]) {
            Some(lease) => Ok(Some(lease)),
            None => Err(Error::Damaged { page: place.page, what: "has a lease that is none" }),
        }
    }
}

/// Takes what a survey sees.
struct Taker {
    survey: Survey,
    hash: Crc,
    sorter: Sorter,
    bucket: Option<Bucket>,
}

impl Taker {
    fn new(directory: &std::path::Path) -> Taker {
        let survey = Survey {
            hash: 0,
            pairs: 0,
            revision: 1,
            compacted: 0,
            revisions: 0,
            leases: 0,
            users: 0,
        };
        let hash = Crc::new(CrcAlgorithm::Crc32Iscsi);
        Taker { survey, hash, sorter: Sorter::new(directory), bucket: None }
    }

    fn take(&mut self, name: &[u8], place: Place, key: &Bytes, value: Bytes) -> Result<(), Error> {
        self.hash.update(key);
        self.hash.update(&value);
        let survey = &mut self.survey;
        survey.pairs += 1;
        match name {
            record::KEYS => {
                let damaged = |what| Error::Damaged { page: place.page, what };
                let revision =
                    Revision::parse(key).ok_or_else(|| damaged("has a revision that is none"))?;
                let kv = record::key_value(value)
                    .ok_or_else(|| damaged("has a key and value that are none"))?;
                survey.revisions += 1;
                survey.revision = survey.revision.max(revision.main);
                self.sorter.push(&kv.key, &Seen { revision, place }.bytes())?;
            }
            record::LEASES => survey.leases += 1,
            record::USERS => survey.users += 1,
            record::META if key == record::SCHEDULED || key == record::FINISHED => {
                let to = Revision::parse(&value).map_or(0, |revision| revision.main);
                survey.compacted = survey.compacted.max(to);
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Survey, Keys), Error> {
        self.survey.hash = self.hash.finalize() as u32;
        // All changes below it may be gone.
        self.survey.revision = self.survey.revision.max(self.survey.compacted);
        let bucket = self.bucket.ok_or_else(|| Error::Foreign("it has no keys bucket".into()))?;
        let sorted = self.sorter.sorted()?;
        Ok((self.survey, Keys { bucket, sorted, ahead: None, taken: 0 }))
    }
}

/// A revision of a key, and where its value is. Its bytes are sorted by revision.
struct Seen {
    revision: Revision,
    place: Place,
}

impl Seen {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(27);
        out.put_i64(self.revision.main);
        out.put_i64(self.revision.sub);
        out.put_u8(self.revision.removed.into());
        out.put_u64(self.place.page);
        out.put_u16(self.place.at);
        out
    }

    /// Reads what [`Seen::bytes`] wrote.
    fn parse(mut bytes: Bytes) -> Option<Seen> {
        let main = bytes.try_get_i64().ok()?;
        let sub = bytes.try_get_i64().ok()?;
        let removed = bytes.try_get_u8().ok()? != 0;
        let page = bytes.try_get_u64().ok()?;
        let at = bytes.try_get_u16().ok()?;
        Some(Seen { revision: Revision { main, sub, removed }, place: Place { page, at } })
    }
}

/// Keys of a snapshot, in their order, as they are at its revision.
#[derive(Debug)]
pub struct Keys {
    bucket: Bucket,
    sorted: Sorted,
    ahead: Option<(Bytes, Bytes)>,
    taken: u64,
}

impl Keys {
    /// How many revisions were looked at.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The next key.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn next<S: Source>(&mut self, of: &Snapshot<S>) -> Result<Option<KeyValue>, Error> {
        while let Some((key, seen)) = self.newest()? {
            let lost = || Error::Foreign("what was sorted is lost".into());
            let seen = Seen::parse(seen).ok_or_else(lost)?;
            if !seen.revision.removed {
                return self.read(of, key, &seen).map(Some);
            }
        }
        Ok(None)
    }

    /// The next key and its last revision.
    fn newest(&mut self) -> Result<Option<(Bytes, Bytes)>, Error> {
        let mut newest = match self.ahead.take() {
            Some(ahead) => Some(ahead),
            None => self.pull()?,
        };
        while let Some((key, _)) = &newest {
            match self.pull()? {
                Some(next) if next.0 == *key => newest = Some(next),
                other => {
                    self.ahead = other;
                    break;
                }
            }
        }
        Ok(newest)
    }

    fn pull(&mut self) -> Result<Option<(Bytes, Bytes)>, Error> {
        let found = self.sorted.next()?;
        self.taken += u64::from(found.is_some());
        Ok(found)
    }

    fn read<S: Source>(
        &self,
        of: &Snapshot<S>,
        key: Bytes,
        seen: &Seen,
    ) -> Result<KeyValue, Error> {
        let pair = of.trees.at(&self.bucket, seen.place)?;
        let kv = record::key_value(pair.value).filter(|kv| {
            kv.key == key
                && !key.is_empty()
                && kv.mod_revision == seen.revision.main
                && (2..=kv.mod_revision).contains(&kv.create_revision)
                && kv.version >= 1
        });
        let what = "has a key with numbers that cannot be";
        kv.ok_or(Error::Damaged { page: seen.place.page, what })
    }
}
