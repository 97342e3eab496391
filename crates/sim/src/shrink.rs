//! Makes a failing run small: delta debugging (Zeller and Hildebrandt, 2002).
//!
//! A candidate is a plan and the caller's operations. The caller says whether a candidate fails,
//! usually by running it. Whole chunks of faults and operations are taken away, from halves down
//! to single ones, as long as the failure stays; then what surrounds them is made plain. Nothing
//! is random, so the same failure always shrinks to the same candidate.

use crate::{net::Quality, options::Options, plan::Plan};

/// A run that may be made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<O> {
    /// The faults and the world.
    pub plan: Plan,
    /// What the clients do.
    pub operations: Vec<O>,
}

/// What shrinking found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk<O> {
    /// The smallest candidate found that fails; the original if it does not fail.
    pub candidate: Candidate<O>,
    /// How many candidates were run.
    pub runs: u64,
    /// Whether nothing can be removed any more; `false` if the budget ended first, or if the
    /// original does not fail.
    pub minimal: bool,
}

/// Shrinks a failing candidate, running at most `budget` candidates.
pub fn shrink<O: Clone>(
    original: Candidate<O>,
    budget: u64,
    fails: impl FnMut(&Candidate<O>) -> bool,
) -> Shrunk<O> {
    let mut search = Search { best: original.clone(), runs: 0, budget, fails };
    if !search.try_(original) {
        return Shrunk { candidate: search.best, runs: search.runs, minimal: false };
    }
    loop {
        let before = (search.best.plan.schedule.len(), search.best.operations.len());
        search.reduce(|c| c.operations.len(), |c, range| drop(c.operations.drain(range)));
        search.reduce(|c| c.plan.schedule.len(), |c, range| drop(c.plan.schedule.drain(range)));
        search.reduce(|c| c.plan.dead.len(), |c, range| drop(c.plan.dead.drain(range)));
        search.make_plain();
        let after = (search.best.plan.schedule.len(), search.best.operations.len());
        if before == after || search.spent() {
            break;
        }
    }
    Shrunk { minimal: !search.spent(), candidate: search.best, runs: search.runs }
}

struct Search<O, Fails> {
    best: Candidate<O>,
    runs: u64,
    budget: u64,
    fails: Fails,
}

impl<O: Clone, Fails: FnMut(&Candidate<O>) -> bool> Search<O, Fails> {
    fn spent(&self) -> bool {
        self.runs >= self.budget
    }

    /// Runs a candidate and keeps it if it fails.
    fn try_(&mut self, candidate: Candidate<O>) -> bool {
        if self.spent() {
            return false;
        }
        self.runs += 1;
        let failed = (self.fails)(&candidate);
        if failed {
            self.best = candidate;
        }
        failed
    }

    /// Removes chunks of a list, large ones first.
    fn reduce(
        &mut self,
        len: impl Fn(&Candidate<O>) -> usize,
        remove: impl Fn(&mut Candidate<O>, std::ops::Range<usize>),
    ) {
        let mut chunk = len(&self.best);
        while chunk > 0 && !self.spent() {
            // From the end: later things more often do not matter.
            let mut end = len(&self.best);
            while end > 0 && !self.spent() {
                let start = end.saturating_sub(chunk);
                let mut smaller = self.best.clone();
                remove(&mut smaller, start..end);
                self.try_(smaller);
                end = start;
            }
            chunk /= 2;
        }
    }

    /// Replaces what surrounds the faults by the plainest that still fails.
    fn make_plain(&mut self) {
        let calm = Options::calm(self.best.plan.options.nodes);
        let plainer: [fn(&mut Options, &Options); 5] = [
            |options, _| options.network = Quality::default(),
            |options, _| options.clients = Quality::default(),
            |options, calm| options.disk = calm.disk.clone(),
            |options, calm| options.clock = calm.clock.clone(),
            |options, calm| options.process = calm.process.clone(),
        ];
        for change in plainer {
            let mut candidate = self.best.clone();
            change(&mut candidate.plan.options, &calm);
            if candidate.plan != self.best.plan {
                self.try_(candidate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis;
    use proptest::prelude::*;

    fn numbers(operations: Vec<u64>) -> Candidate<u64> {
        Candidate { plan: nemesis::swarm(3), operations }
    }

    proptest! {
        #[test]
        fn what_is_needed_stays_and_all_else_goes(
            needed in prop::collection::btree_set(0u64..300, 0..5),
            needs_faults in any::<bool>(),
        ) {
            let original = numbers((0..300).collect());
            let faults = usize::from(needs_faults) * 2;
            let first: Vec<_> = original.plan.schedule.iter().take(faults).cloned().collect();
            let fails = |c: &Candidate<u64>| {
                needed.iter().all(|n| c.operations.contains(n))
                    && first.iter().all(|f| c.plan.schedule.contains(f))
            };
            let shrunk = shrink(original.clone(), 100_000, fails);
            prop_assert!(shrunk.minimal);
            prop_assert_eq!(&shrunk.candidate.operations, &needed.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(&shrunk.candidate.plan.schedule, &first);
            prop_assert_eq!(&shrunk.candidate.plan.options.network, &Quality::default());
            prop_assert_eq!(shrink(original, 100_000, fails), shrunk, "deterministic");
        }
    }

    #[test]
    fn the_budget_is_kept_and_the_result_still_fails() {
        let mut runs = 0;
        let shrunk = shrink(numbers((0..300).collect()), 20, |c| {
            runs += 1;
            c.operations.contains(&7) && c.operations.contains(&250)
        });
        assert_eq!((runs, shrunk.runs, shrunk.minimal), (20, 20, false));
        assert!(shrunk.candidate.operations.contains(&7));
        assert!(shrunk.candidate.operations.len() < 300);
    }

    #[test]
    fn what_does_not_fail_is_left_alone() {
        let original = numbers(vec![1, 2]);
        let shrunk = shrink(original.clone(), 100, |_| false);
        assert_eq!(shrunk, Shrunk { candidate: original, runs: 1, minimal: false });
    }
}
