//! The figures of a workload: counts, gaps, verdicts.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use check::{Report, Verdict};
use console::Bench;

use crate::ambient::Moment;

/// Quarters of a second that are drawn: a minute.
const PULSES: usize = 240;
/// How long one is, in milliseconds.
const PULSE_MS: u64 = 250;
/// Lost keys that are named.
const LOST_MAX: usize = 20;

/// The figures; shared by all clients.
#[derive(Default)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    begun: Option<Moment>,
    running: bool,
    since_ms: u64,
    operations: u64,
    acknowledged: u64,
    unknown: u64,
    looked_for: u64,
    lost: Vec<String>,
    /// Operations judged in stretches that are settled, and their verdict.
    settled: u64,
    verdict: Option<Verdict>,
    /// The same of the stretch that grows.
    growing: u64,
    growing_verdict: Option<Verdict>,
    reason: String,
    last: Option<Moment>,
    gap_ms: u64,
    gap_since_mark_ms: u64,
    /// Acknowledged writes by quarters of a second since the begin; the newest may be missing.
    pulse: VecDeque<u32>,
    /// The number of the oldest of them.
    pulse_from: u64,
}

impl Ledger {
    /// The workload begins.
    pub fn begin(&self, now: Moment, unix_ms: u64) {
        let mut state = self.state();
        (state.begun, state.last) = (Some(now), Some(now));
        (state.running, state.since_ms) = (true, unix_ms);
    }

    /// The workload ends: no gap is counted any more.
    pub fn end(&self, now: Moment) {
        let mut state = self.state();
        state.close_gap(now);
        state.running = false;
    }

    /// A client invoked something.
    pub fn invoked(&self) {
        self.state().operations += 1;
    }

    /// A write was acknowledged.
    pub fn acknowledged(&self, at: Moment) {
        let mut state = self.state();
        state.acknowledged += 1;
        if state.running {
            state.close_gap(at);
            state.last = Some(at);
            state.beat(at, 1);
        }
    }

    /// Nobody knows of so many writes.
    pub fn unknown(&self, writes: u64) {
        self.state().unknown += writes;
    }

    /// So many acknowledged writes were looked for; these were not there.
    pub fn looked_for(&self, count: u64, lost: Vec<String>) {
        let mut state = self.state();
        state.looked_for += count;
        let room = LOST_MAX.saturating_sub(state.lost.len());
        state.lost.extend(lost.into_iter().take(room));
    }

    /// A judgement of the stretch that grows.
    pub fn growing(&self, report: &Result<Report, String>) {
        let mut state = self.state();
        let (operations, verdict) = state.hear(report);
        (state.growing, state.growing_verdict) = (operations, verdict);
    }

    /// The last judgement of a stretch. The one that grows meanwhile is judged anew soon.
    pub fn settled(&self, report: &Result<Report, String>) {
        let mut state = self.state();
        let (operations, verdict) = state.hear(report);
        state.settled += operations;
        state.verdict = state.verdict.max(verdict);
        (state.growing, state.growing_verdict) = (0, None);
    }

    /// Gives the longest gap since the last mark and counts anew; `None` if nothing runs.
    pub fn mark(&self, now: Moment) -> Option<u64> {
        let gap = self.gap_since_mark(now);
        self.state().gap_since_mark_ms = 0;
        gap
    }

    /// The longest gap since the last mark, the one that is open included; `None` if there is none.
    pub fn gap_since_mark(&self, now: Moment) -> Option<u64> {
        let state = self.state();
        let gap = state.gap_since_mark_ms.max(state.open_ms(now));
        (gap > 0).then_some(gap)
    }

    /// All figures.
    pub fn bench(&self, now: Moment) -> Bench {
        let mut state = self.state();
        if state.running {
            state.beat(now, 0);
        }
        let open_ms = state.open_ms(now);
        let verdict = state.verdict.max(state.growing_verdict);
        Bench {
            running: state.running,
            begun: state.begun.is_some(),
            since_ms: state.since_ms,
            operations: state.operations,
            acknowledged: state.acknowledged,
            unknown: state.unknown,
            judged: state.settled + state.growing,
            verdict: verdict.map_or_else(String::new, |verdict| verdict.to_string()),
            reason: state.reason.clone(),
            looked_for: state.looked_for,
            lost: state.lost.clone(),
            gap_ms: state.gap_ms.max(open_ms),
            silent_ms: open_ms,
            pulse: state.pulse.iter().copied().collect(),
            pulse_ms: state.since_ms + state.pulse_from * PULSE_MS,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open_ms(&self, now: Moment) -> u64 {
        let last = self.last.filter(|_| self.running);
        last.map_or(0, |last| millis(now.saturating_duration_since(last)))
    }

    fn close_gap(&mut self, at: Moment) {
        let gap = self.open_ms(at);
        self.gap_ms = self.gap_ms.max(gap);
        self.gap_since_mark_ms = self.gap_since_mark_ms.max(gap);
    }

    /// Counts acknowledged writes into their quarter of a second.
    fn beat(&mut self, at: Moment, count: u32) {
        let Some(begun) = self.begun else { return };
        let number = millis(at.saturating_duration_since(begun)) / PULSE_MS;
        while self.pulse_from + (self.pulse.len() as u64) <= number {
            self.pulse.push_back(0);
            if self.pulse.len() > PULSES {
                self.pulse.pop_front();
                self.pulse_from += 1;
            }
        }
        let place = usize::try_from(number.saturating_sub(self.pulse_from)).unwrap_or(usize::MAX);
        if let Some(pulse) = self.pulse.get_mut(place) {
            *pulse += count;
        }
    }

    /// How much a report judged, and its verdict; nothing judged is no verdict.
    fn hear(&mut self, report: &Result<Report, String>) -> (u64, Option<Verdict>) {
        let report = match report {
            Ok(report) => report,
            Err(reason) => {
                self.reason = format!("the history cannot be judged: {reason}");
                return (0, Some(Verdict::Unknown));
            }
        };
        let worst = report.judgements.iter().max_by_key(|judgement| judgement.verdict);
        if let Some(worst) = worst.filter(|worst| worst.verdict != Verdict::Valid) {
            let found = worst.findings.first().map(|finding| finding.first.text.clone());
            let unknown = worst.unknown.keys().next().cloned();
            self.reason = found.or(unknown).unwrap_or_default();
        }
        let operations = report.counts.operations;
        (operations, (operations > 0).then_some(report.verdict))
    }
}

fn millis(duration: kernel::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient;
    use check::history::{Event, History, Kind, Verb};
    use kernel::Duration;

    fn report(read: i64) -> Result<Report, String> {
        let event =
            |process, kind, verb, value: i64| Event::new(process, kind, verb).key("x").value(value);
        let history = History::from_events([
            event(1, Kind::Invoke, Verb::Write, 7),
            event(1, Kind::Ok, Verb::Write, 7),
            event(1, Kind::Invoke, Verb::Read, 0),
            event(1, Kind::Ok, Verb::Read, read),
        ]);
        Ok(check::check(&history.unwrap(), &check::Options::default()))
    }

    #[test]
    fn the_worst_verdict_stays_with_its_reason() {
        let (ledger, now) = (Ledger::default(), ambient::now());
        assert_eq!(ledger.bench(now).verdict, "");
        ledger.growing(&report(7));
        let bench = ledger.bench(now);
        assert_eq!((bench.verdict.as_str(), bench.judged), ("valid", 2));
        ledger.settled(&report(8));
        ledger.growing(&report(7));
        let bench = ledger.bench(now);
        assert_eq!((bench.verdict.as_str(), bench.judged), ("INVALID", 4));
        assert!(!bench.reason.is_empty());
    }

    #[test]
    fn gaps_are_measured_from_answer_to_answer_and_by_what_was_done() {
        let ledger = Ledger::default();
        let zero = ambient::now();
        let at = |ms| zero + Duration::from_millis(ms);
        assert_eq!(ledger.mark(zero), None);
        ledger.begin(zero, 1_000);
        ledger.acknowledged(at(100));
        assert_eq!(ledger.mark(at(150)), Some(100));
        assert_eq!(ledger.gap_since_mark(at(800)), Some(700), "open, and begun before the mark");
        ledger.acknowledged(at(800));
        ledger.end(at(820));
        assert_eq!(ledger.mark(at(830)), Some(700));
        assert_eq!(ledger.gap_since_mark(at(9_820)), None, "nobody writes any more");
        let bench = ledger.bench(at(9_820));
        assert_eq!((bench.gap_ms, bench.silent_ms, bench.acknowledged), (700, 0, 2));
        assert_eq!(bench.pulse, [1, 0, 0, 1]);
    }

    #[test]
    fn only_the_last_minute_is_drawn() {
        let ledger = Ledger::default();
        let zero = ambient::now();
        ledger.begin(zero, 1_000);
        let later = zero + Duration::from_secs(600);
        ledger.acknowledged(later);
        let bench = ledger.bench(later);
        assert_eq!((bench.pulse.len(), bench.pulse.last()), (PULSES, Some(&1)));
        assert_eq!(bench.pulse_ms - bench.since_ms, 600_250 - 60_000);
    }
}
