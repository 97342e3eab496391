//! Opening: survey, verdict, replay, and mending the end.

use alloc::{collections::BTreeSet, string::ToString, vec, vec::Vec};

use bytes::Bytes;
use kernel::{
    ShardId,
    bug::{Bug, planted},
    disk::{Disk, DiskError},
    wire::crc32c,
};

use super::{
    config::{Config, JournalError},
    header::Header,
    live::{Item, Live, UNSURE},
    log::Journal,
    record::{JOURNAL, Lsn, Record},
    recovery::{Damage, Recovery},
    segment::{Named, parse_name, segment_name},
    survey::survey,
    suspect::{Suspects, suspects},
    verdict::{Verdict, judge},
};

impl<D: Disk> Journal<D> {
    /// Opens the journal in a directory, which may be empty, and finds what it held. The end of
    /// the log is made durable before this returns: what is recovered is not lost later.
    ///
    /// # Errors
    /// If the settings are not possible, the format is newer, or the disk fails otherwise than by
    /// refusing to read: what cannot be read is damage, and is reported as such.
    pub fn open(disk: D, config: Config) -> Result<(Journal<D>, Recovery), JournalError> {
        config.check()?;
        let (mut files, mut spares) = (Vec::new(), Vec::new());
        for (name, len) in disk.list()? {
            match parse_name(&name) {
                Some(Named::Segment(number)) => files.push((number, len)),
                Some(Named::Spare(number)) => spares.push((number, len)),
                None => {}
            }
        }
        files.sort_unstable();
        let survey = survey(&disk, &config, &files)?;
        let verdict = judge(&survey);
        let suspects = suspects(&verdict.kept, &verdict.gaps);
        let mut live = replay(&verdict, &suspects);
        let (records, mut damage) = load(&disk, &mut live)?;
        damage.extend(suspects.damage.iter().copied());
        let shards = verdict.kept.iter().map(|found| found.header.shard);
        let shards: BTreeSet<ShardId> = shards.filter(|shard| *shard != JOURNAL).collect();
        let mut journal = Journal::resume(disk, config, &survey, &verdict, live);
        let tail = journal.mend(&survey, &verdict, &spares)?;
        journal.holes = suspects.holes;
        let recovery = Recovery { records, tail, damage, suspects: suspects.shards, shards };
        journal.finish_open(!recovery.damage.is_empty())?;
        Ok((journal, recovery))
    }

    /// With damage, the proof that it is damage must not depend on records that were cut.
    fn finish_open(&mut self, damaged: bool) -> Result<(), JournalError> {
        let marked = match damaged {
            true => self.write_marker().and_then(|()| self.sync().map(|_| ())),
            false => self.mark_idle().map(|_| ()),
        };
        match marked.and_then(|()| self.tidy()) {
            Ok(()) | Err(JournalError::Full) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn replay(verdict: &Verdict, suspects: &Suspects) -> Live {
    let mut live = Live::default();
    for found in &verdict.kept {
        let item = Item::new(&found.header, found.segment, found.offset, found.intact);
        live.apply(found.header.shard, item);
    }
    // As long as a hole is not healed, the next record of a suspect must not clear it.
    live.last_lsn_of_others = if suspects.unnamed { UNSURE } else { 0 };
    for shard in &suspects.shards {
        live.set_unsure(*shard);
    }
    live
}

/// Reads the bodies of what is live and intact, in log order, and says what is not intact.
fn load<D: Disk>(disk: &D, live: &mut Live) -> Result<(Vec<Record>, Vec<Damage>), JournalError> {
    let mut items: Vec<(ShardId, Item)> =
        live.items().map(|(id, item)| (id, item.clone())).collect();
    items.sort_unstable_by_key(|(_, item)| (item.place, item.span.map(|span| span.first)));
    let (mut records, mut damage) = (Vec::with_capacity(items.len()), Vec::new());
    for (shard, item) in items {
        if !item.intact {
            damage.push(known_hole(records.len(), shard, &item));
            continue;
        }
        let mut body = vec![0; usize::try_from(item.body_len).unwrap_or(0)];
        let offset = item.offset + Header::LEN as u64;
        disk.read(&segment_name(item.segment), offset, &mut body)?;
        let trusting = planted(Bug::ChecksumIgnored) || planted(Bug::TornTailAccepted);
        if crc32c(&body) != item.body_crc && !trusting {
            let text = "two reads of the same place differ".to_string();
            return Err(JournalError::Disk(DiskError::Io(text)));
        }
        let body = Bytes::from(body);
        if item.is_small() {
            live.set_body(shard, item.lsn, body.clone());
        }
        records.push(Record { shard, kind: item.kind, span: item.span, body });
    }
    Ok((records, damage))
}

fn known_hole(at: usize, shard: ShardId, item: &Item) -> Damage {
    Damage {
        at,
        segment: item.segment,
        offset: item.offset,
        first: Lsn(item.lsn),
        last: Lsn(item.lsn),
        shard: Some(shard),
        kind: Some(item.kind),
        span: item.span,
    }
}
