//! A keyspace with etcd's model beside the others: clients with leases, locks and candidacies, and
//! watchers.
//!
//! ```text
//!   draw ─▶ operations ─▶ client ── compose ──▶ command or query ─▶ cluster
//!                           │  what it knows: leases, tokens, keys     │
//!                           ◀──────── record: what it was told ────────┘─▶ history
//!   watchers poll changes at any replica, resume at another, go back, are told "compacted";
//!   the chronicler, who watches all keys from the first revision on, never loses its place
//! ```
//!
//! Every fifth seed carries it. Other seeds run as if it were not there.

mod client;
mod compose;
mod draw;
mod knows;
mod recipe;
mod record;
mod stops;
mod watcher;

use std::{cell::Cell, collections::VecDeque, rc::Rc};

use contract::Program;
use database::{
    Request,
    api::{Action, Call, Trace},
};
use kernel::{Duration, Rng};
use layers::coordination::{Answer, Ask, Query, QueryReply, StatusRequest};
use prost::Message;
use sim::Plan;

use crate::actor::Actor;

pub use draw::{Act, Operation, draw};
pub use stops::Stops;

/// The keyspace.
pub const KEYSPACE: &str = "etcd";

/// Whether the run of a seed has it.
#[must_use]
pub fn carries(seed: u64) -> bool {
    seed % 5 == 4
}

/// How far the chronicler has read: nothing behind it is compacted.
pub(crate) type Chronicled = Rc<Cell<i64>>;

/// The clients and watchers of a run. `process` is the first free name in the history, `stride` how
/// many names there are in all.
pub fn actors(plan: &Plan, operations: &[Operation], process: u64) -> Vec<Box<dyn Actor>> {
    if operations.is_empty() {
        return Vec::new();
    }
    let rng = Rng::new(plan.seed).fork("coordination actors");
    let count = operations.iter().map(|op| op.client + 1).max().unwrap_or(0);
    let stride = count + watcher::WATCHERS;
    let nodes = plan.options.nodes;
    let chronicled = Chronicled::default();
    let mut all: Vec<Box<dyn Actor>> = Vec::new();
    for id in 0..count {
        let mine: VecDeque<Operation> =
            operations.iter().filter(|op| op.client == id).cloned().collect();
        let rng = rng.fork(&format!("client {id}"));
        let names = client::Names { client: id, process: process + id, stride };
        all.push(Box::new(client::Client::new(names, nodes, mine, rng, chronicled.clone())));
    }
    for id in 0..watcher::WATCHERS {
        let rng = rng.fork(&format!("watcher {id}"));
        let process = process + count + id;
        all.push(Box::new(watcher::Watcher::new(id, process, nodes, rng, chronicled.clone())));
    }
    all
}

/// Asks how many leases there are.
#[must_use]
pub fn status() -> Request {
    let query: Query = Ask::Status(StatusRequest {}).into();
    Request::Call(Call {
        keyspace: KEYSPACE.into(),
        action: Action::Query {
            program: Program::Coordination,
            query: query.encode_to_vec().into(),
        },
        consistency: None,
        session: None,
        request_id: None,
        timeout: Duration::from_secs(2),
        trace: Trace::default(),
    })
}

/// How many leases an answer says there are.
#[must_use]
pub fn leases(answer: &database::Answer) -> Option<u64> {
    let database::Answer::Done(done) = answer else { return None };
    match QueryReply::read(&done.body).ok()?.into_result().ok()? {
        Answer::Status(status) => Some(status.leases),
        _ => None,
    }
}
