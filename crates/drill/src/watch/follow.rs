//! A follower commits what its leader has shown it, and gives up only what conflicts with that.

use database::{Envelope, message::Body};
use kernel::{NodeId, ShardId};
use raft::{Body as Word, Raft};

use super::{Db, Watch};

/// What a leader says, before it is heard.
pub struct Said {
    shard: ShardId,
    term: u64,
    /// Index and term of the last entry that an append compares.
    last: Option<(u64, u64)>,
    /// How long the log was, if it held that entry already: then nothing conflicts.
    held: u64,
    commit: u64,
}

impl Watch {
    /// A message arrives; what is to be told to [`Watch::heard`] when it was handled.
    #[must_use]
    pub fn hears(&mut self, db: &Db, from: NodeId, envelope: &Envelope) -> Option<Said> {
        let Some(Body::Raft(message)) = &envelope.body else { return None };
        let shard = ShardId(envelope.shard);
        self.acknowledged(shard, from, message);
        let last = match &message.body {
            Some(Word::Append(append)) => Some(match append.entries.last() {
                Some(entry) => (entry.index, entry.term),
                None => (append.prev_index, append.prev_term),
            }),
            Some(Word::Heartbeat(_)) => None,
            _ => return None,
        };
        let raft = &db.shards().get(&shard)?.raft;
        let held = match last.filter(|last| holds(raft, *last)) {
            Some(_) => raft.last_index(),
            None => 0,
        };
        Some(Said { shard, term: message.term, last, held, commit: raft.commit() })
    }

    /// The message was handled.
    pub fn heard(&mut self, db: &Db, said: &Said) {
        let Some(replica) = db.shards().get(&said.shard) else { return };
        if replica.raft.term() != said.term {
            return;
        }
        let shown = self.shown.entry(said.shard).or_default();
        if shown.0 != said.term {
            *shown = (said.term, 0);
        }
        if let Some((index, _)) = said.last.filter(|last| holds(&replica.raft, *last)) {
            shown.1 = shown.1.max(index);
        }
        let (commit, least) = (replica.raft.commit(), shown.1.max(said.commit));
        if commit > least {
            let (me, id) = (self.me, said.shard);
            self.fail(|| format!("{me} commits {commit} of {id}, its leader has shown {least}"));
        }
        let (last, held) = (replica.raft.last_index(), said.held);
        if last < held {
            let (me, id) = (self.me, said.shard);
            self.fail(|| {
                format!("{me} cuts its log of {id} from {held} to {last}, nothing conflicts")
            });
        }
    }
}

fn holds(raft: &Raft, (index, term): (u64, u64)) -> bool {
    raft.entry(index).is_some_and(|own| own.term == term)
}
