//! The process: events in, effects out.
//!
//! ```text
//!   handle(event)   takes one event in: routes a request, feeds a shard's Raft, ends a flush
//!   settle()        hands over what the batch of events left to do:
//!                     1. each touched shard's Raft says what it wants
//!                     2. committed entries are applied, reads answered, calls passed on
//!                     3. again, until no shard has anything to say
//!                     4. one Persist for all shards, then sends, then replies
//! ```
//!
//! The state is in two halves, so that a shard and what all shards share can be changed together:
//! [`Shards`] and [`Core`].

mod control;
mod core;
mod daytime;
mod expire;
mod fate;
mod finish;
mod flush;
mod forget;
mod gone;
mod leases;
mod membership;
mod open;
mod past;
mod ping;
mod pump;
mod recover;
mod report;
mod retention;
mod route;
mod serve;
mod snapshots;
mod upkeep;

use kernel::{Event, Instant, Now, Process, TimerId, process::EffectsOf};
use layers::coordination::Stretch;
use store::{engine::Engine, journal};

pub use self::core::Core;
pub use open::{Boot, Mode};
pub use recover::{Kept, Left, Plan, Why, recover};

use crate::{
    Answer, Envelope, Note, Request, api::Member, catalog::Catalog, message::Body, shard::Shard,
};

/// The replicas on this node.
pub type Shards = alloc::collections::BTreeMap<kernel::ShardId, Shard>;

/// What the process tells the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// The address book of the cluster changed.
    Members(alloc::vec::Vec<Member>),
    /// Every replica has recovered what the journal had lost: the host tells the journal, so that
    /// it reports the damage no more.
    Healed,
    /// The replica of a coordination keyspace on this node has applied more of its log, or is gone:
    /// the host wakes who waits for changes. Once a batch at most.
    Changed {
        /// The keyspace.
        keyspace: alloc::string::String,
        /// Up to which index it has applied the log; 0 if there is no replica here any more.
        applied: u64,
        /// What was changed since the last time, without a gap, if the host asked for it
        /// ([`Request::Watched`]) and all of it is known here; whoever wants to know reads it
        /// otherwise.
        told: Option<Stretch>,
    },
}

/// The database process of one node.
pub struct Database<E: Engine> {
    core: Core<E>,
    shards: Shards,
}

/// Timers of the process itself; a shard's timers are `shard << 8 | raft's number`.
const AGENDA: TimerId = TimerId(1);
const UPKEEP: TimerId = TimerId(2);

fn shard_timer(shard: kernel::ShardId, inner: TimerId) -> TimerId {
    TimerId(shard.0 << 8 | (inner.0 & 0xff))
}

impl<E: Engine> Database<E> {
    /// The job that [`kernel::Effect::Flush`] asks for; to be taken when the effect is carried
    /// out.
    pub fn flush_job(&mut self) -> E::Flush {
        self.core.engine.flush()
    }

    /// The engine, for inspection.
    pub fn engine(&self) -> &E {
        &self.core.engine
    }

    /// The engine, when the process has ended.
    pub fn into_engine(self) -> E {
        self.core.engine
    }

    /// The replicas, for inspection.
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// The catalog as this node has applied it, for inspection.
    pub fn catalog(&self) -> &Catalog {
        &self.core.catalog
    }
}

impl<E: Engine> Process for Database<E> {
    type Message = Envelope;
    type Request = Request;
    type Reply = Answer;
    type Record = journal::Record;
    type Output = Output;
    type Note = Note;

    fn handle(
        &mut self,
        now: Now,
        event: Event<Envelope, Request>,
        out: &mut EffectsOf<Database<E>>,
    ) {
        if self.core.halted.is_some() {
            return;
        }
        let (core, shards) = (&mut self.core, &mut self.shards);
        core.now = now;
        match event {
            Event::Start => start(core, shards),
            Event::Message { from, message } => {
                let shard = kernel::ShardId(message.shard);
                match message.body {
                    Some(Body::Raft(said)) => {
                        pump::message(core, shards, shard, from, said, &message.traced);
                    }
                    Some(Body::Ask(ask)) => route::asked(core, shards, shard, from, ask),
                    Some(Body::Told(told)) => route::told(core, shards, from, told),
                    Some(Body::Report(report)) => report::received(core, from, report),
                    None => {}
                }
            }
            Event::Request { ticket, request } => route::request(core, shards, ticket, request),
            Event::Timer(AGENDA) => {
                core.agenda_at = Instant::NEVER;
                route::agenda(core, shards);
            }
            Event::Timer(UPKEEP) => upkeep::run(core, shards),
            Event::Timer(timer) => pump::timer(core, shards, timer),
            Event::Persisted(token) => flush::persisted(core, shards, token),
            Event::PersistFailed(token) => flush::failed(core, shards, token),
        }
        let _ = out;
    }

    fn settle(&mut self, now: Now, out: &mut EffectsOf<Database<E>>) {
        self.core.now = now;
        pump::settle(&mut self.core, &mut self.shards);
        self.core.hand_over(out);
    }
}

fn start<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    for shard in shards.values_mut() {
        pump::feed(core, shard, Event::Start);
        core.changed.insert(shard.id);
    }
    core.announce_members();
    let first = core.now.instant;
    core.timers.push((UPKEEP, Some(first)));
}
