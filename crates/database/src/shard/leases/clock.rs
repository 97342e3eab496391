//! The clock: which leases there are, and when each has run out.

use alloc::{collections::BTreeSet, vec::Vec};

use hashbrown::HashTable;
use kernel::{
    Duration, Instant,
    bug::{Bug, planted},
};
use layers::coordination::{LeaseChange, LeaseCheckpoint, LeaseRecord, Overdue};

use super::{
    agenda::Agenda,
    limits::{ENDING_MAX, LOOKED_AT_MAX, LOTS_MAX, NOTED_MAX, SWEEPS_MAX},
};

/// Places of the agenda that may be out of date, beside as many as there are leases.
const STALE_MAX: usize = 1_024;

/// How a clock counts.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The most that counts of the time between two turns.
    pub step: Duration,
    /// What is left of a lease is noted when it was not renewed for this long, or for half of its
    /// time if that is less.
    pub note_after: Duration,
}

/// A lease. There may be millions.
#[derive(Clone, Copy, Debug)]
struct Lease {
    id: i64,
    /// When it has run out, in milliseconds of lease time.
    due: u64,
    /// What was granted, in seconds.
    ttl: i64,
    renewal: u64,
}

/// What the clock says to a keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The lease has its whole time again; the log may say that it has less.
    Alive {
        /// Only a renewal in the log makes the next leader give it its whole time, too.
        log_it: bool,
    },
    /// Its end is proposed: too late.
    Ending,
    /// The clock does not know it (yet): nothing of its time is spent.
    Unknown,
}

/// What a turn has to propose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// Leases that have run out.
    pub overdue: Vec<Overdue>,
    /// What is left of others.
    pub noted: Vec<LeaseCheckpoint>,
}

/// The clock of one leadership.
pub struct Clock {
    /// The term of the leadership.
    pub term: u64,
    pace: Pace,
    /// Lease time.
    time: Duration,
    /// The moment up to which it is counted.
    counted_to: Instant,
    /// No order of this table can be seen.
    leases: HashTable<Lease>,
    salt: u64,
    agenda: Agenda,
    /// Leases whose end is proposed.
    ending: BTreeSet<i64>,
    /// Leases of which the log says, or will say, that they have less than their whole time.
    noted: BTreeSet<i64>,
    /// The last lease that was read from the records, until all are.
    loading: Option<i64>,
    /// Steps of a sweep that may be proposed in this turn.
    sweeps: u32,
    /// Leases that may be looked at in this turn, and lots that may be proposed.
    looks: usize,
    lots: u32,
    /// More is due than the last lot took.
    more: bool,
    /// The log index of the last lot.
    lot: u64,
}

fn millis(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}

impl Clock {
    /// The clock of a leadership that begins. Nobody can choose ids that fall on each other without
    /// knowing the salt.
    pub fn new(term: u64, now: Instant, pace: Pace, salt: u64) -> Clock {
        Clock {
            term,
            pace,
            time: Duration::ZERO,
            counted_to: now,
            leases: HashTable::new(),
            salt,
            agenda: Agenda::default(),
            ending: BTreeSet::new(),
            noted: BTreeSet::new(),
            loading: Some(0),
            sweeps: 0,
            looks: 0,
            lots: 0,
            more: false,
            lot: 0,
        }
    }

    /// Counts up to the latest moment at which the replica is known to have led; whether time has
    /// passed.
    pub fn count(&mut self, proven: Instant) -> bool {
        let passed = proven.since(self.counted_to);
        self.counted_to = self.counted_to.max(proven);
        let all = planted(Bug::LeaseTimeUnproven) || planted(Bug::LeaseNotFrozen);
        self.time += if all { passed } else { passed.min(self.pace.step) };
        !passed.is_zero()
    }

    /// Lease time in milliseconds.
    fn time(&self) -> u64 {
        u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX)
    }

    /// The latest that lease time can be at this moment: what is counted from here on has not run
    /// out before its whole time has passed, whenever the next turn comes.
    fn at_most(&self, now: Instant) -> u64 {
        let at_most = self.time + now.since(self.counted_to);
        u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Reads the next page of the records behind this lease, unless all are read.
    pub fn loading(&self) -> Option<i64> {
        self.loading
    }

    /// Takes a page of the records. What the clock knows already, it knows better.
    pub fn load(&mut self, now: Instant, page: &[LeaseRecord], more: bool) {
        for record in page {
            if self.get(record.id).is_none() {
                self.set(now, record);
            }
        }
        self.loading = page.last().filter(|_| more).map(|last| last.id);
    }

    /// Follows what was applied.
    pub fn follow(&mut self, now: Instant, change: &LeaseChange) {
        match change {
            LeaseChange::Live(record) => self.set(now, record),
            LeaseChange::Ended(id) => self.end(*id),
            LeaseChange::Imported => self.loading = Some(0),
        }
    }

    fn set(&mut self, now: Instant, record: &LeaseRecord) {
        let LeaseRecord { id, ttl, renewal, .. } = *record;
        let short = record.remaining_ttl < ttl && !planted(Bug::CheckpointIgnored);
        let left = if short { record.remaining_ttl } else { ttl };
        let due = self.at_most(now).saturating_add(millis(left));
        let lease = Lease { id, due, ttl, renewal };
        if short {
            self.noted.insert(id);
        } else {
            self.noted.remove(&id);
        }
        let ended = self.ending.remove(&id);
        match self.get_mut(id) {
            // It has a place on the agenda, and more time than when it got it.
            Some(known) if !ended => *known = lease,
            Some(known) => {
                *known = lease;
                self.plan(&lease);
            }
            None => {
                let (hash, salt) = (hash(self.salt, id), self.salt);
                self.leases.insert_unique(hash, lease, |lease| self::hash(salt, lease.id));
                self.plan(&lease);
            }
        }
    }

    fn end(&mut self, id: i64) {
        if let Ok(entry) = self.leases.find_entry(hash(self.salt, id), |lease| lease.id == id) {
            entry.remove();
        }
        self.ending.remove(&id);
        self.noted.remove(&id);
    }

    /// Gives a lease its whole time again.
    pub fn keep_alive(&mut self, now: Instant, id: i64) -> Kept {
        if self.ending.contains(&id) && !planted(Bug::KeepAliveWhileEnding) {
            return Kept::Ending;
        }
        let (at_most, log_it) = (self.at_most(now), self.noted.contains(&id));
        let Some(lease) = self.get_mut(id) else { return Kept::Unknown };
        lease.due = at_most.saturating_add(millis(lease.ttl));
        Kept::Alive { log_it }
    }

    /// What a lease has left, in whole seconds, the rest cut off; `None` if the clock does not know
    /// it.
    pub fn left(&self, now: Instant, id: i64) -> Option<i64> {
        let lease = self.get(id)?;
        let left = lease.due.saturating_sub(self.at_most(now)) / 1_000;
        // What a stretch that hardly counted seemed to be at most is still in its time.
        Some(i64::try_from(left).unwrap_or(i64::MAX).min(lease.ttl))
    }

    /// Looks at leases whose turn has come: those that have run out are as good as ended, unless
    /// [`Clock::not_proposed`] takes it back.
    pub fn turn(&mut self) -> Due {
        (self.sweeps, self.looks, self.lots) = (SWEEPS_MAX, LOOKED_AT_MAX, LOTS_MAX);
        self.next_lot()
    }

    /// A lot was proposed, and stands at this index of the log.
    pub fn proposed(&mut self, index: u64) {
        self.lot = index;
    }

    /// What comes next of the same turn, now that the log is applied up to an index.
    pub fn go_on(&mut self, applied: u64) -> Due {
        match self.more && self.lots > 0 && applied >= self.lot {
            true => self.next_lot(),
            false => Due::default(),
        }
    }

    fn next_lot(&mut self) -> Due {
        let (mut due, time) = (Due::default(), self.time());
        (self.lots, self.more) = (self.lots.saturating_sub(1), false);
        while self.looks > 0 && self.agenda.is_due(time) {
            if self.ending.len() == ENDING_MAX || due.noted.len() == NOTED_MAX {
                kernel::sometimes!("leases: more run out than may end at once");
                self.more = true;
                break;
            }
            self.looks -= 1;
            let Some(id) = self.agenda.take(time) else { break };
            let Some(lease) = self.get(id).copied() else { continue };
            if self.ending.contains(&id) {
                continue;
            }
            if lease.due <= time {
                self.ending.insert(id);
                due.overdue.push(Overdue { id, renewal: lease.renewal });
                continue;
            }
            due.noted.extend(self.note(&lease));
            self.plan(&lease);
        }
        due
    }

    /// What the next leader is to know of a lease that was not renewed for a while, unless whole
    /// seconds say no less than what was granted.
    fn note(&mut self, lease: &Lease) -> Option<LeaseCheckpoint> {
        let Lease { id, due, ttl, renewal } = *lease;
        let left = due.saturating_sub(self.time());
        let remaining_ttl = i64::try_from(left.div_ceil(1_000)).unwrap_or(i64::MAX);
        let quiet = millis(ttl).saturating_sub(left) >= self.note_after(ttl);
        (quiet && remaining_ttl < ttl).then(|| {
            self.noted.insert(id);
            LeaseCheckpoint { id, remaining_ttl, renewal }
        })
    }

    /// What a turn found could not be proposed: it is found again.
    pub fn not_proposed(&mut self, overdue: &[Overdue]) {
        let time = self.time();
        for Overdue { id, .. } in overdue {
            self.ending.remove(id);
            self.agenda.put(time, *id);
        }
    }

    /// Whether one more step of a sweep may be proposed before the next turn.
    pub fn may_sweep(&mut self) -> bool {
        let left = self.sweeps.checked_sub(1);
        self.sweeps = left.unwrap_or(0);
        left.is_some()
    }

    /// Clients renew a lease before half of its time is gone: what they keep alive is not noted.
    fn note_after(&self, ttl: i64) -> u64 {
        u64::try_from(self.pace.note_after.as_millis()).unwrap_or(u64::MAX).min(millis(ttl) / 2)
    }

    /// Gives a lease its next place on the agenda. Places that leases have left behind, and those
    /// of leases that ended and came back, are cleared away once they are too many.
    fn plan(&mut self, lease: &Lease) {
        if self.agenda.len() <= 2 * self.leases.len() + STALE_MAX {
            return self.agenda.put(self.next_look(lease), lease.id);
        }
        kernel::sometimes!("leases: the agenda was made anew");
        let mut all: Vec<(u64, i64)> =
            self.leases.iter().map(|lease| (self.next_look(lease), lease.id)).collect();
        all.sort_unstable();
        self.agenda = Agenda::default();
        all.into_iter().for_each(|(at, id)| self.agenda.put(at, id));
    }

    /// When a lease will not have been renewed for long enough, and from then on as often.
    fn next_look(&self, lease: &Lease) -> u64 {
        let (time, after) = (self.time(), self.note_after(lease.ttl));
        let first = lease.due.saturating_sub(millis(lease.ttl)).saturating_add(after);
        lease.due.min(if first > time { first } else { time.saturating_add(after) })
    }

    fn get(&self, id: i64) -> Option<&Lease> {
        self.leases.find(hash(self.salt, id), |lease| lease.id == id)
    }

    fn get_mut(&mut self, id: i64) -> Option<&mut Lease> {
        self.leases.find_mut(hash(self.salt, id), |lease| lease.id == id)
    }
}

/// Mixed so that every bit of an id, and of the salt, counts in every bit.
fn hash(salt: u64, id: i64) -> u64 {
    let mut mixed = (id as u64) ^ salt;
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        mixed = (mixed ^ mixed >> 33).wrapping_mul(factor);
    }
    mixed ^ mixed >> 33
}

#[cfg(test)]
mod tests;
