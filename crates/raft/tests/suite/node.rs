//! One replica with what a host gives it: a journal, an engine, timers, and an outbox for the
//! messages that wait for the disk. This is the smallest complete host.

use std::collections::VecDeque;

use kernel::{Duration, Effect, Instant, NodeId, Now, Process, Rng, Ticket, TimerId, Token, Wall};
use prost::Message as _;
use raft::{
    Config, Entry, Membership, Message, Note, Out, Output, Raft, Record, Request, Role,
    SnapshotMeta, Start,
};

/// What a node did that the world must hear of.
#[derive(Debug)]
pub enum Deed {
    Send { to: NodeId, message: Message },
    Persist { token: Token, records: Vec<Record> },
    Timer { timer: TimerId, at: Instant },
    Committed { entries: Vec<Entry> },
    Read { ticket: Ticket, index: Option<u64> },
    Halted { text: String },
}

/// The engine: what was applied, and how much of it would survive a crash.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    pub applied: Vec<Entry>,
    durable: SnapshotMeta,
    staging: Vec<u8>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
struct Image {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
}

impl Engine {
    pub fn index(&self) -> u64 {
        self.applied.len() as u64
    }

    fn apply(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.index() + 1, "committed entries come in order");
        self.applied.push(entry);
    }

    fn image(&self, upto: u64) -> Vec<u8> {
        Image { entries: self.applied[..upto as usize].to_vec() }.encode_to_vec()
    }

    fn install(&mut self, meta: &SnapshotMeta) {
        let image = Image::decode(&self.staging[..]).expect("the pieces make a whole");
        *self = Engine { durable: meta.clone(), ..Engine::default() };
        image.entries.into_iter().for_each(|entry| self.apply(entry));
    }

    fn crash(&mut self) {
        self.applied.truncate(self.durable.index as usize);
        self.staging.clear();
    }
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    pub config: Config,
    pub raft: Option<Raft>,
    /// What a restart would find in the journal.
    pub durable: Start,
    pub engine: Engine,
    writes: VecDeque<(Token, Vec<Record>)>,
    waiting: Vec<(Token, NodeId, Message)>,
    out: Out,
    pub notes: Vec<Note>,
    pub role: Role,
    /// How its clock runs, in parts per million off true.
    pub drift_ppm: i64,
    /// How far its clock is ahead of the others'.
    pub ahead: Duration,
    /// Pieces of snapshots are this large.
    pub chunk: usize,
    pub compact_after: u64,
}

impl Node {
    /// A founder of the group, or a node without memory if `founders` does not name it.
    pub fn new(config: Config, founders: &Membership) -> Node {
        let member = founders.contains(config.id);
        Node {
            durable: if member { Start::fresh(founders.clone()) } else { Start::joining() },
            config,
            raft: None,
            engine: Engine::default(),
            writes: VecDeque::new(),
            waiting: Vec::new(),
            out: Out::new(),
            notes: Vec::new(),
            role: Role::Follower,
            drift_ppm: 0,
            ahead: Duration::ZERO,
            chunk: 64,
            compact_after: u64::MAX,
        }
    }

    /// What this node's clocks show at a true instant.
    pub fn clock(&self, now: Instant) -> Now {
        let off = i128::from(now.0) * i128::from(self.drift_ppm) / 1_000_000;
        let instant = Instant((i128::from(now.0) + off) as u64) + self.ahead;
        Now { instant, wall: Wall(0) }
    }

    /// The true instant at which this node's clock shows `local`.
    pub fn true_time(&self, local: Instant) -> Instant {
        let rate = 1_000_000 + i128::from(self.drift_ppm);
        Instant((i128::from(local.0) * 1_000_000 / rate) as u64 + 1)
    }

    pub fn start(&mut self, now: Instant, rng: Rng) -> Vec<Deed> {
        let mut start = self.durable.clone();
        if self.engine.index() > 0 {
            start.applied_at(self.engine.durable.clone());
        }
        self.raft = Some(Raft::new(self.config.clone(), start, rng));
        self.handle(now, kernel::Event::Start)
    }

    /// Loses everything that is not durable. Of the writes under way, `survive` says how many
    /// reached the disk.
    pub fn crash(&mut self, survive: impl FnOnce(usize) -> usize) {
        let survives = survive(self.writes.len());
        for (_, records) in self.writes.drain(..).take(survives) {
            records.into_iter().for_each(|record| self.durable.replay(record));
        }
        self.writes.clear();
        self.waiting.clear();
        self.raft = None;
        self.engine.crash();
    }

    /// Loses the disk as well.
    pub fn wipe(&mut self) {
        (self.raft, self.durable, self.engine) = (None, Start::joining(), Engine::default());
        self.writes.clear();
        self.waiting.clear();
    }

    /// Loses the newest entries of the log without a trace, as a disk that lied would.
    pub fn forget(&mut self, entries: usize) {
        let left = self.durable.entries.len().saturating_sub(entries);
        self.durable.entries.truncate(left);
    }

    /// The disk loses the data of an entry, if it holds one there with its data.
    pub fn rot(&mut self, index: u64) -> bool {
        let held = self.durable.entries.iter_mut().find(|entry| entry.index == index);
        let Some(entry) = held.filter(|_| !self.durable.lost.contains(&index)) else {
            return false;
        };
        *entry = Entry::empty(index, entry.term);
        self.durable.lost.insert(index)
    }

    /// Index and term of every entry in the journal, and of those whose data is lost.
    pub fn holds(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.durable.entries.iter().map(|entry| (entry.index, entry.term))
    }

    pub fn has_lost(&self, (index, term): (u64, u64)) -> bool {
        let same = |at: (u64, u64)| at == (index, term);
        self.durable.lost.contains(&index) && self.holds().any(same)
    }

    pub fn handle(&mut self, now: Instant, event: kernel::Event<Message, Request>) -> Vec<Deed> {
        self.feed(now, event);
        self.settle(now)
    }

    /// Calls the replica directly and ends the batch; none if it is down.
    pub fn call<T>(
        &mut self,
        now: Instant,
        call: impl FnOnce(&mut Raft, Now, &mut Out) -> T,
    ) -> Option<(T, Vec<Deed>)> {
        let clock = self.clock(now);
        let answer = call(self.raft.as_mut()?, clock, &mut self.out);
        Some((answer, self.settle(now)))
    }

    /// Handles an event of a batch.
    pub fn feed(&mut self, now: Instant, event: kernel::Event<Message, Request>) {
        let clock = self.clock(now);
        if let Some(raft) = &mut self.raft {
            raft.handle(clock, event, &mut self.out);
        }
    }

    /// Ends a batch.
    pub fn settle(&mut self, now: Instant) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let clock = self.clock(now);
        // Installing or sending a snapshot makes new effects; they end the same batch.
        while let Some(raft) = &mut self.raft {
            raft.settle(clock, &mut self.out);
            let effects: Vec<_> = self.out.drain().collect();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.carry_out(clock, effect, &mut deeds);
            }
        }
        deeds
    }

    fn carry_out(
        &mut self,
        now: Now,
        effect: kernel::process::EffectOf<Raft>,
        deeds: &mut Vec<Deed>,
    ) {
        match effect {
            Effect::Send { to, message, after: Some(token) } => {
                self.waiting.push((token, to, message));
            }
            Effect::Send { to, message, after: None } => deeds.push(Deed::Send { to, message }),
            Effect::Persist { token, records } => {
                deeds.push(Deed::Persist { token, records: records.clone() });
                self.writes.push_back((token, records));
            }
            Effect::SetTimer { timer, at } => {
                deeds.push(Deed::Timer { timer, at: self.true_time(at) });
            }
            Effect::Output(output) => self.hear(now, output, deeds),
            Effect::Note(note) => self.notes.push(note),
            Effect::Halt(reason) => deeds.push(Deed::Halted { text: reason.text }),
            Effect::Reply { .. } | Effect::Flush { .. } | Effect::CancelTimer { .. } => {}
        }
    }

    fn hear(&mut self, now: Now, output: Output, deeds: &mut Vec<Deed>) {
        let Some(raft) = &mut self.raft else { return };
        match output {
            Output::Commit { entries } => {
                entries.iter().cloned().for_each(|entry| self.engine.apply(entry));
                raft.applied(self.engine.index());
                deeds.push(Deed::Committed { entries });
                let (index, first) = (self.engine.index(), raft.status().first_index);
                if index >= first.saturating_add(self.compact_after) {
                    self.engine.durable = raft.meta_at(index).expect("it is committed");
                    raft.compact(index, &mut self.out);
                }
            }
            Output::ReadReady { ticket, index, .. } => {
                deeds.push(Deed::Read { ticket, index: Some(index) });
            }
            Output::ReadFailed { ticket, .. } => deeds.push(Deed::Read { ticket, index: None }),
            Output::Role { role, .. } => self.role = role,
            Output::SnapshotWanted { to, snapshot, seq } => {
                let newest =
                    || Box::new(raft.meta_at(self.engine.index()).expect("it is committed"));
                let meta = snapshot.unwrap_or_else(newest);
                let image = self.engine.image(meta.index);
                let pieces: Vec<&[u8]> = image.chunks(self.chunk).collect();
                let Some(piece) = pieces.get(seq as usize) else {
                    return raft.snapshot_unavailable(now, to);
                };
                let (data, last) = (piece.to_vec().into(), seq as usize + 1 == pieces.len());
                raft.snapshot_chunk(now, to, *meta, seq, data, last, &mut self.out);
            }
            Output::SnapshotReceived { meta, seq, data, last, .. } => {
                if seq == 0 {
                    self.engine.staging.clear();
                }
                self.engine.staging.extend_from_slice(&data);
                if last {
                    self.engine.install(&meta);
                    raft.snapshot_installed(now, &meta, &mut self.out);
                }
            }
            Output::MembershipChanged { .. } => {}
        }
    }

    /// The disk finished a write: its messages may leave.
    pub fn written(&mut self, now: Instant, token: Token) -> Vec<Deed> {
        while let Some((_, records)) = self.writes.pop_front_if(|(issued, _)| *issued <= token) {
            records.into_iter().for_each(|record| self.durable.replay(record));
        }
        let (ready, waiting) = self.waiting.drain(..).partition(|(after, ..)| *after <= token);
        self.waiting = waiting;
        let ready: Vec<(Token, NodeId, Message)> = ready;
        let mut deeds: Vec<Deed> =
            ready.into_iter().map(|(_, to, message)| Deed::Send { to, message }).collect();
        deeds.extend(self.handle(now, kernel::Event::Persisted(token)));
        deeds
    }

    /// The disk refused a write. What comes after it is still tried.
    pub fn failed(&mut self, now: Instant, token: Token) -> Vec<Deed> {
        self.writes.retain(|(issued, _)| *issued != token);
        self.waiting.retain(|(after, ..)| *after != token);
        self.handle(now, kernel::Event::PersistFailed(token))
    }

    /// Whether a write is still with the disk.
    pub fn is_writing(&self, token: Token) -> bool {
        self.writes.iter().any(|(issued, _)| *issued == token)
    }

    /// What a restart would find: in the journal, or applied in the engine.
    pub fn durable_index(&self) -> u64 {
        let journal = self.durable.base.index + self.durable.entries.len() as u64;
        journal.max(self.engine.durable.index)
    }

    /// The engine makes what it holds durable.
    pub fn flush(&mut self) {
        let meta = self.raft.as_ref().and_then(|raft| raft.meta_at(self.engine.index()));
        self.engine.durable = meta.unwrap_or_else(|| self.engine.durable.clone());
    }
}
