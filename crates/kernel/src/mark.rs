//! Coverage marks: rare branches say that they were reached.
//!
//! `sometimes!("raft: snapshot resumed")` does nothing in production. In a build with the
//! feature `marks`, it counts; a soak that never reached a branch which it should reach fails.
//! `always!(condition, "text")` is an assertion that production code survives: it reports
//! instead of crashing where a crash is worse than the fault.

/// Reached marks and broken assertions of this build; empty without the feature `marks`.
#[cfg(feature = "marks")]
pub mod ledger {
    extern crate std;
    use std::{collections::BTreeMap, sync::Mutex};

    static REACHED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
    static BROKEN: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

    fn count(map: &Mutex<BTreeMap<&'static str, u64>>, name: &'static str) {
        if let Ok(mut map) = map.lock() {
            *map.entry(name).or_insert(0) += 1;
        }
    }

    /// Counts a mark.
    pub fn reach(name: &'static str) {
        count(&REACHED, name);
    }

    /// Counts a broken assertion.
    pub fn broke(name: &'static str) {
        count(&BROKEN, name);
    }

    /// How often each mark was reached.
    #[must_use]
    pub fn reached() -> BTreeMap<&'static str, u64> {
        REACHED.lock().map(|map| map.clone()).unwrap_or_default()
    }

    /// Which assertions broke, and how often.
    #[must_use]
    pub fn broken() -> BTreeMap<&'static str, u64> {
        BROKEN.lock().map(|map| map.clone()).unwrap_or_default()
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
