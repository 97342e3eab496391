//! Making appends durable, and giving segments back.
//!
//! A segment is given back in two steps, so that a missing file can be told from a freed one: a
//! marker says which record is the first that is needed (the *floor*); once that marker is
//! durable, the files before the floor go.

use alloc::vec::Vec;

use kernel::{
    bug::{Bug, planted},
    disk::Disk,
};

use super::{
    config::JournalError,
    healed::Healed,
    live::Pins,
    log::Journal,
    record::{JOURNAL, Lsn, Record, RecordKind, Span},
    segment::{segment_name, spare_name},
};

impl<D: Disk> Journal<D> {
    /// Makes everything appended durable and returns the position of the last record.
    ///
    /// # Errors
    /// After an error the journal is poisoned: the disk may have dropped what it did not write,
    /// and a second sync would hide that.
    pub fn sync(&mut self) -> Result<Lsn, JournalError> {
        self.alive()?;
        if self.dirty.is_empty() {
            return Ok(Lsn(self.durable));
        }
        match self.keep_house() {
            Ok(()) | Err(JournalError::Full) => {}
            Err(error) => return Err(error),
        }
        for segment in &self.dirty {
            if let Err(error) = self.disk.sync(&segment_name(*segment)) {
                self.poisoned = !planted(Bug::SyncFailureForgotten);
                return Err(JournalError::Disk(error));
            }
        }
        self.dirty.clear();
        self.durable = self.next_lsn.saturating_sub(1);
        self.floor = self.floor_marked;
        Ok(Lsn(self.durable))
    }

    /// Writes (without a sync) that the last sync happened, unless something on the disk says so
    /// already: from then on, rot in the last records is told apart from a torn end. To be called
    /// when a sync has finished and nothing waits. Returns whether something was written.
    ///
    /// # Errors
    /// Those of [`Journal::append`].
    pub fn mark_idle(&mut self) -> Result<bool, JournalError> {
        self.alive()?;
        self.give_back();
        let unsynced = self.last_data > self.durable;
        if unsynced || self.last_data <= self.witnessed {
            return Ok(false);
        }
        self.write_marker()?;
        Ok(true)
    }

    /// Says that the database has dealt with every unknown hole that opening reported: the shards
    /// that may have been hit were repaired or are known elsewhere, durably, to need it. The
    /// holes are reported no more after the next sync, and no longer keep their segments. Of more
    /// than a marker can name, with 4 KiB blocks 251, the others are reported again by the next
    /// opening that finds them.
    ///
    /// # Errors
    /// Those of [`Journal::append`].
    pub fn healed(&mut self) -> Result<(), JournalError> {
        self.alive()?;
        if self.holes.is_empty() {
            return Ok(());
        }
        let mut healed = self.healed.clone();
        let limit = Healed::limit(self.config.block_bytes);
        self.holes.iter().for_each(|gap| healed.add_within(gap.first, gap.last, limit));
        let before = core::mem::replace(&mut self.healed, healed);
        if let Err(error) = self.write_marker() {
            self.healed = before;
            return Err(error);
        }
        self.holes.clear();
        Ok(())
    }

    /// Gives back what is no longer needed and prepares spares. Never needed for correctness:
    /// appending does the first by itself, and takes longer where a spare is missing.
    ///
    /// # Errors
    /// If a spare cannot be made; [`JournalError::Full`] is an early warning.
    pub fn tidy(&mut self) -> Result<(), JournalError> {
        self.alive()?;
        self.give_back();
        while self.spares.len() < self.config.spare_segments {
            let spare = self.spares.last().map_or(0, |last| last + 1);
            self.disk.create(&spare_name(spare), self.config.segment_bytes)?;
            self.spares.insert(spare);
        }
        Ok(())
    }

    /// Moves small records out of the oldest segment if they alone keep it, and marks the floor.
    fn keep_house(&mut self) -> Result<(), JournalError> {
        let end = self.end.map_or(0, |end| end.segment);
        if self.bytes() > self.config.bytes_limit && self.rolled_at != end {
            // At most one segment per segment written: the cost is bounded whatever is live.
            let small = self.only_small_in_oldest();
            if !small.is_empty() {
                kernel::sometimes!("journal: small records moved forward");
                self.write(&small, u64::from(self.config.block_bytes))?;
            }
            self.rolled_at = self.end.map_or(0, |end| end.segment);
        }
        if self.first_needed() > self.floor_marked {
            self.write_marker()?;
        }
        Ok(())
    }

    fn only_small_in_oldest(&self) -> Vec<Record> {
        let mut used = self.segments.iter().filter(|(number, _)| !self.is_free(**number));
        let Some((oldest, _)) = used.next() else { return Vec::new() };
        let small = self.live.pins(*oldest).large == 0 && !self.has_hole(*oldest);
        if small && !self.is_end(*oldest) { self.live.small_records(*oldest) } else { Vec::new() }
    }

    /// Position of the first record of the oldest segment that holds something live.
    fn first_needed(&self) -> u64 {
        let used = self.segments.iter().find(|(number, _)| !self.is_free(**number));
        let used = used.map_or(self.floor_marked, |(_, segment)| segment.first_lsn);
        self.holes.iter().map(|gap| gap.first).fold(used, u64::min)
    }

    fn is_free(&self, segment: u64) -> bool {
        let live = self.live.pins(segment) != Pins::default();
        !live && !self.has_hole(segment) && !self.is_end(segment)
    }

    fn has_hole(&self, segment: u64) -> bool {
        self.holes.iter().any(|gap| gap.segment == segment)
    }

    /// A marker may use the block that appends leave free.
    pub(super) fn write_marker(&mut self) -> Result<(), JournalError> {
        let floor = self.first_needed().max(self.floor_marked);
        self.healed.forget_before(floor);
        let span = Some(Span { first: floor, last: floor, term: self.healed.last() });
        let body = self.healed.encode();
        let marker = Record { shard: JOURNAL, kind: RecordKind::Marker, span, body };
        self.write(&[marker], 0)?;
        self.floor_marked = floor;
        Ok(())
    }

    /// Frees the files before the floor, oldest first. What cannot be freed now is tried again.
    pub(super) fn give_back(&mut self) {
        while let Some((&number, segment)) = self.segments.first_key_value() {
            let next = self.segments.range(number + 1..).next();
            if next.is_none_or(|(_, next)| next.first_lsn > self.floor) {
                return;
            }
            let reuse = self.spares.len() < self.config.spare_segments
                && segment.len == self.config.segment_bytes;
            let spare = self.spares.last().map_or(0, |last| last + 1);
            let done = match reuse {
                true => self.disk.rename(&segment_name(number), &spare_name(spare)),
                false => self.disk.remove(&segment_name(number)),
            };
            if done.is_err() {
                return;
            }
            if reuse {
                self.spares.insert(spare);
            }
            self.segments.remove(&number);
        }
    }
}
