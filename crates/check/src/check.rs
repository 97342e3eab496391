//! One history, all checkers that apply.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::classify::{Holds, Keys, keys};
use crate::history::{self, History, HistoryError, ReadLimits};
use crate::limits::Limits;
use crate::report::{Counts, Report};
use crate::verdict::Judgement;
use crate::{append, etcd, linear, session, set, stale, versions};

/// What the keys of a history are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// Judge each key for what is done to it.
    #[default]
    Auto,
    /// Linearizable registers: read, write, delete, cas.
    Register,
    /// Linearizable counters: add, read.
    Counter,
    /// Grow-only sets: add, read of all elements.
    Set,
    /// Lists: append, read of all elements, alone or in transactions.
    Append,
    /// The four session guarantees on registers, whatever level the operations asked for.
    Session,
}

/// What to check, and how much it may cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// What the keys are.
    pub model: Model,
    /// Bounds on judging.
    pub limits: Limits<'a>,
    /// Bounds on reading.
    pub read: ReadLimits,
    /// How stale reads of registers may be, in nanoseconds; `None`: not judged.
    pub staleness: Option<u64>,
}

/// Why a file could not be checked.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}", path = .path.display())]
pub struct CheckError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub cause: HistoryError,
}

impl CheckError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.cause.code()
    }
}

/// Reads a history file and checks it.
pub fn check_file(path: &Path, options: &Options<'_>) -> Result<Report, CheckError> {
    let fail = |cause| CheckError { path: path.to_owned(), cause };
    let file = File::open(path).map_err(|error| fail(error.into()))?;
    let source = BufReader::with_capacity(1 << 16, file);
    let history = history::read(source, &options.read).map_err(fail)?;
    Ok(check(&history, options))
}

/// Checks a history.
#[must_use]
pub fn check(history: &History, options: &Options<'_>) -> Report {
    let mut keys = keys(history);
    let wanted = match options.model {
        Model::Auto => None,
        Model::Register | Model::Session => Some(Holds::Register),
        Model::Counter => Some(Holds::Counter),
        Model::Set => Some(Holds::Set),
        Model::Append => Some(Holds::List),
    };
    if let Some(wanted) = wanted {
        let data = keys.holds.values_mut().filter(|holds| **holds != Holds::Keyspace);
        data.for_each(|holds| *holds = wanted);
    }
    let mut bench = Bench { history, keys: &keys, options, judgements: Vec::new() };
    bench.registers();
    bench.others();
    bench.lists();
    bench.keyspaces();
    let judgements = bench.judgements;
    let counts = Counts::of(history, keys.holds.len());
    Report::new(counts, judgements, notes(history))
}

fn notes(history: &History) -> Vec<String> {
    let mut notes = Vec::new();
    if history.ignored > 0 {
        notes.push(format!("{} lines of processes that are not clients", history.ignored));
    }
    if history.reordered > 0 {
        let lines = history.reordered;
        notes.push(format!("times ran backwards on {lines} lines: ordered by time"));
    }
    notes
}

/// The judges at work on one history.
struct Bench<'a> {
    history: &'a History,
    keys: &'a Keys,
    options: &'a Options<'a>,
    judgements: Vec<Judgement>,
}

impl<'a> Bench<'a> {
    /// The operations of every key that holds this.
    fn of(&self, holds: Holds) -> Vec<&'a [usize]> {
        let matches = |key| self.keys.holds.get(key) == Some(&holds);
        self.keys.ops.iter().filter(|(key, _)| matches(key)).map(|(_, ops)| &ops[..]).collect()
    }

    /// Runs a checker over these keys and keeps its judgement if it judged anything.
    fn each(
        &mut self,
        checker: &'static str,
        keys: &[&[usize]],
        judge: impl Fn(&[usize], &mut Judgement),
    ) {
        let mut judgement = Judgement::new(checker);
        keys.iter().for_each(|ops| judge(ops, &mut judgement));
        if judgement.keys > 0 || !judgement.unknown.is_empty() {
            self.judgements.push(judgement);
        }
    }

    fn registers(&mut self) {
        let (history, limits) = (self.history, self.options.limits);
        let registers = self.of(Holds::Register);
        let model = self.options.model;
        if model != Model::Session {
            self.each("linearizable registers", &registers, |ops, judgement| {
                linear::register(history, ops, limits, judgement);
            });
        }
        if model == Model::Auto {
            self.each("versions", &registers, |ops, judgement| {
                versions::judge(history, ops, judgement);
            });
        }
        if matches!(model, Model::Auto | Model::Session) {
            let all = model == Model::Session;
            self.judgements.extend(session::judge(history, &registers, all));
        }
        if let Some(bound) = self.options.staleness {
            self.each("bounded staleness", &registers, |ops, judgement| {
                stale::judge(history, ops, bound, judgement);
            });
        }
    }

    fn others(&mut self) {
        let (history, limits) = (self.history, self.options.limits);
        let counters = self.of(Holds::Counter);
        self.each("linearizable counters", &counters, |ops, judgement| {
            linear::counter(history, ops, limits, judgement);
        });
        let sets = self.of(Holds::Set);
        self.each("linearizable sets", &sets, |ops, judgement| {
            set::judge(history, ops, judgement);
        });
        let mixed = self.of(Holds::Mixed);
        self.each("mixed keys", &mixed, |_, judgement| {
            judgement.unknown("one key is written, added to or appended to in different ways");
        });
    }

    fn keyspaces(&mut self) {
        let mut judgements = etcd::CHECKERS.map(Judgement::new);
        for ops in self.of(Holds::Keyspace) {
            etcd::judge(self.history, ops, &mut judgements);
        }
        let judged = |judgement: &Judgement| judgement.keys > 0 || !judgement.unknown.is_empty();
        self.judgements.extend(judgements.into_iter().filter(judged));
    }

    fn lists(&mut self) {
        let mut ops: Vec<usize> = self.of(Holds::List).concat();
        let holds_lists = self.keys.holds.values().any(|&holds| holds == Holds::List);
        if holds_lists {
            ops.extend(&self.keys.transactions);
        }
        ops.sort_unstable();
        let history = self.history;
        self.each("strict lists", &[&ops[..]], |ops, judgement| {
            append::judge(history, ops, judgement);
        });
        let unjudged = !holds_lists && !self.keys.transactions.is_empty();
        let none: &[&[usize]] = if unjudged { &[&[]] } else { &[] };
        self.each("transactions", none, |_, judgement| {
            judgement.unknown("transactions of several registers are not judged");
        });
    }
}
