//! What must hold inside the cluster, whatever clients see.
//!
//! | invariant | source |
//! |---|---|
//! | at most one leader per term and shard | Raft, figure 3: Election Safety |
//! | replicas that applied the same index are in the same state | Raft, figure 3: State Machine Safety |
//! | applied never passes commit, commit never goes back | Raft, section 5.3 |
//! | a replica that lost its memory leads nothing | DESIGN, section 8 |

use std::collections::BTreeMap;

use kernel::{NodeId, ShardId};

use crate::machine::Node;

/// What was seen so far.
#[derive(Default)]
pub struct Invariants {
    leaders: BTreeMap<(ShardId, u64), NodeId>,
    digests: BTreeMap<(ShardId, u64), (u64, NodeId)>,
    /// By life: what a node knew may go back when it dies.
    commits: BTreeMap<(ShardId, NodeId, u64), u64>,
}

impl Invariants {
    /// Looks at one node; the first invariant that it breaks.
    pub fn look(&mut self, node: NodeId, machine: &Node) -> Result<(), String> {
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
            }
            let (commit, applied) = (shard.raft.commit(), shard.applied.index);
            if shard.committed.is_empty() && shard.installing.is_none() && applied > commit {
                return Err(format!("{node} applied {applied} of {id} and committed {commit}"));
            }
            let seen = self.commits.entry((*id, node, machine.boot)).or_insert(commit);
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

    /// Highest term in which any node was seen to lead.
    #[must_use]
    pub fn elections(&self) -> usize {
        self.leaders.len()
    }
}
