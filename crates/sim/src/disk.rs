//! A simulated disk: a flat directory of files, each an array of 512-byte sectors.
//!
//! ```text
//!   write ─▶ cached image ──sync──▶ durable image
//!              (dirty sectors)          ▲
//!   crash: each dirty sector is independently kept, lost, or torn (a prefix is kept)
//! ```
//!
//! [`SimDisk`] is a cheap handle: the machine holds one and calls it through
//! [`kernel::disk::Disk`]; the world holds another and does the damage. Names and lengths are
//! durable at once, as the trait promises. Damage that needs a place draws it from a number
//! that is part of the fault, so that a plan means the same place after other faults were
//! removed from it.

mod damage;
mod file;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use kernel::{
    Rng,
    disk::{Disk, DiskError},
};

pub use damage::{Place, Region};
pub use file::SECTOR;
use file::{Fate, File};

use crate::net::hit;

/// How much was done on a disk since the world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of `read`.
    pub reads: u64,
    /// Calls of `write`.
    pub writes: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Calls of `sync`.
    pub syncs: u64,
    /// Sectors that a crash lost or tore.
    pub sectors_lost: u64,
    /// Sectors damaged by rot, misdirected and lost writes.
    pub sectors_damaged: u64,
}

/// What is wrong with a disk for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) full: bool,
    pub(crate) read_error_ppm: u32,
}

/// What the next sync does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It fails, and the unsynced writes are gone.
    Fail,
    /// One sector is not written, yet the sync succeeds.
    Lose { pick: u64 },
    /// One sector is written to another place.
    Misdirect { pick: u64 },
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, File>,
    capacity: u64,
    trouble: Trouble,
    lies: Vec<Lie>,
    /// Lies that no later sync has followed.
    untold: Vec<damage::Untold>,
    /// What the last sync wrote: file and sector. Syncs of several files with no write between
    /// them are one.
    fresh: BTreeSet<(String, u64)>,
    /// Whether anything was written since the last sync.
    wrote: bool,
    /// Whether a node is starting on it.
    opening: bool,
    counters: Counters,
    rng: Rng,
}

/// A handle on one simulated disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Rc<RefCell<State>>);

impl SimDisk {
    /// An empty disk of this many bytes (zero is unlimited).
    #[must_use]
    pub fn new(capacity: u64, rng: Rng) -> SimDisk {
        SimDisk(Rc::new(RefCell::new(State {
            files: BTreeMap::new(),
            capacity,
            trouble: Trouble::default(),
            lies: Vec::new(),
            untold: Vec::new(),
            fresh: BTreeSet::new(),
            wrote: false,
            opening: false,
            counters: Counters::default(),
            rng,
        })))
    }

    /// What was done on it.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.borrow().counters
    }

    /// How many sectors are written and not yet synced.
    #[must_use]
    pub fn dirty_sectors(&self) -> u64 {
        self.0.borrow().files.values().map(|file| file.dirty().len() as u64).sum()
    }

    /// A hash of the durable content, for comparing runs.
    #[must_use]
    pub fn durable_hash(&self) -> u64 {
        let state = self.0.borrow();
        let mut trace = crate::audit::Trace::default();
        for (name, file) in &state.files {
            trace.add(crate::audit::hash_bytes(name.as_bytes()));
            trace.add(file.durable_hash());
        }
        trace.hash()
    }

    /// Cuts the power: unsynced sectors are independently kept, lost or torn.
    pub fn lose_power(&self) {
        let state = &mut *self.0.borrow_mut();
        state.lies.clear();
        for file in state.files.values_mut() {
            let rng = &mut state.rng;
            state.counters.sectors_lost += file.crash(|| match rng.below(3) {
                0 => Fate::Kept,
                1 => Fate::Lost,
                _ => Fate::Torn(rng.range(1, SECTOR as u64 - 1) as usize),
            });
        }
    }

    /// Removes everything, as if the disk was replaced by a new one.
    pub fn wipe(&self) {
        let mut state = self.0.borrow_mut();
        state.files.clear();
        state.lies.clear();
        state.untold.clear();
        state.fresh.clear();
    }

    pub(crate) fn set_trouble(&self, trouble: Trouble) {
        self.0.borrow_mut().trouble = trouble;
    }

    /// Ends all trouble, and forgets lies that were not told yet. What is damaged stays damaged.
    pub(crate) fn heal(&self) {
        let mut state = self.0.borrow_mut();
        state.trouble = Trouble::default();
        state.lies.clear();
    }

    pub(crate) fn lie_at_next_sync(&self, lie: Lie) {
        self.0.borrow_mut().lies.push(lie);
    }
}

impl State {
    fn file(&mut self, name: &str) -> Result<&mut File, DiskError> {
        self.files.get_mut(name).ok_or(DiskError::Missing)
    }

    fn used(&self) -> u64 {
        self.files.values().map(File::len).sum()
    }

    fn check_read(&mut self) -> Result<(), DiskError> {
        match hit(&mut self.rng, self.trouble.read_error_ppm) {
            true => Err(DiskError::Io("unreadable sector".to_owned())),
            false => Ok(()),
        }
    }
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        let state = self.0.borrow();
        Ok(state.files.iter().map(|(name, file)| (name.clone(), file.len())).collect())
    }

    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        let replaced = state.files.get(name).map_or(0, File::len);
        let used = state.used() - replaced;
        if state.trouble.full || (state.capacity != 0 && used + len > state.capacity) {
            return Err(DiskError::Full);
        }
        state.files.insert(name.to_owned(), File::new(len));
        Ok(())
    }

    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        state.counters.reads += 1;
        state.check_read()?;
        state.file(name)?.read(offset, into)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        if state.trouble.full {
            return Err(DiskError::Full);
        }
        state.counters.writes += 1;
        state.counters.bytes_written += bytes.len() as u64;
        state.wrote = true;
        state.file(name)?.write(offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        state.counters.syncs += 1;
        let dirty = state.file(name)?.dirty().clone();
        let told = state.lie(name)?;
        state.file(name)?.sync();
        if !dirty.is_empty() {
            state.synced(name, &dirty, told);
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        let file = state.files.remove(from).ok_or(DiskError::Missing)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().files.remove(name).map(drop).ok_or(DiskError::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> SimDisk {
        SimDisk::new(0, Rng::new(1))
    }

    fn read(disk: &SimDisk, name: &str, offset: u64, len: usize) -> Vec<u8> {
        let mut into = vec![0; len];
        disk.read(name, offset, &mut into).unwrap();
        into
    }

    #[test]
    fn writes_are_read_back_and_survive_only_when_synced() {
        let mut lost = 0;
        for seed in 0..50 {
            let mut disk = SimDisk::new(0, Rng::new(seed));
            disk.create("log", 4_096).unwrap();
            disk.write("log", 10, b"synced").unwrap();
            disk.sync("log").unwrap();
            disk.write("log", 1_000, b"unsynced").unwrap();
            assert_eq!(read(&disk, "log", 1_000, 8), b"unsynced");
            disk.lose_power();
            assert_eq!(read(&disk, "log", 10, 6), b"synced");
            assert_eq!(disk.dirty_sectors(), 0);
            lost += usize::from(read(&disk, "log", 1_000, 8) != b"unsynced");
        }
        assert!((5..45).contains(&lost), "{lost} of 50 lost");
    }

    #[test]
    fn errors_are_told_apart() {
        let mut disk = SimDisk::new(1_000, Rng::new(1));
        assert_eq!(disk.create("big", 1_001), Err(DiskError::Full));
        assert_eq!(disk.list(), Ok(vec![]));
        disk.create("a", 600).unwrap();
        assert_eq!(disk.create("b", 600), Err(DiskError::Full));
        disk.create("a", 900).unwrap();
        assert_eq!(disk.write("b", 0, b"x"), Err(DiskError::Missing));
        assert_eq!(disk.sync("b"), Err(DiskError::Missing));
        assert_eq!(disk.rename("b", "c"), Err(DiskError::Missing));
        assert_eq!(disk.remove("b"), Err(DiskError::Missing));
        assert!(matches!(disk.write("a", 899, b"xy"), Err(DiskError::Io(_))));
        assert!(matches!(disk.read("a", 900, &mut [0]), Err(DiskError::Io(_))));
        assert!(matches!(disk.read("a", u64::MAX, &mut [0]), Err(DiskError::Io(_))));
        disk.rename("a", "c").unwrap();
        assert_eq!(disk.list(), Ok(vec![("c".to_owned(), 900)]));
        disk.remove("c").unwrap();
        assert_eq!(disk.list(), Ok(vec![]));
    }

    #[test]
    fn a_full_disk_refuses_to_create_and_write_but_reads() {
        let mut disk = disk();
        disk.create("a", 512).unwrap();
        disk.set_trouble(Trouble { full: true, ..Trouble::default() });
        assert_eq!(disk.write("a", 0, b"x"), Err(DiskError::Full));
        assert_eq!(disk.create("b", 1), Err(DiskError::Full));
        assert_eq!(read(&disk, "a", 0, 1), [0]);
        disk.set_trouble(Trouble::default());
        disk.write("a", 0, b"x").unwrap();
    }

    #[test]
    fn read_errors_come_by_chance() {
        let mut disk = disk();
        disk.create("a", 512).unwrap();
        disk.set_trouble(Trouble { read_error_ppm: 500_000, ..Trouble::default() });
        let failed = (0..1_000).filter(|_| disk.read("a", 0, &mut [0]).is_err()).count();
        assert!((400..600).contains(&failed), "{failed}");
    }

    #[test]
    fn handles_share_one_disk_and_count() {
        let mut one = disk();
        let two = one.clone();
        one.create("a", 512).unwrap();
        one.write("a", 0, b"abc").unwrap();
        one.sync("a").unwrap();
        assert_eq!(read(&two, "a", 0, 3), b"abc");
        let counters = two.counters();
        assert_eq!((counters.writes, counters.bytes_written, counters.syncs), (1, 3, 1));
        two.wipe();
        assert_eq!(one.list(), Ok(vec![]));
    }
}
