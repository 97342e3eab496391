//! Requests in flight on this node, each with its deadline.
//!
//! A call is a request that a host or a peer waits for. It is answered exactly once: by its
//! outcome, by a refusal, or by its deadline. `look_at` is the next moment at which something
//! must be done about it without being asked: a retry or the deadline.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
};

use bytes::Bytes;
use contract::{Consistency, Program, Session};
use kernel::{
    Instant, NodeId, RequestId, ShardId, Ticket, Version,
    bug::{Bug, planted},
};

use crate::{
    api::{Action, Trace},
    message,
};

/// Names a call on this node.
pub type CallId = u64;

/// The number under which another node is asked. A call may first ask how new the catalog is and
/// then for what it wants: a late or repeated answer to the one must not be taken for the other's.
#[must_use]
pub fn ask_number(id: CallId, barrier: bool) -> u64 {
    id << 1 | u64::from(barrier)
}

/// The call of an answer, and whether it is about the catalog.
#[must_use]
pub fn call_of(number: u64) -> (CallId, bool) {
    (number >> 1, number & 1 == 1)
}

/// Who waits for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The host.
    Local(Ticket),
    /// Another node, under its own number.
    Peer(NodeId, u64),
    /// One shard's part of a question about a fate.
    Fate(CallId),
    /// Nobody: the node does it by itself.
    Own,
}

/// What a call wants, once its shard is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// A call that just arrived.
    Resolve(Action),
    /// A call of a keyspace that this node does not know (yet), with what it asked for.
    Unresolved(Action, Option<RequestId>, Option<Consistency>),
    /// Replicate a command.
    Mutate {
        /// The client's id.
        id: RequestId,
        /// The program's command.
        command: Bytes,
    },
    /// Read.
    Query {
        /// The program's query.
        query: Bytes,
        /// Whether the leader must confirm that it leads.
        linearizable: bool,
        /// The replica must have applied this index.
        index_min: u64,
        /// What it asks of the past.
        past: Past,
    },
    /// Settle a fate.
    Fate(RequestId),
    /// The same, in the shards of the call's keyspace, or in all if it names none.
    FateSomewhere(RequestId),
    /// Hand over leadership.
    Transfer(NodeId),
}

/// What a query asks of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Nothing: the newest values.
    Nothing,
    /// The values as of a version.
    At(Version),
    /// Every version of a key that is kept.
    Versions,
}

/// Where a call stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Nothing is under way: try again when `look_at` comes or the leader changes.
    Parked,
    /// In the log of this node's replica.
    Proposed,
    /// Waits for the leader's confirmation.
    Reading,
    /// Waits for the replica to apply an index, then reads.
    Applying,
    /// Sent to another node.
    Forwarded,
    /// Waits until the catalog here is as new as the leader's, then resolves the name again.
    Barrier,
    /// Done; the answer waits until this node's catalog shows the change.
    Visible(message::Done),
    /// Done; the answer waits until nobody can serve the keyspace that was there before.
    Lingering(message::Done),
}

/// A request in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who waits.
    pub origin: Origin,
    /// When it arrived.
    pub started: Instant,
    /// When it is answered whatever happens.
    pub deadline: Instant,
    /// When something must be done about it.
    pub look_at: Instant,
    /// The keyspace by name; empty for peers' calls.
    pub keyspace: String,
    /// The shard, once known.
    pub shard: ShardId,
    /// The program that it speaks to, once the shard is known.
    pub program: Option<Program>,
    /// What it wants.
    pub want: Want,
    /// Where it stands.
    pub stage: Stage,
    /// The level asked for.
    pub consistency: Consistency,
    /// What the client has seen.
    pub session: Session,
    /// Its place in a trace.
    pub trace: Trace,
    /// Bytes it was admitted with.
    pub bytes: u64,
    /// Whether it keeps leases alive and does nothing else.
    pub keeps_alive: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it may have taken effect.
    pub risked: bool,
    /// Whether the catalog was confirmed to be current for it.
    pub current: bool,
    /// Whether the answer is about the catalog.
    pub control: bool,
}

impl Call {
    /// What it asked for, if its shard was found by the name of its keyspace.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        let program = self.program?;
        match &self.want {
            Want::Mutate { command, .. } => {
                Some(Action::Mutate { program, command: command.clone() })
            }
            Want::Query { query, past, .. } => {
                let query = query.clone();
                Some(match past {
                    Past::Nothing => Action::Query { program, query },
                    Past::At(at) => Action::Past { program, query, at: Some(*at) },
                    Past::Versions => Action::Past { program, query, at: None },
                })
            }
            _ => None,
        }
    }

    /// Whether it changes state.
    #[must_use]
    pub fn is_mutation(&self) -> bool {
        matches!(
            self.want,
            Want::Mutate { .. }
                | Want::Resolve(Action::Mutate { .. })
                | Want::Unresolved(Action::Mutate { .. }, ..)
        )
    }

    /// The mutation's id.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        match &self.want {
            Want::Mutate { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The message that asks another node to do it.
    #[must_use]
    pub fn ask(&self, id: CallId, now: Instant) -> Option<message::Ask> {
        let want = match &self.want {
            Want::Resolve(_) | Want::Unresolved(..) | Want::FateSomewhere(_) => return None,
            Want::Mutate { id, command } => message::Want::Mutate(message::Mutate {
                request_id: Bytes::copy_from_slice(id.as_bytes()),
                command: command.clone(),
            }),
            Want::Query { query, linearizable, index_min, past } => {
                message::Want::Query(message::Query {
                    query: query.clone(),
                    linearizable: *linearizable,
                    index_min: *index_min,
                    at: match past {
                        Past::At(version) => Bytes::copy_from_slice(&version.to_bytes()),
                        Past::Nothing | Past::Versions => Bytes::new(),
                    },
                    versions: *past == Past::Versions,
                })
            }
            Want::Fate(id) => message::Want::Fate(Bytes::copy_from_slice(id.as_bytes())),
            Want::Transfer(to) => message::Want::Transfer(to.0),
        };
        let timeout = self.deadline.since(now).as_millis();
        Some(message::Ask {
            id: ask_number(id, false),
            timeout_ms: u64::try_from(timeout).unwrap_or(u64::MAX),
            trace: message::trace_bytes(&self.trace),
            want: Some(want),
        })
    }
}

/// All calls in flight.
#[derive(Debug, Default)]
pub struct Calls {
    next: CallId,
    table: BTreeMap<CallId, Call>,
    agenda: BTreeSet<(Instant, CallId)>,
}

impl Calls {
    /// No calls yet. Numbers go on from `first`, drawn anew at every start: an answer to a call
    /// of an earlier life must not be taken for one of this.
    #[must_use]
    pub fn starting_at(first: CallId) -> Calls {
        let next = if planted(Bug::NumbersReused) { 0 } else { first };
        Calls { next, ..Calls::default() }
    }

    /// Takes a call in.
    pub fn add(&mut self, call: Call) -> CallId {
        self.next += 1;
        self.agenda.insert((call.look_at, self.next));
        self.table.insert(self.next, call);
        self.next
    }

    /// A call in flight.
    #[must_use]
    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.table.get(&id)
    }

    /// A call in flight, to change its stage; its `look_at` changes by [`Calls::stage`] only.
    pub fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.table.get_mut(&id)
    }

    /// Moves a call to a stage, to be looked at no later than `look_at`.
    pub fn stage(&mut self, id: CallId, stage: Stage, look_at: Instant) {
        if let Some(call) = self.table.get_mut(&id) {
            let look_at = look_at.min(call.deadline);
            if look_at != call.look_at {
                self.agenda.remove(&(call.look_at, id));
                if !planted(Bug::CallForgotten) {
                    self.agenda.insert((look_at, id));
                }
                call.look_at = look_at;
            }
            call.stage = stage;
        }
    }

    /// Takes a call out.
    pub fn remove(&mut self, id: CallId) -> Option<Call> {
        let call = self.table.remove(&id)?;
        self.agenda.remove(&(call.look_at, id));
        Some(call)
    }

    /// The calls that are due.
    #[must_use]
    pub fn due(&self, now: Instant) -> alloc::vec::Vec<CallId> {
        self.agenda.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect()
    }

    /// When the next call is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// The calls that wait until nobody can serve what was there before.
    #[must_use]
    pub fn lingering(&self) -> alloc::vec::Vec<CallId> {
        let lingers = |call: &Call| matches!(call.stage, Stage::Lingering(_));
        self.table.iter().filter(|(_, call)| lingers(call)).map(|(id, _)| *id).collect()
    }

    /// The calls of a shard that are not answered by its log alone: parked ones, the proposals of a
    /// leader that lost its place, and, where another leader is `heard` of, what was passed on to
    /// the one before: it may be dead, and whether it is or not, a repeat is harmless.
    #[must_use]
    pub fn stranded(&self, shard: ShardId, led: bool, heard: bool) -> alloc::vec::Vec<CallId> {
        let stuck = |call: &Call| match call.stage {
            Stage::Parked => true,
            Stage::Proposed | Stage::Reading => !led,
            Stage::Forwarded => heard,
            _ => false,
        };
        let mine = |call: &Call| call.shard == shard && stuck(call);
        self.table.iter().filter(|(_, call)| mine(call)).map(|(id, _)| *id).collect()
    }
}
