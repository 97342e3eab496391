//! The JSON documents of the API. The gateway writes and reads the same types, so the two ends
//! cannot drift apart.

mod batch;
mod cluster;
mod coordination;
mod data;
mod keyspace;
mod problem;

pub use batch::{Batch, BatchReply, Operation, Outcome};
pub use cluster::{
    AddNode, CATALOG, Chaos, Cluster, Direction, Label, Move, Node, Replica, ReplicaLog, Shard,
    Transfer,
};
pub use coordination::{Barrier, Gathering, Instance, Instances, Lease, Place, Seat, Settled};
pub use data::{Count, Fate, FateKind, History, Increment, Item, Page, Revision, join, split};
pub use keyspace::{Explanation, Keyspace, Keyspaces};
pub use problem::{Leader, Problem};
