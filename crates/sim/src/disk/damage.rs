//! Lasting damage: bit rot, lost and misdirected writes.
//!
//! A journal can prove that a record is missing only by another one that was written after it was
//! durable. What the last sync before a crash wrote has no such witness, and nobody claims to
//! detect its loss: so rot spares it, and a lie about it is taken back when the node starts again.
//!
//! ```text
//!   sync ── sync (lie) ── sync ── crash      the lie stands: the last sync has told on it
//!   sync ── sync (lie) ── crash              the lie is taken back
//! ```
//!
//! A node that starts syncs the end of its journal before it can say that it was durable, and may
//! fail between the two. So what it syncs until it runs witnesses nothing.

use std::collections::BTreeSet;

use kernel::{Rng, disk::DiskError};
use serde::{Deserialize, Serialize};

use super::{Lie, SECTOR, SimDisk, State};
use crate::machine::Copied;

/// Where on a disk something goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Only files whose name starts with this; any file if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Only this part of what was written; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Decides what the other fields leave open.
    pub pick: u64,
}

/// A part of each file's written sectors: the `part`-th of `of` equal parts, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Which part.
    pub part: u64,
    /// How many parts.
    pub of: u64,
}

impl Region {
    fn contains(self, index: usize, count: usize) -> bool {
        let of = self.of.max(1);
        index as u64 * of / (count.max(1) as u64) == self.part.min(of - 1)
    }
}

/// A lie that nothing on the disk gives away yet: what should stand where.
#[derive(Debug)]
pub(super) struct Untold {
    file: String,
    sectors: Vec<(u64, Vec<u8>)>,
}

impl SimDisk {
    /// A node starts: lies without a witness are taken back, and until it has
    /// [opened](SimDisk::opened), its syncs are no witnesses either.
    pub(crate) fn own_up(&self) {
        let state = &mut *self.0.borrow_mut();
        state.opening = true;
        for untold in std::mem::take(&mut state.untold).into_iter().rev() {
            let Some(file) = state.files.get_mut(&untold.file) else { continue };
            for (sector, truth) in untold.sectors {
                file.restore(sector, &truth);
            }
        }
    }

    /// The node runs: its next sync is a witness of all before.
    pub(crate) fn opened(&self) {
        self.0.borrow_mut().opening = false;
    }

    /// Flips one durable bit; `false` if nothing was ever written at such a place.
    pub fn rot(&self, place: &Place) -> bool {
        let state = &mut *self.0.borrow_mut();
        let mut rng = Rng::new(place.pick);
        let candidates: Vec<(&String, u64)> = state
            .files
            .iter()
            .filter(|(name, _)| name.starts_with(&place.file))
            .flat_map(|(name, file)| {
                let count = file.written().len();
                let inside = move |i| place.region.is_none_or(|r| r.contains(i, count));
                let sectors = file.written().iter().enumerate();
                sectors.filter(move |(i, _)| inside(*i)).map(move |(_, sector)| (name, *sector))
            })
            .filter(|(name, sector)| !state.fresh.contains(&((*name).clone(), *sector)))
            .collect();
        let Some((name, sector)) = rng.pick(&candidates).map(|(name, s)| ((*name).clone(), *s))
        else {
            return false;
        };
        if let Some(file) = state.files.get_mut(&name) {
            let bits = file.range(sector).len() as u64 * 8;
            file.flip(sector * SECTOR as u64 * 8 + rng.below(bits));
            state.counters.sectors_damaged += 1;
        }
        true
    }

    /// Whether a power cut would lose nothing.
    pub(crate) fn synced(&self) -> bool {
        self.0.borrow().files.values().all(|file| file.dirty().is_empty())
    }

    /// Flips one durable bit of a copy; `false` if the last sync wrote it, or a write waits there.
    pub(crate) fn rot_at(&self, copy: &Copied, rng: &mut Rng) -> bool {
        let state = &mut *self.0.borrow_mut();
        let Some(file) = state.files.get_mut(&copy.file).filter(|_| copy.len > 0) else {
            return false;
        };
        let bit = copy.offset * 8 + rng.below(copy.len * 8);
        let sector = bit / 8 / SECTOR as u64;
        let fresh = state.fresh.contains(&(copy.file.clone(), sector));
        if fresh || !file.written().contains(&sector) || file.dirty().contains(&sector) {
            return false;
        }
        file.flip(bit);
        state.counters.sectors_damaged += 1;
        true
    }
}

impl State {
    /// A sync wrote these sectors, with a lie about them or not. If it is another than the last
    /// one, that one has its witness now, unless the lie hides it.
    pub(super) fn synced(&mut self, name: &str, dirty: &BTreeSet<u64>, told: Option<Untold>) {
        let another = std::mem::take(&mut self.wrote) && !self.opening;
        if another {
            self.fresh.clear();
        }
        match told {
            None if another => self.untold.clear(),
            // What should stand in these sectors is what was written now, not what was before.
            _ => self
                .untold
                .iter_mut()
                .filter(|old| old.file == name)
                .for_each(|old| old.sectors.retain(|(sector, _)| !dirty.contains(sector))),
        }
        self.untold.extend(told);
        self.fresh.extend(dirty.iter().map(|sector| (name.to_owned(), *sector)));
    }

    /// Carries out the next lie about this sync, if one waits and has something to lie about,
    /// and returns it.
    pub(super) fn lie(&mut self, name: &str) -> Result<Option<Untold>, DiskError> {
        let Some(lie) = self.lies.first().copied() else { return Ok(None) };
        let file = self.file(name)?;
        let dirty: Vec<u64> = file.dirty().iter().copied().collect();
        if dirty.is_empty() {
            return Ok(None);
        }
        let mut sectors = Vec::new();
        let choose = |pick: u64| dirty[(pick % dirty.len() as u64) as usize];
        match lie {
            Lie::Fail => dirty.iter().for_each(|sector| file.drop_write(*sector)),
            Lie::Lose { pick } => {
                let sector = choose(pick);
                sectors.push((sector, file.content(sector)));
                file.drop_write(sector);
            }
            Lie::Misdirect { pick } => {
                let sector = choose(pick);
                let others = file.sectors() - 1;
                let step = 1 + Rng::new(pick).below(others.max(1));
                let wrong = (sector + step) % file.sectors();
                sectors.push((sector, file.content(sector)));
                if others == 0 {
                    file.drop_write(sector);
                } else {
                    sectors.push((wrong, file.content(wrong)));
                    file.misdirect(sector, wrong);
                }
            }
        }
        self.lies.remove(0);
        self.counters.sectors_damaged += u64::from(lie != Lie::Fail);
        match lie {
            Lie::Fail => Err(DiskError::Io("sync failed".to_owned())),
            _ => Ok(Some(Untold { file: name.to_owned(), sectors })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::disk::Disk;

    const NOWHERE: [usize; 0] = [];

    fn written() -> SimDisk {
        let mut disk = SimDisk::new(0, Rng::new(1));
        for name in ["log-1", "meta"] {
            disk.create(name, 64 * SECTOR as u64).unwrap();
            disk.write(name, 0, &[0; 8 * SECTOR]).unwrap();
            disk.sync(name).unwrap();
        }
        disk
    }

    fn damaged(disk: &SimDisk, name: &str) -> Vec<usize> {
        let mut content = vec![0; 64 * SECTOR];
        disk.read(name, 0, &mut content).unwrap();
        content.iter().enumerate().filter(|(_, b)| **b != 0).map(|(i, _)| i / SECTOR).collect()
    }

    #[test]
    fn rot_stays_in_its_place_and_flips_one_bit() {
        for pick in 0..64 {
            let disk = written();
            let place = Place { file: "log".into(), region: Some(Region { part: 1, of: 4 }), pick };
            assert!(disk.rot(&place));
            let sectors = damaged(&disk, "log-1");
            assert_eq!(sectors.len(), 1);
            assert!((2..4).contains(&sectors[0]), "{sectors:?}");
            assert_eq!(damaged(&disk, "meta"), NOWHERE);
        }
    }

    #[test]
    fn rot_needs_something_written() {
        let disk = SimDisk::new(0, Rng::new(1));
        assert!(!disk.rot(&Place::default()));
        assert!(!written().rot(&Place { file: "other".into(), ..Place::default() }));
    }

    #[test]
    fn a_failed_sync_loses_what_was_unsynced() {
        let mut disk = written();
        disk.write("log-1", 0, b"new").unwrap();
        disk.lie_at_next_sync(Lie::Fail);
        assert!(matches!(disk.sync("log-1"), Err(DiskError::Io(_))));
        assert_eq!(disk.sync("log-1"), Ok(()), "a second try succeeds and proves nothing");
        assert_eq!(damaged(&disk, "log-1"), NOWHERE);
    }

    #[test]
    fn lies_wait_for_a_sync_that_writes_and_happen_once() {
        let mut disk = written();
        disk.lie_at_next_sync(Lie::Lose { pick: 3 });
        disk.sync("log-1").unwrap();
        disk.write("log-1", 0, &[7; SECTOR]).unwrap();
        disk.sync("log-1").unwrap();
        assert_eq!(damaged(&disk, "log-1"), NOWHERE, "lost");
        disk.write("log-1", 0, b"x").unwrap();
        disk.sync("log-1").unwrap();
        assert_eq!(damaged(&disk, "log-1"), [0], "the next one is honest");
    }

    #[test]
    fn a_lie_stands_once_a_later_sync_has_followed() {
        for (lie, witnessed) in [Lie::Lose { pick: 1 }, Lie::Misdirect { pick: 1 }]
            .into_iter()
            .flat_map(|lie| [(lie, false), (lie, true)])
        {
            let mut disk = written();
            disk.write("log-1", 0, &[7; SECTOR]).unwrap();
            disk.lie_at_next_sync(lie);
            disk.sync("log-1").unwrap();
            if witnessed {
                disk.sync("log-1").unwrap();
                disk.write("log-1", SECTOR as u64, &[8; SECTOR]).unwrap();
                disk.sync("log-1").unwrap();
            }
            disk.own_up();
            let first = damaged(&disk, "log-1").iter().filter(|sector| **sector == 0).count();
            assert_eq!(first, if witnessed { 0 } else { SECTOR }, "{lie:?}");
        }
    }

    #[test]
    fn a_failed_sync_witnesses_nothing() {
        let mut disk = written();
        disk.write("log-1", 0, &[7; SECTOR]).unwrap();
        disk.lie_at_next_sync(Lie::Lose { pick: 1 });
        disk.lie_at_next_sync(Lie::Fail);
        disk.sync("log-1").unwrap();
        disk.write("log-1", SECTOR as u64, &[8; SECTOR]).unwrap();
        assert!(disk.sync("log-1").is_err());
        disk.own_up();
        assert_eq!(damaged(&disk, "log-1"), [0; SECTOR]);
    }

    #[test]
    fn rot_spares_what_the_last_sync_wrote() {
        let mut disk = written();
        disk.write("log-1", 20 * SECTOR as u64, &[0; SECTOR]).unwrap();
        disk.sync("log-1").unwrap();
        for pick in 0..64 {
            disk.rot(&Place { file: "log".into(), pick, ..Place::default() });
        }
        assert!(damaged(&disk, "log-1").iter().all(|sector| *sector < 8));
    }

    #[test]
    fn a_lie_taken_back_does_not_undo_what_was_written_since() {
        for pick in 0..64 {
            let mut disk = written();
            for sector in 0..64 {
                disk.lie_at_next_sync(Lie::Misdirect { pick: pick * 64 + sector });
                disk.write("log-1", sector * SECTOR as u64, &[7; SECTOR]).unwrap();
                disk.sync("log-1").unwrap();
            }
            disk.own_up();
            assert_eq!(damaged(&disk, "log-1").len(), 64 * SECTOR);
        }
    }

    #[test]
    fn syncs_of_several_files_without_a_write_between_them_are_one() {
        let mut disk = written();
        for name in ["log-1", "meta"] {
            disk.write(name, 20 * SECTOR as u64, &[7; SECTOR]).unwrap();
        }
        disk.lie_at_next_sync(Lie::Lose { pick: 0 });
        disk.sync("log-1").unwrap();
        disk.sync("meta").unwrap();
        disk.own_up();
        assert_eq!(damaged(&disk, "log-1"), [20; SECTOR], "the lie was taken back");
        for pick in 0..64 {
            disk.rot(&Place { pick, ..Place::default() });
        }
        assert_eq!(damaged(&disk, "log-1").iter().filter(|s| **s == 20).count(), SECTOR);
    }

    #[test]
    fn what_a_node_syncs_before_it_runs_witnesses_nothing() {
        let spared = |opened: bool| {
            let mut disk = written();
            disk.write("log-1", 20 * SECTOR as u64, &[7; SECTOR]).unwrap();
            disk.lie_at_next_sync(Lie::Lose { pick: 0 });
            disk.sync("log-1").unwrap();
            disk.own_up();
            if opened {
                disk.opened();
            }
            disk.write("log-1", 30 * SECTOR as u64, &[0; SECTOR]).unwrap();
            disk.sync("log-1").unwrap();
            for pick in 0..128 {
                disk.rot(&Place { file: "log".into(), pick, ..Place::default() });
            }
            let mut content = vec![0; SECTOR];
            disk.read("log-1", 20 * SECTOR as u64, &mut content).unwrap();
            content == [7; SECTOR]
        };
        assert!(spared(false));
        assert!(!spared(true));
    }

    #[test]
    fn a_misdirected_write_lands_elsewhere() {
        for pick in 0..32 {
            let mut disk = written();
            disk.write("log-1", 0, &[7; SECTOR]).unwrap();
            disk.lie_at_next_sync(Lie::Misdirect { pick });
            disk.sync("log-1").unwrap();
            let sectors = damaged(&disk, "log-1");
            assert_eq!(sectors.len(), SECTOR);
            assert_ne!(sectors[0], 0);
        }
    }
}
