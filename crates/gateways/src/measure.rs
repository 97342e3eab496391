//! How long requests take and how they end, by API and operation.
//!
//! ```text
//!   request ─▶ begin ─▶ … ─▶ end(outcome) ─▶ Meter of (operation, outcome)
//!                        └─ dropped: the client went away
//! ```
//!
//! An API has a fixed list of operations, so nothing that a client says becomes a label. The meter
//! of an operation and an outcome is asked for when it is first needed and then kept: a request
//! costs two looks at the clock, which a batch of them shares, and one observation.

use std::sync::{Arc, OnceLock};

use kernel::Duration;
use vigil::Outcome;

use crate::ambient::{self, Moment};

/// Takes how long a request took.
pub type Meter = Box<dyn Fn(Duration) + Send + Sync>;

/// Whether two names are the same: for places in lists of operations, which are looked up when the
/// code is compiled.
pub(crate) const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Who keeps durations.
pub trait Measures: Send + Sync {
    /// Where the durations go of the requests of one operation that ended in one way.
    fn meter(&self, api: &'static str, operation: &str, outcome: Outcome) -> Meter;
}

/// The requests of one API. Clones are the same; it measures nothing if nobody keeps durations.
#[derive(Clone)]
pub struct Meters(Option<Arc<Kept>>);

struct Kept {
    api: &'static str,
    source: Arc<dyn Measures>,
    operations: Vec<Operation>,
}

struct Operation {
    name: String,
    meters: [OnceLock<Meter>; Outcome::ALL.len()],
}

impl Meters {
    /// Of an API with these operations, which are known by their place from here on.
    pub fn new(
        source: Option<Arc<dyn Measures>>,
        api: &'static str,
        operations: impl Iterator<Item = String>,
    ) -> Meters {
        Meters(source.map(|source| {
            let meters = || std::array::from_fn(|_| OnceLock::new());
            let operations = operations.map(|name| Operation { name, meters: meters() }).collect();
            Arc::new(Kept { api, source, operations })
        }))
    }

    /// A request has come at `now`.
    pub fn begin(&self, operation: usize, now: Moment) -> Timed {
        let kept = self.0.clone();
        Timed(kept.map(|kept| Begun { kept, operation, at: now }))
    }
}

impl Kept {
    fn take(&self, operation: usize, outcome: Outcome, took: Duration) {
        let Some(operation) = self.operations.get(operation) else { return };
        let meter = operation.meters[outcome as usize]
            .get_or_init(|| self.source.meter(self.api, &operation.name, outcome));
        meter(took);
    }
}

/// A request under way. If nobody says how it ended, its client went away.
#[derive(Default)]
pub struct Timed(Option<Begun>);

struct Begun {
    kept: Arc<Kept>,
    operation: usize,
    at: Moment,
}

impl Timed {
    /// What kind of request it is turns out only now.
    pub fn turns_out(&mut self, operation: usize) {
        if let Some(begun) = &mut self.0 {
            begun.operation = operation;
        }
    }

    /// It ended at `now`.
    pub fn end(mut self, outcome: Outcome, now: Moment) {
        self.take(outcome, now);
    }

    fn take(&mut self, outcome: Outcome, now: Moment) {
        if let Some(Begun { kept, operation, at }) = self.0.take() {
            kept.take(operation, outcome, now.saturating_duration_since(at));
        }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.take(Outcome::Cancelled, ambient::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Book {
        asked: Mutex<Vec<String>>,
        took: Arc<Mutex<Vec<(String, Duration)>>>,
    }

    impl Measures for Book {
        fn meter(&self, api: &'static str, operation: &str, outcome: Outcome) -> Meter {
            let name = format!("{api} {operation} {}", outcome.name());
            self.asked.lock().unwrap().push(name.clone());
            let took = Arc::clone(&self.took);
            Box::new(move |duration| took.lock().unwrap().push((name.clone(), duration)))
        }
    }

    #[test]
    fn every_end_is_measured_and_every_meter_is_asked_for_once() {
        let book = Arc::new(Book::default());
        let source: Arc<dyn Measures> = Arc::<Book>::clone(&book);
        let meters = Meters::new(Some(source), "http", ["a", "b"].map(str::to_owned).into_iter());
        let now = ambient::now();
        let later = now + Duration::from_millis(7);
        meters.begin(0, now).end(Outcome::Ok, later);
        meters.begin(0, now).end(Outcome::Ok, later);
        let mut unknown = meters.begin(0, now);
        unknown.turns_out(1);
        unknown.end(Outcome::ClientError, later);
        drop(meters.begin(1, now));
        meters.begin(7, now).end(Outcome::Ok, later);
        let took = book.took.lock().unwrap();
        let names: Vec<&str> = took.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["http a ok", "http a ok", "http b client-error", "http b cancelled"];
        assert_eq!(names, expected, "what is no operation is nothing");
        assert!(took[..3].iter().all(|(_, took)| *took == Duration::from_millis(7)), "{took:?}");
        assert_eq!(book.asked.lock().unwrap().len(), 3);
    }

    /// The test of the node's figures counts their series with as many operations.
    #[test]
    fn operations_are_few_and_have_names_of_their_own() {
        let apis: [Vec<String>; 3] = [
            crate::http::route::operations().collect(),
            crate::etcd::operations().collect(),
            crate::pipe::operations().collect(),
        ];
        assert!(apis.iter().map(Vec::len).sum::<usize>() <= 128);
        for api in apis {
            let names: std::collections::BTreeSet<&String> = api.iter().collect();
            assert_eq!(names.len(), api.len(), "{api:?}");
        }
    }

    #[test]
    fn nothing_is_measured_where_nobody_keeps_it() {
        let meters = Meters::new(None, "http", std::iter::empty());
        assert!(meters.begin(0, ambient::now()).0.is_none());
    }
}
