//! Coverage marks: rare branches say that they were reached.
//!
//! `sometimes!("raft: snapshot resumed")` does nothing in production. In a build with the
//! feature `marks`, it counts; a soak that never reached a branch which it should reach fails.
//! `always!(condition, "text")` is an assertion that production code survives: it reports
//! instead of crashing where a crash is worse than the fault.

/// Reached marks and broken assertions; empty without the feature `marks`.
#[cfg(feature = "marks")]
pub mod ledger {
    extern crate std;
    use std::{cell::RefCell, collections::BTreeMap, sync::Mutex};

    type Counts = BTreeMap<&'static str, u64>;

    static REACHED: Mutex<Counts> = Mutex::new(BTreeMap::new());
    std::thread_local! {
        /// Of the run on this thread.
        static BROKEN: RefCell<Counts> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Counts a mark.
    pub fn reach(name: &'static str) {
        if let Ok(mut map) = REACHED.lock() {
            *map.entry(name).or_insert(0) += 1;
        }
    }

    /// Counts a broken assertion.
    pub fn broke(name: &'static str) {
        BROKEN.with_borrow_mut(|map| *map.entry(name).or_insert(0) += 1);
    }

    /// How often each mark was reached, on any thread.
    #[must_use]
    pub fn reached() -> Counts {
        REACHED.lock().map(|map| map.clone()).unwrap_or_default()
    }

    /// Which assertions broke on this thread since this was asked last, and how often.
    #[must_use]
    pub fn broken() -> Counts {
        BROKEN.take()
    }
}

/// This branch should be reached by some run of the simulator.
#[macro_export]
macro_rules! sometimes {
    ($name:literal) => {
        #[cfg(feature = "marks")]
        $crate::mark::ledger::reach($name);
    };
}

/// This must hold; where it does not, the ledger tells and the code goes on.
#[macro_export]
macro_rules! always {
    ($condition:expr, $name:literal) => {
        #[cfg(feature = "marks")]
        if !$condition {
            $crate::mark::ledger::broke($name);
        }
        #[cfg(not(feature = "marks"))]
        debug_assert!($condition, $name);
    };
}

#[cfg(all(test, feature = "marks"))]
mod tests {
    #[test]
    fn what_broke_is_told_once_and_on_its_own_thread() {
        crate::always!(1 > 2, "one is more than two");
        crate::always!(2 > 1, "two is more than one");
        assert!(std::thread::scope(|scope| {
            let other = scope.spawn(|| super::ledger::broken().is_empty());
            other.join().is_ok_and(|empty| empty)
        }));
        assert_eq!(
            super::ledger::broken().into_iter().collect::<std::vec::Vec<_>>(),
            [("one is more than two", 1)]
        );
        assert!(super::ledger::broken().is_empty());
    }
}
