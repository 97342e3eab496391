//! What a leader commits, how its group changes, and to whom it hands over.

use database::Note;
use kernel::{NodeId, ShardId};
use raft::{Body, EntryKind, Membership, Message};

use super::{Db, Replica, Watch};

/// A leader when it was last looked at.
pub(super) struct Leading {
    term: u64,
    commit: u64,
    membership: Membership,
    /// Where that stands in the log.
    since: u64,
}

impl Watch {
    /// A follower answers its leader.
    pub(super) fn acknowledged(&mut self, shard: ShardId, from: NodeId, message: &Message) {
        let index = match message.body {
            Some(Body::AppendReply(reply)) if !reply.rejected && reply.amnesia == 0 => reply.index,
            Some(Body::HeartbeatReply(reply)) if reply.amnesia == 0 => reply.matched,
            _ => return,
        };
        let acked = self.acked.entry((shard, from)).or_default();
        *acked = (message.term, index).max(*acked);
    }

    /// The replica observes something about itself.
    pub fn note(&mut self, db: &Db, note: &Note) {
        if let Note::ReplicaAdded { shard } = note
            && let Some(replica) = db.shards().get(shard)
        {
            self.begins(*shard, replica);
        }
        match note {
            Note::Raft { shard, note: raft::Note::TransferSent { to } } => {
                self.handed.insert(*shard, *to);
            }
            // A node that was paused may find in one batch that the target has everything, that it
            // is too late, and new proposals.
            Note::Raft { shard, note: raft::Note::TransferAborted { .. } } => {
                self.handed.remove(shard);
            }
            _ => {}
        }
    }

    /// Leadership is handed to who holds all commands.
    fn hands_over(&mut self, db: &Db) {
        for (shard, to) in core::mem::take(&mut self.handed) {
            // One that has stepped down since knows nothing of the others any more.
            let leader = db.shards().get(&shard).filter(|replica| replica.raft.is_leader());
            let Some(replica) = leader else { continue };
            let status = replica.raft.status();
            let matched = status.peers.iter().find(|peer| peer.node == to).map_or(0, |p| p.matched);
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
    }

    /// A batch has ended.
    pub fn settled(&mut self, db: &Db) {
        self.hands_over(db);
        for (id, replica) in db.shards() {
            let before = self.leading.remove(id);
            if !replica.raft.is_leader() {
                continue;
            }
            let (term, commit) = (replica.raft.term(), replica.raft.commit());
            let membership = replica.raft.membership();
            let now = Leading {
                term,
                commit,
                membership: membership.clone(),
                since: replica.raft.membership_index(),
            };
            if let Some(before) = before.filter(|before| before.term == term) {
                if before.membership != now.membership {
                    self.change(*id, &before.membership, &now.membership);
                }
                if before.commit != commit {
                    self.advances(replica, &before, &now);
                }
            }
            self.leading.insert(*id, now);
        }
    }

    /// The commit index grows, up to an entry of its own term. A joint membership is left as soon as
    /// it is committed itself, and what is behind it may be committed without the voters of before,
    /// in the same batch.
    fn advances(&mut self, replica: &Replica, before: &Leading, now: &Leading) {
        let (me, id, last) = (self.me, replica.id, now.commit);
        if replica.raft.entry(last).is_some_and(|entry| entry.term != now.term) {
            self.fail(|| format!("{me} commits {last} of {id}, an entry of an earlier term"));
        }
        let left = before.membership.is_joint() && !now.membership.is_joint();
        if !left {
            return self.commits(replica, now.commit, &before.membership);
        }
        if before.commit < before.since {
            self.commits(replica, before.since, &before.membership);
        }
        self.commits(replica, now.commit, &now.membership);
    }

    /// Either half of a joint membership is one that stood alone.
    fn change(&mut self, id: ShardId, old: &Membership, new: &Membership) {
        let fits = match (old.is_joint(), new.is_joint()) {
            (false, false) => old.voters == new.voters,
            (false, true) => old.voters == new.outgoing,
            (true, _) => old.voters == new.voters,
        };
        if !fits {
            let (me, old, new) = (self.me, &old.voters, &new.voters);
            self.fail(|| {
                format!("{me} changes the voters of {id} from {old:?} to {new:?} at once")
            });
        }
    }

    /// What a leader commits, a majority of the voters holds.
    fn commits(&mut self, replica: &Replica, commit: u64, group: &Membership) {
        let status = replica.raft.status();
        let (me, id) = (self.me, replica.id);
        let holds = |node: u64| match status.peers.iter().find(|peer| peer.node.0 == node) {
            Some(peer) => peer.matched >= commit && !peer.amnesiac,
            None if node == me.0 => status.persisted_index >= commit,
            // It left the group with the same commit: the leader has forgotten what it holds.
            None => self.acked.get(&(id, NodeId(node))) >= Some(&(status.term, commit)),
        };
        let majority = |voters: &[u64]| {
            voters.is_empty() || 2 * voters.iter().filter(|n| holds(**n)).count() > voters.len()
        };
        if !majority(&group.voters) || !majority(&group.outgoing) {
            self.fail(|| format!("{me} commits {commit} of {id}, which no majority holds"));
        }
    }
}
