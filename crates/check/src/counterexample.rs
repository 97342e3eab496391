//! The few operations that show an anomaly.

use serde::Serialize;

use crate::anomaly::Anomaly;
use crate::history::{Action, History, Micro, Op, Outcome, Seen};

/// The most operations that a counterexample shows.
const SHOWN_MAX: usize = 40;

/// The most elements of a list that a label shows: the first and the last few.
const LIST_ENDS: usize = 4;

/// The most letters of a label.
const LABEL_MAX: usize = 100;

/// Operations that cannot all have returned what they returned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counterexample {
    /// What it is called.
    pub anomaly: Anomaly,
    /// On which key, as JSON; `null` where the history has only one.
    pub key: String,
    /// What happened, in one sentence.
    pub text: String,
    /// The operations, by invocation.
    pub ops: Vec<Shown>,
    /// Operations that belong to it and are not shown.
    pub omitted: usize,
}

/// An operation of a counterexample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Who.
    pub process: u64,
    /// What, for people.
    pub label: String,
    /// Position of the invocation among all events.
    pub start: u64,
    /// Position of the completion; none if it never completed.
    pub end: Option<u64>,
    /// Line of the invocation.
    pub line: u64,
    /// The operation that cannot be explained.
    pub guilty: bool,
}

impl Counterexample {
    /// Shows these operations (by index), the guilty ones marked.
    pub(crate) fn new(
        history: &History,
        anomaly: Anomaly,
        text: String,
        ops: &[usize],
        guilty: &[usize],
    ) -> Counterexample {
        let mut all: Vec<usize> = ops.iter().chain(guilty).copied().collect();
        all.sort_unstable();
        all.dedup();
        // What happened last explains most.
        let omitted = all.len().saturating_sub(SHOWN_MAX);
        let kept = all.split_off(omitted);
        let mut shown = guilty.iter().copied().filter(|op| all.contains(op)).collect::<Vec<_>>();
        shown.extend(kept);
        shown.sort_unstable_by_key(|&op| history.ops[op].start);
        let key = guilty.first().or(shown.first()).map(|&op| history.ops[op].key);
        Counterexample {
            anomaly,
            key: key.map_or_else(String::new, |key| history.values.short(key)),
            text,
            omitted: ops.len().saturating_sub(shown.len()),
            ops: shown.into_iter().map(|op| Shown::new(history, op, guilty)).collect(),
        }
    }

    /// The same for the key of a part of a transaction.
    pub(crate) fn on(mut self, key: String) -> Counterexample {
        self.key = key;
        self
    }
}

impl Shown {
    fn new(history: &History, index: usize, guilty: &[usize]) -> Shown {
        let op = &history.ops[index];
        Shown {
            process: op.process,
            label: label(history, op),
            start: op.start,
            end: (op.outcome != Outcome::Info).then_some(op.end),
            line: op.line,
            guilty: guilty.contains(&index),
        }
    }
}

/// An operation for people: `read 7`, `cas 1 2`, `add 5 = 12`, `fail: write 3`.
pub(crate) fn label(history: &History, op: &Op) -> String {
    let text = match op.action {
        Action::Txn(span) => {
            let part = |part: &Micro| {
                let key = history.values.short(part.key);
                format!("{} of {key}", act(history, part.action))
            };
            history.parts(span).iter().map(part).collect::<Vec<_>>().join("; ")
        }
        Action::Etcd(at) => match history.deeds.get(at as usize) {
            Some((ask, answer)) => crate::etcd::label(ask, answer.as_ref()),
            None => String::new(),
        },
        action => act(history, action),
    };
    let text = match text.char_indices().nth(LABEL_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    match op.outcome {
        Outcome::Ok => text,
        Outcome::Fail => format!("failed: {text}"),
        Outcome::Info => format!("{text} ?"),
    }
}

fn act(history: &History, action: Action) -> String {
    let text = |value| history.values.short(value);
    match action {
        Action::Read(Seen::Nothing) => "read".into(),
        Action::Read(Seen::Value(value)) => format!("read {}", text(value)),
        Action::Read(Seen::List(span)) => {
            let list = history.list(span);
            let join = |part: &[_]| part.iter().map(|&v| text(v)).collect::<Vec<_>>().join(" ");
            if list.len() <= 2 * LIST_ENDS {
                return format!("read [{}]", join(list));
            }
            let (head, tail) = (&list[..LIST_ENDS], &list[list.len() - LIST_ENDS..]);
            format!("read [{} … {}] ({})", join(head), join(tail), list.len())
        }
        Action::Write(value) => format!("write {}", text(value)),
        Action::Cas(old, new) => format!("cas {} {}", text(old), text(new)),
        Action::Add(value, None) => format!("add {}", text(value)),
        Action::Add(value, Some(total)) => format!("add {} = {total}", text(value)),
        Action::Append(value) => format!("append {}", text(value)),
        Action::Txn(_) => "txn".into(),
        Action::Etcd(_) => "etcd".into(),
    }
}
