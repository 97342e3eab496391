//! What one replica may say and do, judged beside it on every batch.
//!
//! | law | source |
//! |---|---|
//! | a vote, or the request for one, leaves when it is durable | Raft, figure 2: persistent state |
//! | what is acknowledged is durable | Raft, section 5.3; DESIGN, section 8 |
//! | a leader commits an entry of its own term that a majority of the voters holds | Raft, section 5.4.2 |
//! | voters change through a joint phase | Raft, section 6 |
//! | leadership goes to a replica that has every command | dissertation, section 3.10 |
//! | the journal forgets only what the engine holds durably | DESIGN, section 3 |
//!
//! The laws are written down a second time here, on what anybody may look at: a mistake in the
//! code of the replica is not repeated by its judge.

use std::collections::{BTreeMap, VecDeque};

use database::{Database, Envelope, Note, message::Body, record, shard};
use kernel::{NodeId, ShardId, Token};
use raft::{Body as Word, EntryKind, Membership};
use store::{MemEngine, Record, RecordKind, Space, engine::MemSnapshot};

type Db = Database<MemEngine>;
type Replica = shard::Shard;

/// The judge of one life of a node.
pub struct Watch {
    me: NodeId,
    /// What the engine held when its last finished flush began: no crash takes that away.
    engine: MemSnapshot,
    /// Term and vote that survive a crash.
    hard: BTreeMap<ShardId, (u64, NodeId)>,
    /// Those that a write under way holds, in order.
    writing: VecDeque<(Token, ShardId, (u64, NodeId))>,
    /// What each leader was when it was last looked at.
    leading: BTreeMap<ShardId, Leading>,
    broken: Option<String>,
}

struct Leading {
    term: u64,
    commit: u64,
    membership: Membership,
}

impl Watch {
    /// Of a node that has just opened: what it found is durable.
    #[must_use]
    pub fn new(me: NodeId, db: &Db) -> Watch {
        // The vote of the journal is not shown; a later vote of the same term is judged by the
        // invariants over the whole cluster.
        let hard = db.shards().iter().map(|(id, shard)| (*id, (shard.raft.term(), NodeId::NONE)));
        Watch {
            me,
            engine: db.engine().snapshot(),
            hard: hard.collect(),
            writing: VecDeque::new(),
            leading: BTreeMap::new(),
            broken: None,
        }
    }

    /// The first law that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn fail(&mut self, text: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(text);
    }

    /// Records go to the journal under a token.
    pub fn persist(&mut self, token: Token, records: &[Record]) {
        for record in records {
            match record.kind {
                RecordKind::State => {
                    for hard in record::from_journal(record) {
                        if let raft::Record::HardState { term, vote } = hard {
                            self.writing.push_back((token, record.shard, (term, vote)));
                        }
                    }
                }
                RecordKind::Base => self.base(record),
                _ => {}
            }
        }
    }

    /// A base says that everything up to it is in the engine.
    fn base(&mut self, record: &Record) {
        let generation = shard::load_generation(&self.engine, record.shard).unwrap_or(0);
        let space = Space::new(record.shard, generation);
        let held = shard::Applied::load(&self.engine, &space).map_or(0, |applied| applied.index);
        let base = record.span.map_or(0, |span| span.last);
        if held < base {
            let (me, shard) = (self.me, record.shard);
            self.fail(|| {
                format!("{me}: the log of {shard} starts at {base}, the engine holds {held}")
            });
        }
    }

    /// A write under this token is durable.
    pub fn persisted(&mut self, token: Token) {
        while let Some((_, shard, hard)) = self.writing.pop_front_if(|write| write.0 <= token) {
            self.hard.insert(shard, hard);
        }
    }

    /// A flush that began with this state is finished.
    pub fn flushed(&mut self, engine: MemSnapshot) {
        self.engine = engine;
    }

    /// A message leaves once `after` is durable.
    pub fn leaves(&mut self, db: &Db, to: NodeId, envelope: &Envelope, after: Option<Token>) {
        let Some(Body::Raft(message)) = &envelope.body else { return };
        let id = ShardId(envelope.shard);
        let (me, term) = (self.me, message.term);
        let Some(replica) = db.shards().get(&id) else { return };
        let vote = match message.body {
            Some(Word::VoteReply(vote)) if vote.granted && !vote.pre => Some(to),
            Some(Word::RequestVote(ask)) if !ask.pre => Some(me),
            _ => None,
        };
        if let Some(vote) = vote.filter(|vote| !self.holds(id, after, (term, *vote))) {
            self.fail(|| format!("{me} votes for {vote} in {term} of {id} before that is durable"));
        }
        match message.body {
            Some(Word::AppendReply(reply)) if !reply.rejected => {
                self.acknowledges(replica, term, reply.index);
            }
            Some(Word::HeartbeatReply(reply)) => self.acknowledges(replica, term, reply.matched),
            _ => {}
        }
    }

    /// Whether a vote of this term is durable once `after` is, or a later term is.
    fn holds(&self, shard: ShardId, after: Option<Token>, (term, vote): (u64, NodeId)) -> bool {
        let written = self.writing.iter().filter(|w| w.1 == shard && Some(w.0) <= after);
        let hard = written.map(|w| w.2).chain(self.hard.get(&shard).copied());
        let fits = |(t, v): (u64, NodeId)| t > term || (t == term && (v == vote || !v.is_some()));
        hard.into_iter().any(fits)
    }

    fn acknowledges(&mut self, replica: &Replica, term: u64, index: u64) {
        // What was said before a new leader replaced the end of the log is not compared.
        if term == replica.raft.term() && index > replica.raft.status().persisted_index {
            let (me, id) = (self.me, replica.id);
            self.fail(|| format!("{me} acknowledges {index} of {id} before it is durable"));
        }
    }

    /// The replica observes something about itself.
    pub fn note(&mut self, db: &Db, note: &Note) {
        let Note::Raft { shard, note: raft::Note::TransferSent { to } } = note else { return };
        // One that has stepped down since knows nothing of the others any more.
        let leader = db.shards().get(shard).filter(|replica| replica.raft.is_leader());
        let Some(replica) = leader else { return };
        let status = replica.raft.status();
        let matched = status.peers.iter().find(|peer| peer.node == *to).map_or(0, |p| p.matched);
        let command = |index: u64| {
            let kind = replica.raft.entry(index).map(|entry| entry.kind);
            kind == Some(EntryKind::Command as i32)
        };
        if (matched + 1..=status.last_index).any(command) {
            let (me, last) = (self.me, status.last_index);
            self.fail(|| {
                format!("{me} hands {shard} to {to}, which holds {matched} of {last} entries")
            });
        }
    }

    /// A batch has ended.
    pub fn settled(&mut self, db: &Db) {
        for (id, replica) in db.shards() {
            let before = self.leading.remove(id);
            if !replica.raft.is_leader() {
                continue;
            }
            let (term, commit) = (replica.raft.term(), replica.raft.commit());
            let before = before.filter(|before| before.term == term);
            if let Some(before) = &before {
                if before.membership != *replica.raft.membership() {
                    self.change(*id, &before.membership, replica.raft.membership());
                }
                if before.commit != commit {
                    self.commits(replica, &before.membership);
                }
            }
            let membership = match before {
                Some(before) if before.membership == *replica.raft.membership() => {
                    before.membership
                }
                _ => replica.raft.membership().clone(),
            };
            self.leading.insert(*id, Leading { term, commit, membership });
        }
    }

    /// Either half of a joint membership is one that stood alone.
    fn change(&mut self, id: ShardId, old: &Membership, new: &Membership) {
        let fits = match (old.is_joint(), new.is_joint()) {
            (false, false) => old.voters == new.voters,
            (false, true) => old.voters == new.outgoing,
            (true, _) => old.voters == new.voters,
        };
        if !fits {
            let me = self.me;
            self.fail(|| {
                format!("{me} changes the voters of {id} from {old:?} to {new:?} at once")
            });
        }
    }

    /// What a leader commits, a majority of the voters holds; and it is of its term.
    fn commits(&mut self, replica: &Replica, group: &Membership) {
        let status = replica.raft.status();
        let (me, id, commit) = (self.me, replica.id, status.commit);
        if replica.raft.entry(commit).is_some_and(|entry| entry.term != status.term) {
            self.fail(|| format!("{me} commits {commit} of {id}, an entry of an earlier term"));
        }
        let holds = |node: u64| match status.peers.iter().find(|peer| peer.node.0 == node) {
            Some(peer) => peer.matched >= commit && !peer.amnesiac,
            None if node == me.0 => status.persisted_index >= commit,
            // It left the group with the same commit, and is not looked at any more.
            None => !status.membership.contains(NodeId(node)),
        };
        let majority = |voters: &[u64]| {
            voters.is_empty() || 2 * voters.iter().filter(|n| holds(**n)).count() > voters.len()
        };
        if !majority(&group.voters) || !majority(&group.outgoing) {
            self.fail(|| format!("{me} commits {commit} of {id}, which no majority holds"));
        }
    }
}
