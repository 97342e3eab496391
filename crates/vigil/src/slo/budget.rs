//! Counts of good and bad requests, minute by minute and hour by hour, in bounded memory.

use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    BAD_MIN,
    document::{Alert, Window},
};

/// When somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `page` or `ticket`.
    pub severity: &'static str,
    /// Share of the budget that may be used up in the long window, in thousandths.
    pub budget_permille: u64,
    /// The long window: its name and its seconds.
    pub long: (&'static str, u64),
    /// The short one.
    pub short: (&'static str, u64),
}

/// All rules, the fastest first.
pub const RULES: [Rule; 3] = [
    Rule { severity: "page", budget_permille: 20, long: ("1h", 3_600), short: ("5m", 300) },
    Rule { severity: "page", budget_permille: 50, long: ("6h", 21_600), short: ("30m", 1_800) },
    Rule { severity: "ticket", budget_permille: 100, long: ("3d", 259_200), short: ("6h", 21_600) },
];

/// Every window that a rule looks at.
pub const WINDOWS: [(&str, u64); 5] =
    [("5m", 300), ("30m", 1_800), ("1h", 3_600), ("6h", 21_600), ("3d", 259_200)];

const MINUTES: usize = 3 * 24 * 60;
const HOURS: usize = 30 * 24;

/// Good and bad of one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    /// Number of the minute or hour since 1970.
    at: u64,
    good: u64,
    bad: u64,
}

/// The budget of one objective.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    minutes: VecDeque<Count>,
    hours: VecDeque<Count>,
}

impl Rule {
    /// The rate from which on it fires, in thousandths, for an objective over so many seconds.
    #[must_use]
    pub fn rate_milli(&self, objective_s: u64) -> u64 {
        self.budget_permille * objective_s / self.long.1
    }

    /// Whether it fires, by the windows of an objective.
    #[must_use]
    pub fn fires(&self, windows: &[Window], target_ppm: u64, objective_s: u64) -> bool {
        let window = |name| windows.iter().find(|window| window.name == name);
        let (Some(long), Some(short)) = (window(self.long.0), window(self.short.0)) else {
            return false;
        };
        let least = self.rate_milli(objective_s);
        let burns = |window: &Window| window.rate_milli(target_ppm) >= least;
        long.bad >= BAD_MIN && burns(long) && burns(short)
    }
}

impl Budget {
    /// Counts requests that ended at this second since 1970.
    pub fn count(&mut self, second: u64, good: u64, bad: u64) {
        add(&mut self.minutes, second / 60, MINUTES, good, bad);
        add(&mut self.hours, second / 3600, HOURS, good, bad);
    }

    /// Good and bad of the last so many seconds: whole minutes, the one under way included; beyond
    /// three days, whole hours.
    #[must_use]
    pub fn window(&self, now: u64, seconds: u64) -> (u64, u64) {
        let (counts, unit) =
            if seconds <= MINUTES as u64 * 60 { (&self.minutes, 60) } else { (&self.hours, 3600) };
        let first = (now / unit + 1).saturating_sub(seconds / unit);
        let within = counts.iter().rev().take_while(|count| count.at >= first);
        within.fold((0, 0), |(good, bad), count| (good + count.good, bad + count.bad))
    }

    /// Every window that a rule looks at.
    #[must_use]
    pub fn windows(&self, now: u64) -> Vec<Window> {
        let window = |(name, seconds): &(&str, u64)| {
            let (good, bad) = self.window(now, *seconds);
            Window { name: (*name).to_string(), seconds: *seconds, good, bad, rate_milli: 0 }
        };
        WINDOWS.iter().map(window).collect()
    }
}

/// Every rule and whether it fires.
pub(super) fn alerts(windows: &[Window], target_ppm: u64, objective_s: u64) -> Vec<Alert> {
    let alert = |rule: &Rule| Alert {
        severity: rule.severity.to_string(),
        long: String::from(rule.long.0),
        short: String::from(rule.short.0),
        rate_milli: rule.rate_milli(objective_s),
        firing: rule.fires(windows, target_ppm, objective_s),
    };
    RULES.iter().map(alert).collect()
}

/// Adds to the newest count, or begins a new one. A clock that was set back counts on in the newest.
fn add(counts: &mut VecDeque<Count>, at: u64, max: usize, good: u64, bad: u64) {
    match counts.back_mut() {
        Some(newest) if newest.at >= at => {
            newest.good += good;
            newest.bad += bad;
        }
        _ => {
            counts.push_back(Count { at, good, bad });
            if counts.len() > max {
                counts.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE_NINES: u64 = 999_000;
    const MONTH: u64 = 30 * 24 * 3600;
    const RATE: u64 = 100;

    /// Three well days of a hundred requests per second, then as `bad` says, of a thousand per
    /// minute of trouble; the minutes in which the rules fired.
    fn incident(minutes: u64, bad: impl Fn(u64) -> u64) -> [Vec<u64>; 3] {
        let mut budget = Budget::default();
        let start = 1_000 * 3600;
        for minute in 0..3 * 24 * 60 {
            budget.count(start + minute * 60, RATE * 60, 0);
        }
        let begin = start + 3 * 24 * 3600;
        let mut fired = [Vec::new(), Vec::new(), Vec::new()];
        for minute in 0..minutes {
            let now = begin + minute * 60;
            let failed = RATE * 60 * bad(minute) / 10_000;
            budget.count(now, RATE * 60 - failed, failed);
            let alerts = alerts(&budget.windows(now + 59), THREE_NINES, MONTH);
            for (rule, alert) in alerts.iter().enumerate().filter(|(_, alert)| alert.firing) {
                assert_eq!(alert.rate_milli, [14_400, 6_000, 1_000][rule]);
                // Told at the end of the minute.
                fired[rule].push(minute + 1);
            }
        }
        fired
    }

    #[test]
    fn the_rates_are_those_of_the_workbook_for_a_month_and_follow_the_window() {
        let rates: Vec<u64> = RULES.iter().map(|rule| rule.rate_milli(MONTH)).collect();
        assert_eq!(rates, [14_400, 6_000, 1_000]);
        assert_eq!(RULES[0].rate_milli(7 * 24 * 3600), 3_360);
    }

    /// Theory: an error rate of e burns at e / 0.001. After t minutes the hour holds e·t/60, which
    /// is 14.4 · 0.001 at t = 0.864 / e minutes.
    #[test]
    fn a_fast_burn_fires_at_the_minute_of_theory_and_ends_when_the_short_window_is_clean() {
        // All fail: 0.864 minutes. A half: 1.7. A tenth: 8.64. All for twenty minutes, then none.
        for (share, minute) in [(10_000, 1), (5_000, 2), (1_000, 9)] {
            let fired = incident(40, |at| if at < 20 { share } else { 0 });
            assert_eq!(fired[0].first(), Some(&minute), "{share}");
        }
        let fired = incident(60, |at| if at < 20 { 10_000 } else { 0 });
        // The last bad minute leaves the five-minute window at the end of the 25th.
        assert_eq!(fired[0].last(), Some(&24));
        assert!(fired[0].windows(2).all(|pair| pair[1] == pair[0] + 1), "without a gap");
    }

    /// Theory: at 0.7 %, seven times what may be, the hour never reaches 14.4; the six hours reach
    /// 6 · 0.001 after 360 · 6/7 = 308.6 minutes.
    #[test]
    fn a_slow_burn_fires_the_slow_rule_at_the_minute_of_theory() {
        let fired = incident(400, |_| 70);
        assert!(fired[0].is_empty());
        assert_eq!(fired[1].first(), Some(&309));
    }

    /// Theory: at 0.2 %, twice what may be, neither page rule is reached; three days reach
    /// 1 · 0.001 after half of them, 2160 minutes.
    #[test]
    fn a_leak_makes_a_ticket_and_no_page() {
        let fired = incident(2_400, |_| 20);
        assert_eq!((fired[0].len(), fired[1].len()), (0, 0));
        assert_eq!(fired[2].first(), Some(&2_160));
    }

    /// A minute in which half of all fail uses up 0.07 % of the budget of the month: half of a
    /// minute is below the 0.864 minutes of the fast rule.
    #[test]
    fn a_brief_blip_is_silent() {
        let fired = incident(600, |at| if at == 10 { 5_000 } else { 0 });
        assert!(fired.iter().all(Vec::is_empty), "{fired:?}");
    }

    #[test]
    fn a_single_failure_at_night_pages_nobody() {
        let mut budget = Budget::default();
        budget.count(3_600_000, 2, 1);
        let alerts_of = |budget: &Budget| alerts(&budget.windows(3_600_030), THREE_NINES, MONTH);
        assert!(alerts_of(&budget).iter().all(|alert| !alert.firing));
        budget.count(3_600_000, 0, BAD_MIN);
        assert!(alerts_of(&budget)[0].firing);
    }

    #[test]
    fn memory_is_bounded_and_the_month_is_remembered() {
        let mut budget = Budget::default();
        for hour in 0..40 * 24 {
            for minute in 0..60 {
                budget.count(hour * 3600 + minute * 60, 1, u64::from(minute == 0));
            }
        }
        assert_eq!((budget.minutes.len(), budget.hours.len()), (MINUTES, HOURS));
        let now = 40 * 24 * 3600 - 1;
        assert_eq!(budget.window(now, MONTH), (HOURS as u64 * 60, HOURS as u64));
        assert_eq!(budget.window(now, 3600), (60, 1));
    }
}
