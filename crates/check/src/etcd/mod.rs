//! Keyspaces with etcd's model: keys with revisions, leases, locks, elections, watchers.
//!
//! ```text
//!   history ─▶ deeds ─┬─▶ order    revisions: one each, and in real time
//!                     ├─▶ log      watchers: ordered, complete, whole revisions, all alike
//!                     │    └─▶ replay   every answer against the state of its revision
//!                     │         ├─ state    what each write does, a second time
//!                     │         └─ causes   what made the changes that nobody claims
//!                     ├─▶ lease    none ends before its time, none comes back
//!                     ├─▶ fence    locks and elections: tokens grow from holder to holder
//!                     └─▶ recipe   semaphores, barriers, numbered keys, services: by true time
//! ```
//!
//! Every answer carries the revision at which it was given. That makes judging cheap: the order of
//! the data is known, so nothing is searched for. Sort by revision, replay, compare, and see that
//! real time agrees (`crate::sweep`). All of it takes little more than the time to sort.

mod answer;
mod ask;
mod causes;
mod deeds;
mod fence;
mod lease;
mod log;
mod order;
mod reads;
mod recipe;
mod replay;
mod state;

#[cfg(test)]
mod tests;

pub use answer::{
    Answer, Change, Deleted, Done, Found, Kept, Kv, Leads, Left, Page, Queued, Refusal, StepDone,
    TxnDone,
};
pub use ask::{
    Ask, Compact, Compare, Grant, KeepAlive, Keys, Lease, NO_END, Name, Operand, Place, Proclaim,
    Put, Range, Relation, Stand, Step, Txn, Watch, place,
};
pub(crate) use deeds::label;
pub use recipe::{
    Acquire, Create, Enter, Instance, Named, Outcome, Raise, Recipe, Register, Report, Under, What,
};

use crate::history::History;
use crate::verdict::Judgement;
use deeds::Deeds;

/// Judges the operations of one keyspace, given by index.
pub(crate) fn judge(
    history: &History,
    ops: &[usize],
    judgements: &mut [Judgement; CHECKERS.len()],
) {
    let deeds = Deeds::of(history, ops);
    let [order, watches, model, leases, locks, elections, semaphores, barriers, numbers, services] =
        judgements;
    order::judge(&deeds, order);
    let log = log::watches(&deeds, watches);
    let ended = replay::judge(&deeds, &log, model);
    lease::judge(&deeds, &ended, leases);
    fence::judge(&deeds, false, locks);
    fence::judge(&deeds, true, elections);
    recipe::semaphores(&deeds, semaphores);
    recipe::barriers(&deeds, barriers);
    recipe::sequences(&deeds, numbers);
    recipe::services(&deeds, services);
}

/// What is judged of a keyspace.
pub(crate) const CHECKERS: [&str; 10] = [
    "revisions",
    "watches",
    "etcd's model",
    "leases",
    "locks",
    "elections",
    "semaphores",
    "barriers",
    "numbered keys",
    "services",
];
