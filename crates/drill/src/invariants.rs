//! What must hold inside the cluster, whatever clients see.
//!
//! | invariant | source |
//! |---|---|
//! | at most one leader per term and shard | Raft, figure 3: Election Safety |
//! | replicas that applied the same index are in the same state | Raft, figure 3: State Machine Safety |
//! | applied never passes commit, commit never goes back | Raft, section 5.3 |
//! | a replica that lost its memory, or an entry, leads nothing | DESIGN, section 8 |
//! | a group has the voters that its contract asks for, in each half of a change | DESIGN, section 5 |
//! | while a lease is valid, nobody leads a later term | dissertation, section 6.4.1 |
//!
//! What a replica may do by itself is judged by [`crate::watch`].

use std::collections::BTreeMap;

use database::shard::{Runs, Shard};
use kernel::{NodeId, Now, ShardId};

use crate::machine::Node;

/// What was seen so far.
#[derive(Default)]
pub struct Invariants {
    leaders: BTreeMap<(ShardId, u64), NodeId>,
    digests: BTreeMap<(ShardId, u64), (u64, NodeId)>,
    /// By life: what a node knew may go back when it dies.
    commits: BTreeMap<(ShardId, NodeId, u64), u64>,
    /// The greatest index that any node knew to be committed.
    committed: BTreeMap<ShardId, u64>,
}

/// A leader, and whether it may answer reads by itself.
#[derive(Clone, Copy)]
struct Leader {
    node: NodeId,
    term: u64,
    lease: bool,
}

impl Invariants {
    /// Looks at one node; the first invariant that it breaks.
    pub fn look(&mut self, node: NodeId, machine: &Node) -> Result<(), String> {
        if let Some(broken) = machine.broken() {
            return Err(broken.to_owned());
        }
        self.hear(machine);
        let Some(database) = machine.database() else { return Ok(()) };
        for (id, shard) in database.shards() {
            let term = shard.raft.term();
            if shard.raft.is_leader() {
                let first = *self.leaders.entry((*id, term)).or_insert(node);
                if first != node {
                    return Err(format!(
                        "election safety: {first} and {node} both led {id} in term {term}"
                    ));
                }
                if !shard.sound {
                    return Err(format!("{node} leads {id} without its memory"));
                }
                if shard.raft.lost() > 0 {
                    return Err(format!("{node} leads {id} and has lost entries"));
                }
            }
            if let Some(voters) = short(shard) {
                return Err(format!("{node}: {voters:?} are too few or too many voters for {id}"));
            }
            let (commit, applied) = (shard.raft.commit(), shard.applied.index);
            if shard.committed.is_empty() && shard.installing.is_none() && applied > commit {
                return Err(format!("{node} applied {applied} of {id} and committed {commit}"));
            }
            let seen = self.commits.entry((*id, node, machine.life(*id))).or_insert(commit);
            if *seen > commit {
                return Err(format!("{node}: commit of {id} went back from {seen} to {commit}"));
            }
            *seen = commit;
            let digest = shard.applied.digest;
            let (first, who) = *self.digests.entry((*id, applied)).or_insert((digest, node));
            if first != digest {
                return Err(format!(
                    "state machine safety: {who} and {node} differ at index {applied} of {id}"
                ));
            }
        }
        Ok(())
    }

    /// Looks at all nodes together, by what their clocks show.
    pub fn leases<'a>(
        &self,
        nodes: impl Iterator<Item = (NodeId, &'a Node, Now)>,
    ) -> Result<(), String> {
        let mut leaders: BTreeMap<ShardId, Leader> = BTreeMap::new();
        for (node, machine, now) in nodes {
            let Some(database) = machine.database() else { continue };
            for (id, shard) in database.shards().iter().filter(|(_, shard)| shard.raft.is_leader())
            {
                let lease = shard.raft.lease_valid(now);
                let this = Leader { node, term: shard.raft.term(), lease };
                let other = *leaders.entry(*id).or_insert(this);
                let (old, new) = if other.term < this.term { (other, this) } else { (this, other) };
                if old.term < new.term && old.lease {
                    return Err(format!(
                        "lease: {} may read {id} in term {} while {} leads in {}",
                        old.node, old.term, new.node, new.term
                    ));
                }
                leaders.insert(*id, new);
            }
        }
        Ok(())
    }

    /// Takes note of what a node knows to be committed.
    pub fn hear(&mut self, machine: &Node) {
        for (id, shard) in machine.database().into_iter().flat_map(|db| db.shards()) {
            let known = self.committed.entry(*id).or_default();
            *known = shard.raft.commit().max(*known);
        }
    }

    /// The greatest committed index of every shard, as far as anybody knows.
    #[must_use]
    pub fn committed(&self) -> &BTreeMap<ShardId, u64> {
        &self.committed
    }

    /// Highest term in which any node was seen to lead.
    #[must_use]
    pub fn elections(&self) -> usize {
        self.leaders.len()
    }
}

/// Voters that together are not as many as the contract asks for: the loss of a minority of the
/// replicas that were promised could then be the loss of a majority.
fn short(shard: &Shard) -> Option<&[u64]> {
    let Runs::Keyspace { contract, .. } = &shard.runs else { return None };
    let group = shard.raft.membership();
    [&group.voters, &group.outgoing]
        .into_iter()
        .find(|half| !half.is_empty() && half.len() != contract.replicas as usize)
        .map(Vec::as_slice)
}
