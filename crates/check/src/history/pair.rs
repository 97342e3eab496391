//! Pairing: each completion finds the invocation of its process.

use std::collections::BTreeMap;

use super::shape::{self, Shaped};
use super::{Action, Event, History, HistoryError, Kind, OPEN, Op, Outcome, Process, Promise};

/// Where the key of an operation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyShape {
    /// The first invocation whose shape tells decides for the file.
    #[default]
    Auto,
    /// In the field `key`, or there is only one.
    Field,
    /// Every value is `[key, value]`.
    Tuple,
}

/// Builds a history from events, one by one.
#[derive(Debug)]
pub struct Builder {
    history: History,
    keys: KeyShape,
    /// Process to its open operation.
    open: BTreeMap<u64, usize>,
    /// Events so far: the next position.
    position: u64,
    /// The time of every event, as long as every event has one.
    times: Option<Vec<i64>>,
    /// About how much memory requests and answers take, in bytes.
    deeds: u64,
}

impl Builder {
    /// An empty history.
    #[must_use]
    pub fn new(keys: KeyShape) -> Builder {
        let history = History::default();
        let times = Some(Vec::new());
        Builder { history, keys, open: BTreeMap::new(), position: 0, times, deeds: 0 }
    }

    /// Takes the next event; `line` is for errors and counterexamples.
    pub fn push(&mut self, event: Event, line: u64) -> Result<(), HistoryError> {
        let Process::Client(process) = event.process else {
            self.history.ignored += 1;
            return Ok(());
        };
        self.position += 1;
        match (event.time, &mut self.times) {
            (Some(time), Some(times)) => times.push(time),
            _ => self.times = None,
        }
        if event.kind == Kind::Invoke {
            if let Some(&open) = self.open.get(&process) {
                let open = self.history.ops[open].line;
                return Err(HistoryError::DoubleInvoke { line, process, open });
            }
            let op = self.invoke(event, process, line).map_err(|reason| at(line, reason))?;
            self.open.insert(process, self.history.ops.len());
            self.history.ops.push(op);
            return Ok(());
        }
        let Some(op) = self.open.remove(&process) else {
            return Err(HistoryError::Unpaired { line, process });
        };
        self.complete(op, event).map_err(|reason| at(line, reason))
    }

    /// About how much memory the history takes so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let history = &self.history;
        let op = (size_of::<Op>() + 2 * size_of::<i64>()) as u64;
        history.ops.len() as u64 * op
            + history.lists.len() as u64 * 4
            + history.micros.len() as u64 * size_of::<super::Micro>() as u64
            + self.deeds
            + history.values.bytes()
    }

    /// The history; operations that are still open stay of unknown outcome.
    #[must_use]
    pub fn finish(mut self) -> History {
        self.reorder();
        self.history
    }

    fn invoke(&mut self, event: Event, process: u64, line: u64) -> Shaped<Op> {
        let verb = event.f.ok_or("an invocation needs an f")?;
        if self.keys == KeyShape::Auto {
            self.keys = match shape::is_tuple(&event) {
                Some(true) => KeyShape::Tuple,
                Some(false) => KeyShape::Field,
                None => KeyShape::Auto,
            };
        }
        let whole = matches!(verb, super::Verb::Txn | super::Verb::Etcd);
        let (key, value) = match event.key {
            None if self.keys == KeyShape::Tuple && !whole => shape::split(event.value)?,
            key => (key.unwrap_or_default(), event.value),
        };
        if verb == super::Verb::Etcd {
            self.deeds += shape::weight(&value);
        }
        let mut op = Op {
            process,
            session: event.session.map(|s| self.history.values.intern(&s.into())),
            key: self.history.values.intern(&key),
            action: shape::asked(&mut self.history, verb, &value)?,
            outcome: Outcome::Info,
            start: self.position,
            end: OPEN,
            start_time: event.time.unwrap_or(line as i64),
            end_time: event.time.unwrap_or(line as i64),
            line,
            version: None,
            promise: promise(event.level.as_deref()),
        };
        self.flatten(&mut op);
        Ok(op)
    }

    fn complete(&mut self, at: usize, event: Event) -> Shaped<()> {
        let mut op = self.history.ops[at];
        op.end_time = event.time.unwrap_or(op.start_time);
        op.outcome = match event.kind {
            Kind::Ok => Outcome::Ok,
            Kind::Fail => Outcome::Fail,
            Kind::Info | Kind::Invoke => Outcome::Info,
        };
        if op.outcome != Outcome::Info {
            op.end = self.position;
        }
        if op.outcome == Outcome::Ok {
            let value = if self.keys == KeyShape::Tuple && event.key.is_none() {
                shape::split(event.value)?.1
            } else {
                event.value
            };
            if matches!(op.action, Action::Etcd(_)) {
                self.deeds += shape::weight(&value);
            }
            self.answer(&mut op, event.f, &value, event.total)?;
            op.version = event.version.as_ref().map(shape::version).transpose()?;
            op.promise = op.promise.and(promise(event.level.as_deref()));
        }
        self.history.ops[at] = op;
        Ok(())
    }

    fn answer(
        &mut self,
        op: &mut Op,
        verb: Option<super::Verb>,
        value: &serde_json::Value,
        total: Option<i64>,
    ) -> Shaped<()> {
        let history = &mut self.history;
        if verb == Some(super::Verb::Txn) {
            // The invocation may have been flattened: start again from the whole transaction.
            op.action = shape::asked(history, super::Verb::Txn, value)?;
            self.flatten(op);
            return Ok(());
        }
        op.action = shape::answered(history, op.action, value, total)?;
        Ok(())
    }

    /// A transaction of one part is that part.
    fn flatten(&mut self, op: &mut Op) {
        if let Action::Txn(span) = op.action
            && let [micro] = self.history.parts(span)
        {
            (op.key, op.action) = (micro.key, micro.action);
        }
    }

    /// Where times run backwards, time decides; equal times keep the order of the lines.
    fn reorder(&mut self) {
        let Some(times) = &self.times else { return };
        self.history.reordered = times.windows(2).filter(|w| w[1] < w[0]).count() as u64;
        if self.history.reordered == 0 {
            return;
        }
        let mut order: Vec<u32> = (0..times.len() as u32).collect();
        order.sort_by_key(|&event| times[event as usize]);
        let mut position = vec![0; times.len() + 1];
        for (rank, &event) in order.iter().enumerate() {
            position[event as usize + 1] = rank as u64 + 1;
        }
        for op in &mut self.history.ops {
            op.start = position[op.start as usize];
            if op.end != OPEN {
                // A clock that stepped back inside one operation must not turn it around.
                op.end = position[op.end as usize].max(op.start);
            }
        }
        self.history.ops.sort_by_key(|op| op.start);
    }
}

fn promise(level: Option<&str>) -> Promise {
    level.map_or(Promise::LINEARIZABLE, Promise::parse)
}

fn at(line: u64, reason: String) -> HistoryError {
    HistoryError::Shape { line, reason }
}
