//! What binds a replica leaves it when it is durable: votes, and acknowledgements.

use database::{Envelope, message::Body, record};
use kernel::{NodeId, ShardId, Token};
use raft::Body as Word;
use store::{Record, RecordKind};

use super::{Db, Replica, Watch};

impl Watch {
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
                RecordKind::Remove => self.dropping.push_back((token, record.shard)),
                _ => {}
            }
        }
    }

    /// A write under this token is durable. Of others that says nothing: the engine is flushed under
    /// tokens of the same row, beside the journal.
    pub fn persisted(&mut self, token: Token) {
        for (_, shard, hard) in self.writing.iter().filter(|write| write.0 == token) {
            self.hard.insert(*shard, *hard);
        }
        for (_, shard) in self.dropping.iter().filter(|drop| drop.0 == token) {
            self.written.dropped(*shard);
        }
        self.not_persisted(token);
    }

    /// Nothing is being written under this token any more.
    pub fn not_persisted(&mut self, token: Token) {
        self.writing.retain(|write| write.0 != token);
        self.dropping.retain(|drop| drop.0 != token);
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
        let fits = |(t, v): (u64, NodeId)| t > term || (t, v) == (term, vote);
        hard.into_iter().any(fits)
    }

    fn acknowledges(&mut self, replica: &Replica, term: u64, index: u64) {
        let status = replica.raft.status();
        // What was said before a new leader replaced the end of the log is not compared, nor what a
        // snapshot covers that came since: the old log is void only once the snapshot is durable.
        let covered = index < status.first_index;
        if term == status.term && !covered && index > status.persisted_index {
            let (me, id) = (self.me, replica.id);
            self.fail(|| format!("{me} acknowledges {index} of {id} before it is durable"));
        }
    }
}
