//! A follower commits what its leader has shown it.

use database::{Envelope, message::Body};
use kernel::ShardId;
use raft::Body as Word;

use super::{Db, Watch};

/// What a leader says, before it is heard.
pub struct Said {
    shard: ShardId,
    term: u64,
    /// Index and term of the last entry that an append compares.
    last: Option<(u64, u64)>,
    commit: u64,
}

impl Watch {
    /// A message arrives; what is to be told to [`Watch::heard`] when it was handled.
    #[must_use]
    pub fn hears(&self, db: &Db, envelope: &Envelope) -> Option<Said> {
        let Some(Body::Raft(message)) = &envelope.body else { return None };
        let shard = ShardId(envelope.shard);
        let last = match &message.body {
            Some(Word::Append(append)) => Some(match append.entries.last() {
                Some(entry) => (entry.index, entry.term),
                None => (append.prev_index, append.prev_term),
            }),
            Some(Word::Heartbeat(_)) => None,
            _ => return None,
        };
        let commit = db.shards().get(&shard)?.raft.commit();
        Some(Said { shard, term: message.term, last, commit })
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
        let holds = |at: (u64, u64)| replica.raft.entry(at.0).is_some_and(|own| own.term == at.1);
        if let Some((index, _)) = said.last.filter(|last| holds(*last)) {
            shown.1 = shown.1.max(index);
        }
        let (commit, least) = (replica.raft.commit(), shown.1.max(said.commit));
        if commit > least {
            let (me, id) = (self.me, said.shard);
            self.fail(|| format!("{me} commits {commit} of {id}, its leader has shown {least}"));
        }
    }
}
