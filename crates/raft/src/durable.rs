//! What is on the disk, what is on its way, and what has to be written.
//!
//! ```text
//!   changes ──stage──▶ Staged ──settle: one Persist──▶ under way ──Persisted──▶ durable
//!                        ▲                                 │
//!                        └────────── PersistFailed ────────┘
//! ```
//!
//! Handlers only mark what changed. When the batch settles, one write takes the hard state and
//! the changed suffix of the log as they are *then*. A failed write, and every write after it,
//! goes back to what is staged: acknowledgements are computed from `durable`, which a hole in
//! the journal can therefore never pass.

use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

use kernel::{Duration, Instant, Now, Token};

use crate::{
    entry::Entry,
    note::{Note, StepDownReason},
    raft::{Out, Raft},
    record::Record,
    start::Standing,
};

/// What promises must wait for before they leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Nothing.
    Durable,
    /// This write.
    After(Token),
    /// The disk has failed; they must not leave at all.
    Blocked,
}

/// What has to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staged {
    pub(crate) hard: bool,
    /// The log starts anew: the journal's is void.
    pub(crate) snapshot: bool,
    /// The log goes on, without its front.
    pub(crate) compacted: bool,
    /// The log from here on.
    pub(crate) from: Option<u64>,
    /// Entries that came back after the disk had lost them.
    pub(crate) fills: BTreeSet<u64>,
    pub(crate) standing: Option<Standing>,
}

impl Staged {
    fn is_empty(&self) -> bool {
        let log = self.from.is_none() && !self.snapshot && !self.compacted;
        log && self.fills.is_empty() && !self.hard && self.standing.is_none()
    }

    /// Adds what a lost write held; what was staged later wins.
    fn restage(&mut self, lost: Staged) {
        self.hard |= lost.hard;
        self.snapshot |= lost.snapshot;
        self.compacted |= lost.compacted;
        self.standing = self.standing.or(lost.standing);
        self.fills.extend(lost.fills);
        if let Some(from) = lost.from {
            self.stage_log(from);
        }
    }

    pub(crate) fn stage_log(&mut self, from: u64) {
        self.from = Some(self.from.map_or(from, |earlier| earlier.min(from)));
    }
}

#[derive(Clone, Debug)]
struct Write {
    token: Token,
    issued: Instant,
    /// The log is durable to here once this write is; lowered when the log is truncated.
    last: u64,
    staged: Staged,
}

/// The disk as the replica knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) staged: Staged,
    under_way: VecDeque<Write>,
    issued: u64,
    durable: u64,
    /// A write failed and none that was issued later has succeeded.
    pub(crate) failed: bool,
    /// How many writes had been issued when one failed.
    failed_at: u64,
    /// The staged changes may be tried again.
    pub(crate) retry: bool,
    /// Until then this disk counts as slow.
    slow_until: Instant,
}

impl Disk {
    pub(crate) fn new(durable: u64) -> Disk {
        Disk { durable, ..Disk::default() }
    }

    /// The log is durable up to here.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// The log changed from `index` on: what was durable there is void.
    pub(crate) fn replaced_from(&mut self, index: u64) {
        let kept = index.saturating_sub(1);
        self.durable = self.durable.min(kept);
        for write in &mut self.under_way {
            write.last = write.last.min(kept);
        }
    }

    /// What covers everything that was written so far.
    fn cover(&self) -> Cover {
        self.under_way.back().map_or(Cover::Durable, |write| Cover::After(write.token))
    }

    /// Whether the present term and vote would survive a crash. What a follower confirms to the
    /// leader of a term it must not confirm to an older one afterwards.
    pub(crate) fn holds_term(&self) -> bool {
        !self.staged.hard && !self.under_way.iter().any(|write| write.staged.hard)
    }

    /// How long the oldest write has been under way.
    pub(crate) fn waiting(&self, now: Now) -> Duration {
        self.under_way.front().map_or(Duration::ZERO, |write| now.instant.since(write.issued))
    }

    /// Takes note of a slow write; the disk counts as slow for some time after the last one.
    pub(crate) fn judge(&mut self, now: Now, slow: Duration, memory: Duration) {
        if self.waiting(now) > slow {
            self.slow_until = now.instant + memory;
        }
    }

    /// Not a place for leadership.
    pub(crate) fn unwell(&self, now: Now) -> bool {
        self.failed || self.slow_until > now.instant
    }
}

impl Raft {
    /// Writes what is staged and tells what covers everything so far.
    pub(crate) fn persist(&mut self, now: Now, out: &mut Out) -> Cover {
        if self.disk.staged.is_empty() {
            return self.disk.cover();
        }
        if self.disk.failed && !self.disk.retry {
            return Cover::Blocked;
        }
        let staged = core::mem::take(&mut self.disk.staged);
        let records = self.records(&staged);
        self.disk.retry = false;
        self.disk.issued += 1;
        let token = Token(self.disk.issued);
        let last = self.log.last();
        self.disk.under_way.push_back(Write { token, issued: now.instant, last, staged });
        out.push(kernel::Effect::Persist { token, records });
        Cover::After(token)
    }

    /// The order matters where a crash tears a write, and where the log skips what a snapshot
    /// holds: the term comes before what it made, the start of the log before its entries, and
    /// the standing last.
    fn records(&self, staged: &Staged) -> Vec<Record> {
        let mut records = Vec::new();
        if staged.hard {
            records.push(Record::HardState { term: self.term, vote: self.vote });
        }
        let base = || self.log.meta_at(self.log.base()).map(Box::new);
        if staged.snapshot {
            records.extend(base().map(|meta| Record::Snapshot { meta }));
        } else if staged.compacted {
            records.extend(base().map(|meta| Record::Compacted { meta }));
        }
        let bytes_max = self.config.record_bytes_max.0;
        if !staged.fills.is_empty() {
            for run in self.log.runs(&self.repair.unwritten(&staged.fills)) {
                records.extend(cut(run, bytes_max).map(|entries| Record::Fill { entries }));
            }
        }
        if let Some(from) = staged.from {
            let entries = self.log.range(from, self.log.last());
            records.extend(cut(entries, bytes_max).map(|entries| Record::Append { entries }));
        }
        records.extend(staged.standing.map(|standing| Record::Standing { standing }));
        records
    }

    /// A write, and with it every earlier one, is durable.
    pub(crate) fn on_persisted(&mut self, now: Now, token: Token, out: &mut Out) {
        self.disk.judge(now, self.config.slow_disk, self.slow_memory());
        let mut any = false;
        while let Some(write) = self.disk.under_way.front().filter(|write| write.token <= token) {
            self.disk.durable = self.disk.durable.max(write.last);
            self.repair.written(&write.staged.fills);
            self.disk.under_way.pop_front();
            any = true;
        }
        if !any {
            return;
        }
        if self.disk.failed && token.0 > self.disk.failed_at {
            self.disk.failed = false;
            out.note(Note::DiskRecovered);
        }
        self.ballot_durable(now, token, out);
        self.recovery_durable(token, out);
    }

    /// A write did not become durable; those after it lean on it, so they are void as well.
    pub(crate) fn on_persist_failed(&mut self, now: Now, token: Token, out: &mut Out) {
        let Some(at) = self.disk.under_way.iter().position(|write| write.token == token) else {
            return;
        };
        for lost in self.disk.under_way.split_off(at) {
            self.disk.staged.restage(lost.staged);
        }
        self.disk.failed = true;
        self.disk.failed_at = self.disk.issued;
        self.disk.retry = false;
        self.recovery.token = None;
        out.note(Note::DiskFailed);
        if self.lead.is_some() || self.is_campaigning() {
            self.step_down(now, StepDownReason::Disk, out);
        }
    }

    /// How long one slow write keeps leadership away.
    pub(crate) fn slow_memory(&self) -> Duration {
        self.config.election_timeout.saturating_mul(10)
    }
}

/// Runs of entries of one term that cost at most `bytes_max` each, or are one entry.
fn cut(entries: Vec<Entry>, bytes_max: u64) -> impl Iterator<Item = Vec<Entry>> {
    let mut rest = entries;
    core::iter::from_fn(move || {
        let term = rest.first()?.term;
        let mut bytes = 0_u64;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(entry.cost());
            entry.term == term && (first || bytes <= bytes_max)
        };
        let run = rest.iter().take_while(fits).count();
        let later = rest.split_off(run);
        Some(core::mem::replace(&mut rest, later))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_holds_one_term_and_no_more_bytes_than_it_may() {
        let entry = |index, term, len| Entry::command(index, term, alloc::vec![0; len].into());
        let entries = [(1, 10), (1, 10), (1, 10), (2, 10), (2, 500), (2, 10), (3, 500)];
        let log: Vec<Entry> =
            (1..).zip(entries).map(|(index, (term, len))| entry(index, term, len)).collect();
        let two = 2 * log[0].cost();
        let cuts = |bytes_max| {
            let runs = cut(log.clone(), bytes_max).map(|run| run.iter().map(|e| e.index).collect());
            runs.collect::<Vec<Vec<u64>>>()
        };
        assert_eq!(cuts(two), [&[1, 2][..], &[3], &[4], &[5], &[6], &[7]]);
        assert_eq!(cuts(u64::MAX), [&[1, 2, 3][..], &[4, 5, 6], &[7]]);
        assert_eq!(cuts(0).len(), log.len(), "one entry is never too long");
        assert_eq!(cut(Vec::new(), 0).count(), 0);
    }
}
