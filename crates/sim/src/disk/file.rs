//! One file: a cached image that reads see, a durable image that a crash leaves, and which
//! sectors differ.

use std::collections::BTreeSet;

use kernel::disk::DiskError;

/// Bytes that a disk writes at once: the unit in which unsynced writes are kept or lost.
pub const SECTOR: usize = 512;

/// What a crash makes of an unsynced sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    Lost,
    /// So many bytes are new, the others old.
    Torn(usize),
}

#[derive(Debug)]
pub(super) struct File {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<u64>,
    /// Sectors that were ever made durable: where damage can be seen.
    written: BTreeSet<u64>,
}

impl File {
    pub(super) fn new(len: u64) -> File {
        let zero = || vec![0; len as usize];
        File { cached: zero(), durable: zero(), dirty: BTreeSet::new(), written: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.cached.len() as u64
    }

    pub(super) fn dirty(&self) -> &BTreeSet<u64> {
        &self.dirty
    }

    pub(super) fn written(&self) -> &BTreeSet<u64> {
        &self.written
    }

    pub(super) fn durable_hash(&self) -> u64 {
        let mut trace = crate::audit::Trace::default();
        for sector in &self.written {
            trace.add(*sector);
            trace.add(crate::audit::hash_bytes(&self.durable[self.range(*sector)]));
        }
        trace.hash()
    }

    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        into.copy_from_slice(&self.cached[self.inside(offset, into.len())?]);
        Ok(())
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let range = self.inside(offset, bytes.len())?;
        if !bytes.is_empty() {
            self.dirty.extend((range.start / SECTOR) as u64..=((range.end - 1) / SECTOR) as u64);
            self.cached[range].copy_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            let range = self.range(sector);
            self.durable[range.clone()].copy_from_slice(&self.cached[range]);
            self.written.insert(sector);
        }
    }

    /// Forgets unsynced writes as `fate` says; how many sectors were not wholly kept.
    pub(super) fn crash(&mut self, mut fate: impl FnMut() -> Fate) -> u64 {
        let mut harmed = 0;
        for sector in std::mem::take(&mut self.dirty) {
            let range = self.range(sector);
            let kept = match fate() {
                Fate::Kept => range.len(),
                Fate::Lost => 0,
                Fate::Torn(prefix) => prefix.min(range.len()),
            };
            harmed += u64::from(kept < range.len());
            if kept > 0 {
                self.written.insert(sector);
            }
            let middle = range.start + kept;
            self.durable[range.start..middle].copy_from_slice(&self.cached[range.start..middle]);
            self.cached[middle..range.end].copy_from_slice(&self.durable[middle..range.end]);
        }
        harmed
    }

    /// What a reader finds in a sector.
    pub(super) fn content(&self, sector: u64) -> Vec<u8> {
        self.cached[self.range(sector)].to_vec()
    }

    /// Puts back what should stand in a sector.
    pub(super) fn restore(&mut self, sector: u64, truth: &[u8]) {
        let range = self.range(sector);
        self.durable[range.clone()].copy_from_slice(truth);
        if !self.dirty.contains(&sector) {
            self.cached[range].copy_from_slice(truth);
        }
        self.written.insert(sector);
    }

    /// The unsynced write of this sector never reaches the disk.
    pub(super) fn drop_write(&mut self, sector: u64) {
        let range = self.range(sector);
        self.dirty.remove(&sector);
        self.cached[range.clone()].copy_from_slice(&self.durable[range]);
    }

    /// The unsynced write of `sector` lands on `wrong`.
    pub(super) fn misdirect(&mut self, sector: u64, wrong: u64) {
        let content = self.cached[self.range(sector)].to_vec();
        self.drop_write(sector);
        let range = self.range(wrong);
        let len = range.len().min(content.len());
        let range = range.start..range.start + len;
        self.durable[range.clone()].copy_from_slice(&content[..len]);
        if !self.dirty.contains(&wrong) {
            self.cached[range].copy_from_slice(&content[..len]);
        }
        self.written.insert(wrong);
    }

    /// Flips a durable bit; a running reader sees it unless the sector is being rewritten.
    pub(super) fn flip(&mut self, bit: u64) {
        let byte = (bit / 8) as usize;
        self.durable[byte] ^= 1 << (bit % 8);
        if !self.dirty.contains(&((byte / SECTOR) as u64)) {
            self.cached[byte] = self.durable[byte];
        }
    }

    /// How many sectors the file has.
    pub(super) fn sectors(&self) -> u64 {
        self.len().div_ceil(SECTOR as u64)
    }

    /// Bytes of a sector; the last one of a file may be short.
    pub(super) fn range(&self, sector: u64) -> std::ops::Range<usize> {
        let start = sector as usize * SECTOR;
        start..(start + SECTOR).min(self.cached.len())
    }

    fn inside(&self, offset: u64, len: usize) -> Result<std::ops::Range<usize>, DiskError> {
        let end = offset.saturating_add(len as u64);
        match end <= self.len() {
            true => Ok(offset as usize..end as usize),
            false => Err(DiskError::Io(format!("{offset}+{len} is past the end"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn old_and_new() -> File {
        let mut file = File::new(3 * SECTOR as u64);
        file.write(0, &[1; 3 * SECTOR]).unwrap();
        file.sync();
        file.write(SECTOR as u64 - 1, &[2; SECTOR + 2]).unwrap();
        file
    }

    fn content(file: &File) -> Vec<u8> {
        let mut into = vec![0; file.len() as usize];
        file.read(0, &mut into).unwrap();
        into
    }

    #[test]
    fn each_dirty_sector_has_its_own_fate() {
        let mut file = old_and_new();
        assert_eq!(file.dirty().len(), 3, "the write touches three sectors");
        let mut fates = [Fate::Kept, Fate::Torn(100), Fate::Lost].into_iter();
        assert_eq!(file.crash(|| fates.next().unwrap()), 2);
        let after = content(&file);
        assert_eq!(after[SECTOR - 1], 2, "kept");
        assert_eq!(&after[SECTOR..SECTOR + 100], &[2; 100], "the prefix of the torn sector");
        assert_eq!(&after[SECTOR + 100..2 * SECTOR], &[1; SECTOR - 100], "the rest is old");
        assert_eq!(after[2 * SECTOR], 1, "lost");
        assert_eq!(file.cached, file.durable);
    }

    /// Writes, syncs and crashes against the plainest model: per byte, what a reader sees and
    /// what certainly survives.
    #[derive(Clone, Debug)]
    enum Step {
        Write { offset: u64, len: usize, byte: u8 },
        Sync,
        Crash(Vec<u16>),
    }

    const LEN: usize = 5 * SECTOR + 100;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let write = (0..LEN as u64, 0..1_500usize, any::<u8>()).prop_map(|(offset, len, byte)| {
            Step::Write { offset, len: len.min(LEN - offset as usize), byte }
        });
        let crash = prop::collection::vec(0u16..600, 8).prop_map(Step::Crash);
        prop::collection::vec(prop_oneof![6 => write, 2 => Just(Step::Sync), 1 => crash], 0..40)
    }

    proptest! {
        #[test]
        fn after_a_crash_each_sector_is_a_prefix_of_the_new_and_the_rest_of_the_old(
            steps in steps(),
        ) {
            let mut file = File::new(LEN as u64);
            let (mut seen, mut safe) = (vec![0u8; LEN], vec![0u8; LEN]);
            for step in steps {
                match step {
                    Step::Write { offset, len, byte } => {
                        file.write(offset, &vec![byte; len]).unwrap();
                        seen[offset as usize..offset as usize + len].fill(byte);
                    }
                    Step::Sync => {
                        file.sync();
                        safe.clone_from(&seen);
                    }
                    Step::Crash(prefixes) => {
                        let mut next = prefixes.iter().cycle();
                        file.crash(|| Fate::Torn(usize::from(*next.next().unwrap())));
                        let after = content(&file);
                        for start in (0..LEN).step_by(SECTOR) {
                            let range = start..(start + SECTOR).min(LEN);
                            let (old, new) = (&safe[range.clone()], &seen[range.clone()]);
                            let torn = (0..=old.len())
                                .any(|n| after[range.clone()] == [&new[..n], &old[n..]].concat());
                            prop_assert!(torn, "sector at {}", start);
                        }
                        (seen, safe) = (after.clone(), after);
                    }
                }
                prop_assert_eq!(&content(&file), &seen);
            }
        }
    }

    #[test]
    fn a_lost_write_leaves_the_old_sector() {
        let mut file = old_and_new();
        file.drop_write(1);
        file.sync();
        assert_eq!(content(&file)[SECTOR..2 * SECTOR], [1; SECTOR]);
        assert_eq!(content(&file)[2 * SECTOR], 2);
    }

    #[test]
    fn a_misdirected_write_harms_two_places() {
        let mut file = File::new(3 * SECTOR as u64);
        file.write(0, &[1; 3 * SECTOR]).unwrap();
        file.sync();
        file.write(0, &[2; SECTOR]).unwrap();
        file.misdirect(0, 2);
        file.sync();
        assert_eq!(content(&file)[..2 * SECTOR], [1; 2 * SECTOR]);
        assert_eq!(content(&file)[2 * SECTOR..], [2; SECTOR]);
    }

    #[test]
    fn rot_is_durable_and_visible() {
        let mut file = old_and_new();
        file.sync();
        file.flip(5);
        assert_eq!(content(&file)[0], 1 ^ (1 << 5));
        assert_eq!(file.crash(|| Fate::Lost), 0);
        assert_eq!(content(&file)[0], 1 ^ (1 << 5));
    }
}
