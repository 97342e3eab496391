//! Writes of whole blocks past the page cache.
//!
//! The journal writes each block once and reads it after a restart at most. Through the page cache
//! a sync first copies and marks pages, then looks for them and waits for each: a fifth more
//! processor time a sync, as measured, than handing the blocks to the disk at once. The sync after
//! it is the same.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;

/// What such writes are aligned to, in the file and in memory, in bytes.
pub const BLOCK: usize = 4 << 10;

/// A file that takes whole blocks past the page cache, if its file system does that.
#[derive(Debug)]
pub struct Direct(Option<File>);

impl Direct {
    /// Opens a file that exists.
    pub fn open(path: &Path) -> Direct {
        let flags = OFlags::DIRECT.bits().cast_signed();
        Direct(OpenOptions::new().write(true).custom_flags(flags).open(path).ok())
    }

    /// Writes whole blocks; `false` if this is not for it to write, and nothing was written.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write(&self, bytes: &[u8], offset: u64, through: &mut Blocks) -> io::Result<bool> {
        let Some(file) = &self.0 else { return Ok(false) };
        if !offset.is_multiple_of(BLOCK as u64) || !bytes.len().is_multiple_of(BLOCK) {
            return Ok(false);
        }
        match file.write_all_at(through.aligned(bytes), offset) {
            Ok(()) => Ok(true),
            // There are file systems that open a file so and then want other blocks.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Memory that begins at a multiple of [`BLOCK`], used again and again.
#[derive(Debug, Default)]
pub struct Blocks(Vec<u8>);

/// More than this is not kept for the next write: a piece of a blank file, and room to align it.
const KEPT: usize = (1 << 20) + BLOCK;

impl Blocks {
    /// The same bytes, aligned.
    fn aligned(&mut self, bytes: &[u8]) -> &[u8] {
        if self.0.len() < bytes.len() + BLOCK || self.0.len() > KEPT {
            self.0 = vec![0; bytes.len() + BLOCK];
        }
        let start = self.0.as_ptr().align_offset(BLOCK).min(BLOCK);
        let aligned = &mut self.0[start..start + bytes.len()];
        aligned.copy_from_slice(bytes);
        aligned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_blocks_are_written_and_read_through_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![7; 4 * BLOCK]).unwrap();
        let (file, direct) = (File::open(&path).unwrap(), Direct::open(&path));
        let mut through = Blocks::default();
        for (turn, blocks) in [(1u8, 1), (2, 2), (3, 1)] {
            // What was read before is in the cache.
            let mut found = vec![0; 4 * BLOCK];
            file.read_exact_at(&mut found, 0).unwrap();
            let bytes = vec![turn; blocks * BLOCK];
            let written = direct.write(&bytes, BLOCK as u64, &mut through).unwrap();
            file.read_exact_at(&mut found, 0).unwrap();
            let expected = if written { turn } else { 7 };
            assert_eq!(found[BLOCK..(1 + blocks) * BLOCK], vec![expected; blocks * BLOCK]);
            assert_eq!((found[BLOCK - 1], found[4 * BLOCK - 1]), (7, 7));
        }
    }

    #[test]
    fn what_is_not_whole_blocks_is_left_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![7; 2 * BLOCK]).unwrap();
        let (direct, mut through) = (Direct::open(&path), Blocks::default());
        assert!(!direct.write(&[1; BLOCK], 512, &mut through).unwrap());
        assert!(!direct.write(&[1; BLOCK - 1], 0, &mut through).unwrap());
        assert!(!Direct::open(&dir.path().join("b")).write(&[], 0, &mut through).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), vec![7; 2 * BLOCK]);
    }

    #[test]
    fn memory_is_aligned_and_given_back() {
        let mut blocks = Blocks::default();
        for len in [BLOCK, 3 * BLOCK, 8 * KEPT, BLOCK] {
            let bytes = blocks.aligned(&vec![1; len]);
            assert_eq!((bytes.as_ptr().align_offset(BLOCK), bytes.len()), (0, len));
        }
        assert!(blocks.0.len() < KEPT);
    }
}
