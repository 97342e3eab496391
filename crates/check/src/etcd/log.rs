//! What watchers were told: every change once, in order, with nothing between left out.
//!
//! ```text
//!   watcher 1   [2 3 4][4 5][6 …        pages of one watcher, joined at its cursors: a chain
//!   watcher 2         [4 5 6][7 …       each revision complete, none skipped
//!               ───────────────
//!   log          2 3 4 5 6 7 …          what watchers of all keys agree on; others see their part
//! ```
//!
//! A page goes on where its watcher's last one said. One that starts elsewhere begins a new chain:
//! the watcher resumed, or the history before it is compacted.

use std::collections::BTreeMap;

use crate::anomaly::Anomaly;
use crate::counterexample::Counterexample;
use crate::verdict::Judgement;

use super::deeds::{Deed, Deeds};
use super::{Answer, Ask, Change, Keys, Page};

/// What happened at each revision, as far as watchers tell.
#[derive(Default)]
pub(super) struct Log {
    /// The changes of a revision, and the operation that showed them first.
    pub revisions: BTreeMap<i64, (Vec<Change>, usize)>,
    /// Revisions that somebody has asked to compact to, with the first that did.
    pub compactions: BTreeMap<i64, usize>,
}

/// Pages of one watcher, joined.
struct Chain {
    keys: Keys,
    /// The first revision of which all is known.
    from: i64,
    /// Where the next page must begin.
    next: (i64, u32),
    /// The changes of each revision that had some, and the page that showed the first of them.
    shown: BTreeMap<i64, (Vec<Change>, usize)>,
    /// The last page.
    last: usize,
}

/// Judges the watchers of a keyspace, and gathers what they were told.
pub(super) fn watches(deeds: &Deeds<'_>, judgement: &mut Judgement) -> Log {
    let mut log = Log::default();
    for deed in &deeds.all {
        if let Ask::Compact(compact) = deed.ask
            && !matches!(deed.answer, Some(Answer::Refused(_)))
        {
            log.compactions.entry(compact.revision).or_insert(deed.index);
        }
    }
    let mut bench = Bench { deeds, judgement, log, open: BTreeMap::new(), done: Vec::new() };
    let mut pages = 0;
    for deed in &deeds.all {
        if let (Ask::Watch(_), Some(Answer::Watch(page))) = (deed.ask, deed.answer) {
            pages += 1;
            bench.page(deed, page);
        }
    }
    let open = std::mem::take(&mut bench.open);
    bench.done.extend(open.into_values());
    let (all, part): (Vec<Chain>, Vec<Chain>) =
        std::mem::take(&mut bench.done).into_iter().partition(|chain| chain.keys.is_all());
    all.iter().for_each(|chain| bench.whole(chain));
    part.iter().for_each(|chain| bench.part(chain));
    let log = bench.log;
    if pages > 0 {
        judgement.judging(pages);
    }
    log
}

struct Bench<'a, 'j> {
    deeds: &'a Deeds<'a>,
    judgement: &'j mut Judgement,
    log: Log,
    open: BTreeMap<u64, Chain>,
    done: Vec<Chain>,
}

impl Bench<'_, '_> {
    fn found(&mut self, anomaly: Anomaly, text: String, ops: &[usize], guilty: usize) {
        let history = self.deeds.history;
        self.judgement
            .found_with(anomaly, || Counterexample::new(history, anomaly, text, ops, &[guilty]));
    }

    /// Judges a page by itself, and adds it to the chain of its watcher.
    fn page(&mut self, deed: &Deed<'_>, page: &Page) {
        let Ask::Watch(watch) = deed.ask else { return };
        let from = (watch.from.0.max(1), watch.from.1);
        if page.compacted != 0 {
            return self.compacted(deed, page, watch.watcher, from.0);
        }
        if let Some(why) = wrong(from, page) {
            return self.found(Anomaly::WatchInvented, why, &[], deed.index);
        }
        let chain = self.open.remove(&watch.watcher);
        let mut chain = match chain {
            Some(chain) if chain.next == from && chain.keys == watch.keys => chain,
            other => {
                self.done.extend(other);
                let first = from.0.saturating_add(i64::from(from.1 > 0));
                let (keys, shown) = (watch.keys.clone(), BTreeMap::new());
                Chain { keys, from: first, next: from, shown, last: deed.index }
            }
        };
        for change in &page.events {
            if !chain.keys.contains(&change.kv.key) {
                let text = format!("a change of {}, which nobody watches here", change.kv.key);
                self.found(Anomaly::WatchInvented, text, &[], deed.index);
            }
            let revision = change.kv.modified;
            if revision >= chain.from {
                let shown = chain.shown.entry(revision);
                shown.or_insert((Vec::new(), deed.index)).0.push(change.clone());
            }
        }
        (chain.next, chain.last) = (page.next, deed.index);
        self.open.insert(watch.watcher, chain);
    }

    /// A watcher was told that its start is compacted.
    fn compacted(&mut self, deed: &Deed<'_>, page: &Page, watcher: u64, start: i64) {
        let asked = self.log.compactions.get(&page.compacted).copied();
        let asked = asked.filter(|&op| self.deeds.history.ops[op].start < deed.op.end);
        if asked.is_none() || page.compacted <= start {
            let compacted = page.compacted;
            let text = format!("from {start} on is said to be compacted up to {compacted}");
            self.found(Anomaly::WrongCompaction, text, &[], deed.index);
        }
        let broken = self.open.remove(&watcher);
        self.done.extend(broken);
    }

    /// A watcher of all keys: no revision without a change, and the same changes as all others.
    fn whole(&mut self, chain: &Chain) {
        let mut expected = chain.from.max(2);
        for (&revision, (changes, op)) in &chain.shown {
            if revision >= chain.next.0 {
                return; // Cut there, and never gone on with.
            }
            if revision != expected {
                let text = format!("revision {expected} was left out");
                self.found(Anomaly::WatchMissed, text, &[], *op);
            }
            expected = revision.saturating_add(1);
            match self.log.revisions.get(&revision) {
                None => drop(self.log.revisions.insert(revision, (changes.clone(), *op))),
                Some((known, other)) if !alike(known, changes) => {
                    let (other, text) =
                        (*other, format!("revision {revision} was shown otherwise"));
                    self.found(Anomaly::WatchersDisagree, text, &[other], *op);
                }
                Some(_) => {}
            }
        }
        if expected < chain.next.0 {
            let text = format!("revision {expected} was left out");
            self.found(Anomaly::WatchMissed, text, &[], chain.last);
        }
    }

    /// A watcher of some keys: what all others were told of them.
    fn part(&mut self, chain: &Chain) {
        if chain.from >= chain.next.0 {
            return;
        }
        let none = (Vec::new(), chain.last);
        let mut wrong = Vec::new();
        for (&revision, (known, by)) in self.log.revisions.range(chain.from..chain.next.0) {
            let wanted: Vec<Change> = known
                .iter()
                .filter(|change| chain.keys.contains(&change.kv.key))
                .cloned()
                .collect();
            let (shown, op) = chain.shown.get(&revision).unwrap_or(&none);
            if !alike(&wanted, shown) {
                let missed = shown.len() < wanted.len();
                let anomaly = if missed { Anomaly::WatchMissed } else { Anomaly::WatchersDisagree };
                wrong.push((anomaly, format!("revision {revision} was shown otherwise"), *by, *op));
            }
        }
        for (anomaly, text, by, op) in wrong {
            self.found(anomaly, text, &[by], op);
        }
    }
}

/// What is wrong with a page, whatever others say.
fn wrong(from: (i64, u32), page: &Page) -> Option<String> {
    let (next, newest) = (page.next, page.revision);
    if next < from || next.0 > from.0.max(newest.saturating_add(1)) {
        return Some(format!("from {from:?} on to {next:?}, at revision {newest}"));
    }
    let mut last = from.0;
    for change in &page.events {
        let revision = change.kv.modified;
        let beyond = revision > newest || (revision, 0) >= (next.0, next.1.min(1));
        if revision < last || beyond {
            return Some(format!("revision {revision} behind {last}, before {next:?} at {newest}"));
        }
        last = revision;
    }
    None
}

/// Whether two watchers were told the same. What was there before may be compacted for one of them.
pub(super) fn alike(one: &[Change], two: &[Change]) -> bool {
    let same = |(one, two): (&Change, &Change)| {
        let prev = match (&one.prev, &two.prev) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        (one.removed, &one.kv) == (two.removed, &two.kv) && prev
    };
    one.len() == two.len() && one.iter().zip(two).all(same)
}
