//! A stretch of time, and the longest silence in it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::ambient::Moment;

/// Different errors that are told apart; more count as "others".
const ERRORS_MAX: usize = 16;

/// What happened since it began.
pub struct Window {
    began: Moment,
    /// The last acknowledgement, or the beginning.
    last: Moment,
    acknowledged: u64,
    errors: BTreeMap<String, u64>,
    /// The longest time between two acknowledgements that are both over, and when it began.
    gap: (Duration, Moment),
}

impl Window {
    /// Nothing has happened.
    pub fn begin(now: Moment) -> Window {
        let (errors, gap) = (BTreeMap::new(), (Duration::ZERO, now));
        Window { began: now, last: now, acknowledged: 0, errors, gap }
    }

    /// A put was acknowledged.
    pub fn acknowledged(&mut self, now: Moment) {
        self.gap = self.longest(now);
        self.last = now;
        self.acknowledged += 1;
    }

    /// An attempt failed.
    pub fn failed(&mut self, error: String) {
        let known = self.errors.len() < ERRORS_MAX || self.errors.contains_key(&error);
        *self.errors.entry(if known { error } else { "others".into() }).or_default() += 1;
    }

    /// With the silence that is not over yet.
    fn longest(&self, now: Moment) -> (Duration, Moment) {
        let silence = now.saturating_duration_since(self.last);
        if silence > self.gap.0 { (silence, self.last) } else { self.gap }
    }

    /// All of it.
    pub fn told(&self, now: Moment) -> Value {
        let millis = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
        let (gap, began) = self.longest(now);
        json!({
            "acknowledged": self.acknowledged,
            "errors": self.errors.values().sum::<u64>(),
            "errors_by_text": self.errors,
            "gap_ms": millis(gap),
            "gap_began_ms": millis(began.saturating_duration_since(self.began)),
            "silent_ms": millis(now.saturating_duration_since(self.last)),
            "window_ms": millis(now.saturating_duration_since(self.began)),
        })
    }
}
