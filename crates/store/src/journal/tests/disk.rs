//! A disk in memory that forgets what was not synced, in the ways disks do.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, string::String, vec, vec::Vec};

use kernel::{
    Rng,
    disk::{Disk, DiskError},
};

/// What a power failure may cut a write into.
pub const SECTOR: u64 = 512;

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// What reads see.
    now: Vec<u8>,
    /// Unsynced writes, oldest first.
    pending: Vec<(u64, Vec<u8>)>,
}

#[derive(Clone, Debug, Default)]
pub struct TestDisk {
    files: BTreeMap<String, File>,
    /// Bytes for all files together; zero is no limit.
    pub capacity: u64,
    pub syncs_fail: bool,
    pub writes_fail: bool,
    /// How many more changes succeed; `None` is no limit.
    pub changes_left: Option<u64>,
    /// Files and ranges that cannot be read.
    pub refused: Vec<(String, u64, u64)>,
}

impl TestDisk {
    pub fn new() -> TestDisk {
        TestDisk::default()
    }

    /// Power fails: nothing unsynced is left.
    pub fn crash(&mut self) {
        for file in self.files.values_mut() {
            file.pending.clear();
            file.now = file.durable.clone();
        }
    }

    /// Power fails: of each unsynced write a prefix is left, `bytes` in all.
    pub fn crash_after(&mut self, mut bytes: usize) {
        for file in self.files.values_mut() {
            for (offset, data) in core::mem::take(&mut file.pending) {
                let kept = data.len().min(bytes);
                bytes -= kept;
                let at = offset as usize;
                file.durable[at..at + kept].copy_from_slice(&data[..kept]);
            }
            file.now = file.durable.clone();
        }
    }

    /// Power fails: of the unsynced writes any sectors are left.
    pub fn crash_sectors(&mut self, rng: &mut Rng, sector: u64) {
        for file in self.files.values_mut() {
            for (offset, data) in core::mem::take(&mut file.pending) {
                let end = offset + data.len() as u64;
                let mut at = offset;
                while at < end {
                    let next = (at / sector * sector + sector).min(end);
                    if rng.chance(0.5) {
                        let piece = &data[(at - offset) as usize..(next - offset) as usize];
                        file.durable[at as usize..next as usize].copy_from_slice(piece);
                    }
                    at = next;
                }
            }
            file.now = file.durable.clone();
        }
    }

    /// Bytes of all unsynced writes.
    pub fn pending(&self) -> usize {
        let writes = self.files.values().flat_map(|file| &file.pending);
        writes.map(|(_, data)| data.len()).sum()
    }

    /// Names and durable contents.
    pub fn contents(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.files.iter().map(|(name, file)| (name, &file.durable))
    }

    /// Rot.
    pub fn flip(&mut self, name: &str, offset: usize, bits: u8) {
        let file = self.files.get_mut(name).unwrap();
        file.durable[offset] ^= bits;
        file.now[offset] ^= bits;
    }

    /// A file of any contents.
    pub fn plant(&mut self, name: &str, bytes: &[u8]) {
        let (durable, now) = (bytes.to_vec(), bytes.to_vec());
        self.files.insert(name.into(), File { durable, now, pending: Vec::new() });
    }

    fn change(&mut self) -> Result<(), DiskError> {
        match &mut self.changes_left {
            Some(0) => return Err(DiskError::Io("the power is going".into())),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<&mut File, DiskError> {
        self.files.get_mut(name).ok_or(DiskError::Missing)
    }
}

impl Disk for TestDisk {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(self.files.iter().map(|(name, f)| (name.clone(), f.now.len() as u64)).collect())
    }

    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.change()?;
        let used: usize = self.files.values().map(|file| file.now.len()).sum();
        if self.capacity != 0 && used as u64 + len > self.capacity {
            return Err(DiskError::Full);
        }
        self.plant(name, &vec![0; len as usize]);
        Ok(())
    }

    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let file = self.files.get(name).ok_or(DiskError::Missing)?;
        let end = offset + into.len() as u64;
        if self.refused.iter().any(|(n, from, to)| n == name && offset < *to && *from < end) {
            return Err(DiskError::Io("bad sector".into()));
        }
        let bytes = file.now.get(offset as usize..end as usize);
        into.copy_from_slice(bytes.ok_or(DiskError::Io("behind the end".into()))?);
        Ok(())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.change()?;
        // A bad sector is replaced when it is written.
        let end = offset + bytes.len() as u64;
        self.refused.retain(|(n, from, to)| n != name || end <= *from || *to <= offset);
        let fails = self.writes_fail;
        let file = self.file(name)?;
        let kept = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        let at = offset as usize;
        let Some(place) = file.now.get_mut(at..at + kept.len()) else {
            return Err(DiskError::Io("behind the end".into()));
        };
        place.copy_from_slice(kept);
        file.pending.push((offset, kept.to_vec()));
        if fails { Err(DiskError::Io("write".into())) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.change()?;
        let fails = self.syncs_fail;
        let file = self.file(name)?;
        if fails {
            // As page caches do: the dirty pages count as clean from now on.
            file.pending.clear();
            return Err(DiskError::Io("sync".into()));
        }
        file.pending.clear();
        file.durable = file.now.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.change()?;
        let file = self.files.remove(from).ok_or(DiskError::Missing)?;
        self.files.insert(to.into(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.change()?;
        self.files.remove(name).map(|_| ()).ok_or(DiskError::Missing)
    }
}

/// A disk that outlives a journal that could not be opened.
#[derive(Clone, Debug)]
pub struct SharedDisk(pub Rc<RefCell<TestDisk>>);

impl Disk for SharedDisk {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        self.0.borrow().list()
    }

    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.0.borrow_mut().create(name, len)
    }

    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.0.borrow().read(name, offset, into)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.borrow_mut().write(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().remove(name)
    }
}
