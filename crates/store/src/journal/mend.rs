//! Making the end of the log fit for the next append.
//!
//! What was cut is overwritten with zeros, so that no later opening can take it for a record.
//! The order matters: if damage is known to be damage only by the word of records that are about
//! to be cut, that word goes into the segment's header first.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use kernel::disk::Disk;

use super::{
    config::{Config, JournalError},
    live::Live,
    log::{End, Journal, Segment},
    record::JOURNAL,
    recovery::Tail,
    segment::{SegmentHeader, segment_name, spare_name},
    survey::{File, Survey},
    verdict::Verdict,
};

impl<D: Disk> Journal<D> {
    /// A journal that goes on where the verdict says.
    pub(super) fn resume(
        disk: D,
        config: Config,
        survey: &Survey,
        verdict: &Verdict,
        live: Live,
    ) -> Journal<D> {
        let data = verdict.kept.iter().filter(|found| found.header.shard != JOURNAL);
        Journal {
            disk,
            config,
            live,
            segments: segments(survey, verdict),
            ready: BTreeSet::new(),
            spares: BTreeSet::new(),
            end: None,
            dirty: BTreeSet::new(),
            next_lsn: verdict.next,
            durable: verdict.next - 1,
            last_data: data.map(|found| found.header.lsn).max().unwrap_or(0),
            witnessed: verdict.kept_proof,
            floor_marked: verdict.floor,
            floor: verdict.floor,
            healed: verdict.healed.clone(),
            holes: Vec::new(),
            rolled_at: 0,
            poisoned: false,
        }
    }

    /// Removes what was cut, makes what was kept durable, and finds the place to go on.
    pub(super) fn mend(
        &mut self,
        survey: &Survey,
        verdict: &Verdict,
        spares: &[(u64, u64)],
    ) -> Result<Tail, JournalError> {
        self.testify(survey, verdict)?;
        let last = self.segments.last_key_value().map(|(number, _)| *number);
        let mut bytes_cut = 0;
        let mut unsynced = BTreeSet::new();
        for number in self.segments.keys() {
            let cut = verdict.cut.iter().filter(|found| found.segment == *number);
            let Some(to) = cut.map(|found| found.end()).max() else { continue };
            let (from, len) = (verdict.end_in(*number), self.segments[number].len);
            let zeros = to.min(len).saturating_sub(from);
            if zeros == 0 {
                continue;
            }
            let scar = vec![0; usize::try_from(zeros).unwrap_or(0)];
            self.disk.write(&segment_name(*number), from, &scar)?;
            unsynced.insert(*number);
            bytes_cut += zeros;
        }
        let unproven = verdict.kept.iter().filter(|found| found.header.lsn > verdict.proof);
        unsynced.extend(unproven.map(|found| found.segment));
        for number in unsynced {
            self.disk.sync(&segment_name(number))?;
        }
        for file in survey.files.iter().filter(|file| last.is_none_or(|last| file.number > last)) {
            self.disk.remove(&segment_name(file.number))?;
        }
        self.adopt(spares)?;
        self.end = last.and_then(|last| self.end_of(survey, verdict, last));
        let segment = last.unwrap_or(0);
        let offset = verdict.end_in(segment);
        let torn = Tail::Torn { segment, offset, bytes_cut };
        Ok(if verdict.torn { torn } else { Tail::Clean })
    }

    /// Writes the proof into the header of the last segment kept, if it is needed and if only
    /// records that will be cut carry it.
    fn testify(&mut self, survey: &Survey, verdict: &Verdict) -> Result<(), JournalError> {
        let damaged = !verdict.gaps.is_empty() || verdict.kept.iter().any(|found| !found.intact);
        let last = self.segments.last_key_value();
        let (true, Some((&number, segment))) = (damaged && verdict.torn, last) else {
            return Ok(());
        };
        if verdict.proof <= verdict.kept_proof || segment.len < SegmentHeader::LEN as u64 {
            return Ok(());
        }
        kernel::sometimes!("journal: testimony of cut records kept");
        let old = survey.files.iter().find(|file| file.number == number).and_then(|f| f.header);
        let header = SegmentHeader {
            version: old.map_or(SegmentHeader::VERSION, |old| old.version),
            block_bytes: old.map_or(self.config.block_bytes, |old| old.block_bytes),
            number,
            first_lsn: segment.first_lsn,
            floor: verdict.floor,
            durable: verdict.proof,
        };
        self.disk.write(&segment_name(number), 0, &header.encode(self.config.id))?;
        self.disk.sync(&segment_name(number))?;
        Ok(())
    }

    /// Without any segment the numbers begin again, and a spare could hold records of the same
    /// numbers.
    fn adopt(&mut self, spares: &[(u64, u64)]) -> Result<(), JournalError> {
        for (number, len) in spares {
            let useful = *len == self.config.segment_bytes
                && !self.segments.is_empty()
                && self.spares.len() < self.config.spare_segments;
            match useful {
                true => drop(self.spares.insert(*number)),
                false => self.disk.remove(&spare_name(*number))?,
            }
        }
        Ok(())
    }

    /// Where to append in the last segment, if that is safe.
    fn end_of(&self, survey: &Survey, verdict: &Verdict, last: u64) -> Option<End> {
        let file = survey.files.iter().find(|file| file.number == last)?;
        let header = file.header?;
        let refused = survey.gaps.iter().any(|gap| gap.refused && gap.segment == last);
        let block = self.config.block_bytes;
        let same = header.version == SegmentHeader::VERSION
            && header.block_bytes == block
            && file.len.is_multiple_of(u64::from(block));
        let offset = self.padded(verdict.end_in(last));
        (same && !refused).then_some(End { segment: last, offset })
    }
}

/// The segments that go on to be used, with the positions of their first records.
fn segments(survey: &Survey, verdict: &Verdict) -> BTreeMap<u64, Segment> {
    let begun = |file: &File| file.header.is_some_and(|header| header.first_lsn <= verdict.next);
    let first_in = |number: u64| {
        let found = survey.found.iter().find(|found| found.segment == number);
        found.map(|found| found.header.lsn).filter(|lsn| *lsn < verdict.next)
    };
    let refused = |number| survey.gaps.iter().any(|gap| gap.refused && gap.segment == number);
    let used = |f: &&File| begun(f) || first_in(f.number).is_some() || refused(f.number);
    let last = survey.files.iter().filter(used).map(|file| file.number).max();
    let mut segments = BTreeMap::new();
    let mut first_lsn = verdict.next;
    for file in survey.files.iter().rev().filter(|file| last.is_some_and(|l| file.number <= l)) {
        let header = file.header.map(|header| header.first_lsn);
        first_lsn = header.or(first_in(file.number)).unwrap_or(first_lsn);
        segments.insert(file.number, Segment { len: file.len, first_lsn });
    }
    segments
}
