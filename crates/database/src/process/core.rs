//! What all shards of a node share.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};

use kernel::{
    Effect, Incarnation, Instant, NodeId, Now, Rng, ShardId, Ticket, TimerId, Token,
    clock::hybrid::{HybridClock, Timestamp},
    limit::Gauge,
    process::{EffectsOf, HaltReason},
};
use raft::Raft;
use store::{engine::Engine, journal};

use crate::{
    Answer, Envelope, Identity, Note, Settings,
    api::{Faults, Member},
    calls::{Call, CallId, Calls},
    catalog::Catalog,
    failure::Code,
    shard::{Export, Went},
};

use super::{AGENDA, Database, Output, daytime::Bounds, fate::Gather, report::Peer};

/// The parts of the process that belong to no shard.
pub struct Core<E: Engine> {
    pub(super) settings: Settings,
    pub(super) identity: Identity,
    pub(super) engine: E,
    pub(super) rng: Rng,
    pub(super) now: Now,
    pub(super) clock: HybridClock,
    /// What the other members' clocks say of this node's.
    pub(super) daytime: Bounds,

    pub(super) me: Member,
    pub(super) founders: Vec<Member>,
    pub(super) catalog: Catalog,
    pub(super) announced: Vec<Member>,
    pub(super) peers: BTreeMap<NodeId, Peer>,
    /// Who leads a shard, as told by others: (term, leader).
    pub(super) leaders: BTreeMap<ShardId, (u64, NodeId)>,
    /// A disk that lost its memory: shards without records must recover before they vote.
    pub(super) wiped: bool,
    /// Shards whose replica here was dropped, as the journal remembers it. The catalog may not yet:
    /// the engine, and with it this node's copy of the catalog, can be older than the journal.
    pub(super) left: BTreeSet<ShardId>,
    /// Replicas that were dropped, and the write that says so; none if it failed. Until it is durable
    /// the engine keeps what they hold, and no other takes their place.
    pub(super) leaving: BTreeMap<ShardId, Option<Token>>,
    /// As the catalog's leader: who has heard of what was dropped.
    pub(super) hearing: super::gone::Hearing,
    /// The others are waiting to be told that this node has heard of a drop.
    pub(super) tells: bool,
    /// Another node has said what it has heard of.
    pub(super) counts: bool,
    /// The journal has holes that not every replica has recovered from.
    pub(super) damaged: bool,

    pub(super) calls: Calls,
    pub(super) admitted: Gauge,
    /// The same for keep-alives: other requests do not take their room.
    pub(super) keeping: Gauge,
    pub(super) gathers: BTreeMap<CallId, Gather>,
    pub(super) next_gather: CallId,
    /// Calls to be routed again in this batch.
    pub(super) again: VecDeque<CallId>,
    pub(super) hand_over: Option<(Ticket, Instant)>,
    pub(super) disk_full: bool,
    /// Injected by the host.
    pub(super) faults: Faults,
    /// Coordination keyspaces of whose changes the host wants to be told.
    pub(super) watched: BTreeSet<String>,
    /// When this node may next tell the catalog its addresses.
    pub(super) register_at: Instant,

    pub(super) exports: BTreeMap<(ShardId, NodeId), Export<E::Snapshot>>,
    pub(super) touched: BTreeSet<ShardId>,
    /// Shards of which more was applied in this batch than the host has been told.
    pub(super) changed: BTreeSet<ShardId>,
    /// Replicas to create or remove once no shard is being changed.
    pub(super) reshape: bool,

    pub(super) next_token: u64,
    /// Which of the shards' tokens a token of this process carries.
    pub(super) carried: BTreeMap<Token, Vec<(ShardId, Token)>>,
    pub(super) flushing: Option<super::flush::Flushing>,
    pub(super) unflushed: u64,
    pub(super) flushed_at: Instant,
    pub(super) pressed: BTreeSet<ShardId>,

    pub(super) records: Vec<journal::Record>,
    /// The token of the records gathered in this batch.
    pub(super) token: Option<Token>,
    pub(super) flushes: Vec<Token>,
    pub(super) sends: Vec<(NodeId, Envelope, Option<Token>)>,
    pub(super) replies: Vec<(Ticket, Answer)>,
    pub(super) timers: Vec<(TimerId, Option<Instant>)>,
    pub(super) outputs: Vec<Output>,
    pub(super) notes: Vec<Note>,
    pub(super) halted: Option<HaltReason>,
    halt_told: bool,
    pub(super) agenda_at: Instant,
    pub(super) scratch: EffectsOf<Raft>,
}

impl<E: Engine> Core<E> {
    pub(super) fn new(
        settings: Settings,
        identity: Identity,
        me: Member,
        founders: Vec<Member>,
        engine: E,
        mut rng: Rng,
    ) -> Core<E> {
        Core {
            clock: HybridClock::default(),
            daytime: Bounds::default(),
            admitted: Gauge::new(settings.requests_max, settings.request_bytes_max),
            keeping: Gauge::new(settings.keep_alives_max, settings.keep_alive_bytes_max),
            settings,
            identity,
            engine,
            now: Now::default(),
            me,
            founders,
            catalog: Catalog::default(),
            announced: Vec::new(),
            peers: BTreeMap::new(),
            leaders: BTreeMap::new(),
            wiped: false,
            left: BTreeSet::new(),
            leaving: BTreeMap::new(),
            hearing: BTreeMap::new(),
            tells: false,
            counts: false,
            damaged: false,
            calls: Calls::starting_at(rng.bits() >> 2),
            gathers: BTreeMap::new(),
            next_gather: 0,
            again: VecDeque::new(),
            hand_over: None,
            disk_full: false,
            faults: Faults::default(),
            watched: BTreeSet::new(),
            register_at: Instant::ZERO,
            exports: BTreeMap::new(),
            touched: BTreeSet::new(),
            changed: BTreeSet::new(),
            reshape: false,
            next_token: 0,
            carried: BTreeMap::new(),
            flushing: None,
            unflushed: 0,
            flushed_at: Instant::ZERO,
            pressed: BTreeSet::new(),
            records: Vec::new(),
            token: None,
            flushes: Vec::new(),
            sends: Vec::new(),
            replies: Vec::new(),
            timers: Vec::new(),
            outputs: Vec::new(),
            notes: Vec::new(),
            halted: None,
            halt_told: false,
            agenda_at: Instant::NEVER,
            scratch: EffectsOf::<Raft>::new(),
            rng,
        }
    }

    /// What hashes of this node's tables of outcomes start from.
    pub(super) fn salt(&self) -> u64 {
        self.rng.fork("outcomes").bits()
    }

    /// A new token.
    pub(super) fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    /// The token that carries the records of this batch.
    pub(super) fn batch_token(&mut self) -> Token {
        match self.token {
            Some(token) => token,
            None => {
                let token = self.token();
                self.token = Some(token);
                token
            }
        }
    }

    /// Stamps a command: never smaller than anything in the shard's log.
    pub(super) fn stamp(&mut self, at_least: Timestamp) -> Timestamp {
        self.clock.force(at_least);
        self.clock.tick(self.daytime.wall(self.now))
    }

    /// Every member, or who founded the cluster while the catalog is empty.
    pub(super) fn members(&self) -> Vec<Member> {
        if self.catalog.members.is_empty() {
            return self.founders.clone();
        }
        self.catalog.members.values().cloned().collect()
    }

    /// Whether a new cluster's founders are still to be entered into the catalog. A cluster whose
    /// history was cut is not new: some of its founders are gone.
    pub(super) fn founding(&self) -> bool {
        let new = self.identity.incarnation <= Incarnation(1);
        let known = |member: &Member| self.catalog.members.contains_key(&member.node);
        new && self.catalog.bootstrapping() && !self.founders.iter().all(known)
    }

    /// Every other member.
    pub(super) fn others(&self) -> Vec<NodeId> {
        let me = self.identity.node;
        self.members().into_iter().map(|member| member.node).filter(|node| *node != me).collect()
    }

    /// Tells the host the address book if it changed.
    pub(super) fn announce_members(&mut self) {
        let members = self.members();
        if members != self.announced {
            self.announced.clone_from(&members);
            self.outputs.push(Output::Members(members));
        }
    }

    pub(super) fn send(&mut self, to: NodeId, envelope: Envelope) {
        self.sends.push((to, envelope, None));
    }

    /// The process cannot go on.
    pub(super) fn halt(&mut self, code: &'static str, text: impl Into<String>) {
        if self.halted.is_none() {
            self.halted = Some(HaltReason { code, text: text.into() });
        }
    }

    /// Takes room for a call; whether there was any.
    pub(super) fn admit(&mut self, call: &Call) -> bool {
        if call.keeps_alive {
            self.keeping.admit(call.bytes)
        } else {
            self.admitted.admit(call.bytes)
        }
    }

    /// Gives back the room of a call.
    pub(super) fn release(&mut self, call: &Call) {
        if call.keeps_alive {
            self.keeping.release(call.bytes);
        } else {
            self.admitted.release(call.bytes);
        }
    }

    /// Refuses a request at the door.
    pub(super) fn refuse(
        &mut self,
        ticket: Ticket,
        keyspace: Option<String>,
        failure: crate::Failure,
    ) {
        self.notes.push(Note::Refused { code: failure.code, keyspace });
        self.replies.push((ticket, Answer::Failed(failure)));
    }

    /// Traced entries of another leader went a step further here.
    pub(super) fn note_followed(&mut self, shard: ShardId, went: Vec<Went>) {
        self.notes.extend(went.into_iter().map(|went| {
            let Went { step, took, leader, trace } = went;
            Note::Followed { shard, leader, step, took, trace }
        }));
    }

    /// An engine that fails cannot be trusted with anything more.
    pub(super) fn engine_failed(&mut self, error: &store::EngineError) {
        self.halt(Code::Storage.name(), alloc::format!("the engine failed: {error}"));
    }

    /// Turns what was gathered into effects: first what must be written, replies last.
    pub(super) fn hand_over(&mut self, out: &mut EffectsOf<Database<E>>) {
        if let Some(token) = self.token.take() {
            let records = ::core::mem::take(&mut self.records);
            out.push(Effect::Persist { token, records });
        }
        for token in self.flushes.drain(..) {
            out.push(Effect::Flush { token });
        }
        for (to, message, after) in self.sends.drain(..) {
            out.push(Effect::Send { to, message, after });
        }
        for output in self.outputs.drain(..) {
            out.output(output);
        }
        for (ticket, reply) in self.replies.drain(..) {
            out.reply(ticket, reply);
        }
        self.arm_agenda();
        for (timer, at) in self.timers.drain(..) {
            out.push(match at {
                Some(at) => Effect::SetTimer { timer, at },
                None => Effect::CancelTimer { timer },
            });
        }
        for note in self.notes.drain(..) {
            out.note(note);
        }
        if let (Some(reason), false) = (&self.halted, self.halt_told) {
            out.push(Effect::Halt(reason.clone()));
            self.halt_told = true;
        }
    }

    /// The agenda's timer is moved only to an earlier instant: most calls end long before their
    /// deadline, and a timer that fires for nothing is cheaper than one moved per call.
    fn arm_agenda(&mut self) {
        if let Some(due) = self.calls.next_due()
            && due < self.agenda_at
        {
            self.agenda_at = due;
            self.timers.push((AGENDA, Some(due)));
        }
    }
}
