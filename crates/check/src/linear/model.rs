//! What a single copy of the data would do, one operation after the other.

use crate::history::ValueId;

/// An operation as the search sees it: an interval and an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<A> {
    /// Index into the history's operations.
    pub op: usize,
    /// Position of the invocation.
    pub start: u64,
    /// Position of the completion; [`crate::history::OPEN`] if unknown: the call may then be
    /// placed anywhere after its start, or nowhere.
    pub end: u64,
    /// What it does.
    pub act: A,
}

impl<A> Call<A> {
    /// Whether its outcome is unknown.
    pub(crate) fn open(&self) -> bool {
        self.end == crate::history::OPEN
    }
}

/// A sequential specification.
pub(crate) trait Model {
    /// What an operation does, together with what it returned.
    type Act: Copy + Ord + std::fmt::Debug;
    /// The state of the one copy.
    type State: Copy + Eq + std::fmt::Debug;

    /// The state before everything.
    fn initial(&self) -> Self::State;
    /// The state afterwards; `None` if the act could not have returned what it returned.
    fn step(&self, state: Self::State, act: Self::Act, open: bool) -> Option<Self::State>;
    /// Whether the act never disturbs a later one.
    fn reads(act: Self::Act) -> bool;
    /// The state as a number, equal only for equal states.
    fn code(state: Self::State) -> u64;
}

/// A register; null before the first write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Register;

/// What is done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RegisterAct {
    Read(ValueId),
    Write(ValueId),
    /// Expected and new.
    Cas(ValueId, ValueId),
}

impl RegisterAct {
    /// The value that it leaves behind.
    pub(crate) fn produces(self) -> Option<ValueId> {
        match self {
            RegisterAct::Read(_) => None,
            RegisterAct::Write(value) | RegisterAct::Cas(_, value) => Some(value),
        }
    }

    /// The value that it must have found.
    pub(crate) fn observes(self) -> Option<ValueId> {
        match self {
            RegisterAct::Write(_) => None,
            RegisterAct::Read(value) | RegisterAct::Cas(value, _) => Some(value),
        }
    }
}

/// A register's content.
///
/// `unseen`: the last change has an unknown outcome and nothing has observed it yet. Such a
/// change may be left out of any order in which the next act does not observe it; so the search
/// loses nothing when it demands that the next act does. This keeps the many ways to place
/// operations of unknown outcome apart from the few that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    value: ValueId,
    unseen: bool,
}

impl Model for Register {
    type Act = RegisterAct;
    type State = Content;

    fn initial(&self) -> Content {
        Content { value: ValueId::NULL, unseen: false }
    }

    fn step(&self, state: Content, act: RegisterAct, open: bool) -> Option<Content> {
        match act {
            RegisterAct::Read(value) => {
                (state.value == value).then_some(Content { value, unseen: false })
            }
            RegisterAct::Write(value) => (!state.unseen).then_some(Content { value, unseen: open }),
            RegisterAct::Cas(old, new) => {
                (state.value == old).then_some(Content { value: new, unseen: open })
            }
        }
    }

    fn reads(act: RegisterAct) -> bool {
        match act {
            RegisterAct::Read(_) => true,
            RegisterAct::Write(_) => false,
            // Setting a value to itself is no more than a look at it.
            RegisterAct::Cas(old, new) => old == new,
        }
    }

    fn code(state: Content) -> u64 {
        u64::from(state.value.number()) << 1 | u64::from(state.unseen)
    }
}

/// A counter; zero before the first addition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter;

/// What is done to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CounterAct {
    Read(i64),
    Add(i64),
    /// The amount, and the total that it returned.
    AddGet(i64, i64),
}

impl Model for Counter {
    type Act = CounterAct;
    type State = i64;

    fn initial(&self) -> i64 {
        0
    }

    fn step(&self, total: i64, act: CounterAct, _open: bool) -> Option<i64> {
        match act {
            CounterAct::Read(seen) => (total == seen).then_some(total),
            CounterAct::Add(amount) => Some(total.saturating_add(amount)),
            CounterAct::AddGet(amount, seen) => {
                (total.saturating_add(amount) == seen).then_some(seen)
            }
        }
    }

    fn reads(act: CounterAct) -> bool {
        matches!(act, CounterAct::Read(_))
    }

    fn code(total: i64) -> u64 {
        total as u64
    }
}
