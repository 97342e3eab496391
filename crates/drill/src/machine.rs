//! One node as the simulator sees it: the database process on a journal on a simulated disk.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use bytes::{Bytes, BytesMut};
use database::{Answer, Database, Envelope, Note, Output, Request, link};
use kernel::{
    Duration, Effect, Event, NodeId, Now, Process, ShardId, Ticket, TimerId, Token,
    process::EffectsOf,
};
use sim::{Action, Copied, Input, Machine, SimDisk, Work};
use store::{
    FlushJob, Journal, JournalError, MemEngine, Record,
    engine::{MemFlush, MemSnapshot},
    journal::Body,
};

use crate::{coordination::KEYSPACE, watch::Watch, written::Written};

type Db = Database<MemEngine>;

/// Where an engine waits while its node is down.
pub type Slot = Rc<RefCell<Option<MemEngine>>>;

/// The software of a node.
pub struct Node {
    db: Option<Db>,
    slot: Slot,
    journal: Journal<SimDisk>,
    effects: EffectsOf<Db>,
    outstanding: BTreeSet<Token>,
    held: BTreeMap<Token, Vec<Action<Answer>>>,
    /// Appends that wait for the sync that is under way.
    gathered: Vec<(Token, Vec<Record>)>,
    syncing: Option<Vec<Token>>,
    full: bool,
    /// With the state that each makes durable.
    flushes: BTreeMap<u64, (Token, MemFlush, MemSnapshot)>,
    buffer: BytesMut,
    dead: bool,
    watch: Watch,
    written: Written,
    /// Which life of the node this is.
    pub boot: u64,
    /// How many replicas of a shard were dropped in this life.
    removed: BTreeMap<ShardId, u64>,
    /// Lines that the next batch writes to the node's log; none unless somebody reads them.
    log: Option<Vec<String>>,
}

const SYNC: u64 = 0;
const ROOM: TimerId = TimerId(u64::MAX);
const ROOM_PROBE: Duration = Duration::from_millis(200);

impl Node {
    /// A node that runs this process on this journal.
    pub fn new(
        db: Db,
        journal: Journal<SimDisk>,
        slot: Slot,
        (watch, written): (Watch, Written),
        boot: u64,
        log: Option<Vec<String>>,
    ) -> Node {
        Node {
            db: Some(db),
            watch,
            written,
            slot,
            journal,
            effects: EffectsOf::<Db>::new(),
            outstanding: BTreeSet::new(),
            held: BTreeMap::new(),
            gathered: Vec::new(),
            syncing: None,
            full: false,
            flushes: BTreeMap::new(),
            buffer: BytesMut::new(),
            dead: false,
            boot,
            removed: BTreeMap::new(),
            log,
        }
    }

    /// The process, for invariants.
    pub fn database(&self) -> Option<&Db> {
        self.db.as_ref()
    }

    /// The first law that this life of the node has broken.
    pub fn broken(&self) -> Option<&str> {
        self.watch.broken()
    }

    fn event(&mut self, now: Now, event: Event<Envelope, Request>) {
        if let Some(db) = &mut self.db {
            db.handle(now, event, &mut self.effects);
        }
    }

    fn frame(&mut self, now: Now, from: NodeId, bytes: &Bytes) {
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
        while let Ok(Some(message)) = link::take_envelope(&mut self.buffer) {
            let said = self.db.as_ref().and_then(|db| self.watch.hears(db, from, &message));
            self.event(now, Event::Message { from, message });
            if let Some(said) = said {
                self.watched(|watch, db| watch.heard(db, &said));
            }
        }
    }

    fn done(&mut self, now: Now, id: u64, out: &mut Vec<Action<Answer>>) {
        if id == SYNC {
            return self.synced(now, out);
        }
        if let Some((token, job, state)) = self.flushes.remove(&id) {
            let event = match job.run() {
                Ok(()) => {
                    self.watch.flushed(state);
                    Event::Persisted(token)
                }
                Err(_) => Event::PersistFailed(token),
            };
            self.complete(now, token, event, out);
        }
    }

    fn synced(&mut self, now: Now, out: &mut Vec<Action<Answer>>) {
        let tokens = self.syncing.take().unwrap_or_default();
        if let Err(error) = self.journal.sync() {
            return self.die(format!("the journal's sync failed: {error}"), out);
        }
        for token in tokens {
            self.complete(now, token, Event::Persisted(token), out);
        }
        let pressed = self.journal.pressure();
        if !pressed.is_empty() {
            let request = Request::JournalPressure(pressed);
            self.event(now, Event::Request { ticket: OWN, request });
        }
    }

    fn complete(
        &mut self,
        now: Now,
        token: Token,
        event: Event<Envelope, Request>,
        out: &mut Vec<Action<Answer>>,
    ) {
        self.outstanding.remove(&token);
        let failed = matches!(event, Event::PersistFailed(_));
        let held = self.held.remove(&token).unwrap_or_default();
        if failed {
            self.watch.not_persisted(token);
        } else {
            self.watch.persisted(token);
            out.extend(held);
        }
        self.event(now, event);
    }

    fn die(&mut self, why: String, out: &mut Vec<Action<Answer>>) {
        if !self.dead {
            self.dead = true;
            out.push(Action::Halt(why));
        }
    }

    /// Carries out what the process wants.
    fn carry_out(&mut self, out: &mut Vec<Action<Answer>>) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut frames: BTreeMap<NodeId, Vec<u8>> = BTreeMap::new();
        for effect in effects.drain() {
            match effect {
                Effect::Persist { token, records } => {
                    self.outstanding.insert(token);
                    self.watch.persist(token, &records);
                    self.gathered.push((token, records));
                }
                Effect::Flush { token } => {
                    self.outstanding.insert(token);
                    if let Some(db) = &mut self.db {
                        let (job, state) = (db.flush_job(), db.engine().snapshot());
                        self.flushes.insert(token.0, (token, job, state));
                        let (id, kind) = (token.0, Work::EngineFlush);
                        out.push(Action::Work { id, kind, bytes: 4096 });
                    }
                }
                Effect::Send { to, message, after } => {
                    self.watched(|watch, db| watch.leaves(db, to, &message, after));
                    let waits = after.filter(|token| self.outstanding.contains(token));
                    match waits {
                        None => link::put_envelope(&message, frames.entry(to).or_default()),
                        Some(token) => {
                            let mut bytes = Vec::new();
                            link::put_envelope(&message, &mut bytes);
                            let action = Action::Send { to, bytes: bytes.into() };
                            self.held.entry(token).or_default().push(action);
                        }
                    }
                }
                Effect::Reply { ticket, .. } if ticket == OWN => {}
                Effect::Reply { ticket, reply, after } => {
                    let action = Action::Reply { ticket, reply };
                    match after.filter(|token| self.outstanding.contains(token)) {
                        None => out.push(action),
                        Some(token) => self.held.entry(token).or_default().push(action),
                    }
                }
                Effect::SetTimer { timer, at } => out.push(Action::SetTimer { timer, at }),
                Effect::CancelTimer { timer } => out.push(Action::CancelTimer(timer)),
                Effect::Output(Output::Members(_)) => {}
                Effect::Output(Output::Changed { keyspace, told, .. }) => {
                    self.watched(|watch, db| watch.told(db, &keyspace, told.as_ref()));
                }
                Effect::Note(note) => self.note(&note),
                Effect::Output(Output::Healed) => {
                    if let Err(error) = self.journal.healed() {
                        self.die(format!("the journal failed: {error}"), out);
                    }
                }
                Effect::Halt(reason) => self.die(format!("{}: {}", reason.code, reason.text), out),
            }
        }
        self.effects = effects;
        out.extend(frames.into_iter().map(|(to, bytes)| Action::Send { to, bytes: bytes.into() }));
    }

    fn watched(&mut self, look: impl FnOnce(&mut Watch, &Db)) {
        if let Some(db) = &self.db {
            look(&mut self.watch, db);
        }
    }

    /// Names a replica's life on this node: another start of the node, or another replica of the
    /// same shard, is another life.
    #[must_use]
    pub fn life(&self, shard: ShardId) -> u64 {
        self.boot << 32 | self.removed.get(&shard).copied().unwrap_or(0)
    }

    fn note(&mut self, note: &Note) {
        if let Note::ReplicaRemoved { shard } = note {
            *self.removed.entry(*shard).or_default() += 1;
        }
        self.watched(|watch, db| watch.note(db, note));
        if let Some(log) = &mut self.log {
            log.push(format!("{note:?}"));
        }
    }

    /// Starts the next sync if none is under way: everything that gathered goes into it.
    fn append(&mut self, now: Now, out: &mut Vec<Action<Answer>>) {
        if self.syncing.is_some() || self.gathered.is_empty() || self.full || self.dead {
            return;
        }
        let records: Vec<Record> =
            self.gathered.iter().flat_map(|(_, records)| records.iter().cloned()).collect();
        let bytes: u64 = records.iter().map(|record| record.body.len() as u64 + 64).sum();
        self.written.add(&records);
        match self.journal.append(&records) {
            Ok(_) => {
                let tokens = self.gathered.drain(..).map(|(token, _)| token).collect();
                self.syncing = Some(tokens);
                out.push(Action::Work { id: SYNC, kind: Work::DiskSync, bytes });
            }
            Err(JournalError::Full) => {
                self.full = true;
                let request = Request::DiskFull(true);
                self.event(now, Event::Request { ticket: OWN, request });
                out.push(Action::SetTimer { timer: ROOM, at: now.instant + ROOM_PROBE });
            }
            Err(error) => self.die(format!("the journal failed: {error}"), out),
        }
    }

    /// Writes a witness for the records of the last sync, and makes it durable.
    fn mark(&mut self, out: &mut Vec<Action<Answer>>) {
        match self.journal.mark_idle() {
            Ok(true) => {
                self.syncing = Some(Vec::new());
                out.push(Action::Work { id: SYNC, kind: Work::DiskSync, bytes: 64 });
            }
            Ok(false) | Err(JournalError::Full) => {}
            Err(error) => self.die(format!("the journal failed: {error}"), out),
        }
    }

    fn try_room(&mut self, now: Now) {
        self.full = false;
        self.event(now, Event::Request { ticket: OWN, request: Request::DiskFull(false) });
    }
}

/// The host's own requests.
const OWN: Ticket = Ticket(u64::MAX);

impl Machine for Node {
    type Request = Request;
    type Reply = Answer;

    /// Every entry of a log is named by its shard, index and term.
    fn copies(&self) -> Vec<Copied> {
        let copied = |body: Body| {
            let Body { shard, span, file, offset, len } = body;
            let name = |index: u64| {
                let parts = [shard.0, index, span.term].map(u64::to_le_bytes);
                sim::audit::hash_bytes(parts.as_flattened())
            };
            Copied { names: (span.first..=span.last).map(name).collect(), file, offset, len }
        };
        self.journal.bodies().map(copied).collect()
    }

    fn handle(&mut self, now: Now, input: Input<Request>, out: &mut Vec<Action<Answer>>) {
        if self.dead {
            return;
        }
        match input {
            Input::Start => {
                let request = Request::Watched { keyspace: KEYSPACE.into(), watched: true };
                self.event(now, Event::Request { ticket: OWN, request });
                self.event(now, Event::Start);
            }
            Input::Frame { from, bytes } => self.frame(now, from, &bytes),
            Input::Timer(ROOM) => self.try_room(now),
            Input::Timer(timer) => self.event(now, Event::Timer(timer)),
            Input::Done(id) => self.done(now, id, out),
            Input::Request { ticket, request } => {
                self.event(now, Event::Request { ticket, request });
            }
        }
    }

    fn settle(&mut self, now: Now, out: &mut Vec<Action<Answer>>) {
        if self.dead {
            return;
        }
        // A full disk is an event of its own, so what it causes is carried out, too.
        for _ in 0..2 {
            if let Some(db) = &mut self.db {
                db.settle(now, &mut self.effects);
            }
            self.carry_out(out);
            self.append(now, out);
        }
        self.watched(|watch, db| watch.settled(db));
        if let Some(log) = &mut self.log {
            out.extend(log.drain(..).map(Action::Log));
        }
        if self.syncing.is_none() && self.gathered.is_empty() && !self.dead {
            self.mark(out);
        }
    }
}

impl Drop for Node {
    /// The engine outlives its process, as files do.
    fn drop(&mut self) {
        *self.slot.borrow_mut() = self.db.take().map(Db::into_engine);
    }
}
