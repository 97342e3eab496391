//! What clients invoked and saw, line by line, in the format of `quorate check`.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use check::history::{Event, Kind, Verb};

use super::traffic::Tape;
use crate::{
    ambient::{self, Moment},
    exit::Failure,
};

/// A history that is being written. Events are in the order in which they happened: an
/// invocation is written before its request is sent, a completion after its answer is there.
pub struct Recorder {
    origin: Moment,
    state: Mutex<State>,
}

struct State {
    file: BufWriter<File>,
    /// When writes were acknowledged.
    acknowledged: Vec<Moment>,
    failed: Option<std::io::Error>,
}

impl Recorder {
    /// Starts a history.
    pub fn create(path: &Path) -> Result<Recorder, Failure> {
        let file = BufWriter::new(File::create(path)?);
        let state = State { file, acknowledged: Vec::new(), failed: None };
        Ok(Recorder { origin: ambient::now(), state: Mutex::new(state) })
    }

    fn write(&self, process: u64, kind: Kind, verb: Verb, key: &str, value: Option<i64>) {
        let mut state = self.state();
        // The clock is read under the lock, so that times and lines have one order.
        let now = ambient::now();
        let nanos = now.duration_since(self.origin).as_nanos();
        let value = value.map_or(serde_json::Value::Null, Into::into);
        let event = Event::new(process, kind, verb)
            .key(key)
            .value(value)
            .at(i64::try_from(nanos).unwrap_or(i64::MAX));
        if kind == Kind::Ok && verb == Verb::Write {
            state.acknowledged.push(now);
        }
        if let Err(error) = writeln!(state.file, "{}", event.to_line()) {
            state.failed.get_or_insert(error);
        }
    }

    /// The longest time without an acknowledged write that overlaps this window.
    pub fn longest_gap(&self, from: Moment, to: Moment) -> kernel::Duration {
        gap(&self.state().acknowledged, from, to)
    }

    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.state().acknowledged.len()
    }

    /// Ends the history.
    pub fn finish(&self) -> Result<(), Failure> {
        let mut state = self.state();
        match state.failed.take() {
            Some(error) => Err(error.into()),
            None => Ok(state.file.flush()?),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tape for Recorder {
    fn record(&self, process: u64, kind: Kind, verb: Verb, key: &str, value: Option<i64>) {
        self.write(process, kind, verb, key, value);
    }
}

fn gap(acknowledged: &[Moment], from: Moment, to: Moment) -> kernel::Duration {
    let first = acknowledged.partition_point(|at| *at < from).saturating_sub(1);
    let last = acknowledged.partition_point(|at| *at <= to);
    let inside = acknowledged.get(first..last).unwrap_or_default();
    let between = inside.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    // Nothing was acknowledged since the last one inside.
    let open = inside.last().map_or(to - from, |last| to.saturating_duration_since(*last));
    let answered_later = acknowledged.len() > last;
    if answered_later && inside.len() > 1 { between } else { between.max(open) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Duration;

    #[test]
    fn the_gap_begins_at_the_last_answer_before_the_fault() {
        let zero = ambient::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let acks = [at(0), at(10), at(400), at(410), at(2_000)];
        assert_eq!(gap(&acks, at(20), at(1_000)), Duration::from_millis(390));
        assert_eq!(gap(&acks[..2], at(20), at(1_000)), Duration::from_millis(990));
        assert_eq!(gap(&[], at(0), at(50)), Duration::from_millis(50));
    }

    #[tokio::test]
    async fn a_history_is_one_that_the_checker_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        let recorder = Recorder::create(&path).unwrap();
        recorder.record(1, Kind::Invoke, Verb::Write, "a", Some(7));
        recorder.record(1, Kind::Ok, Verb::Write, "a", Some(7));
        recorder.record(1, Kind::Invoke, Verb::Read, "a", None);
        recorder.record(1, Kind::Ok, Verb::Read, "a", Some(8));
        recorder.finish().unwrap();
        let report = check::check_file(&path, &check::Options::default()).unwrap();
        assert_eq!(report.verdict, check::Verdict::Invalid);
        assert_eq!(recorder.acknowledged(), 1);
    }
}
