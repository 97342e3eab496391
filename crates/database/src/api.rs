//! What a host may ask of the database process, and what it is answered.
//!
//! A gateway turns bytes into a [`Request`] and an [`Answer`] back into bytes; neither side
//! knows which node does the work.

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use bytes::Bytes;
use contract::{Consistency, Contract, Program, Receipt, Session};
use kernel::{Duration, Instant, KeyspaceId, NodeId, RequestId, ShardId, Version};
use layers::coordination::{keeps_alive, renews};

use crate::failure::Failure;

/// Anything a host may ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Read or write data.
    Call(Call),
    /// The same, of a call that has waited in the host's queue.
    Waited {
        /// What to do.
        call: Call,
        /// When the host took it in, by its monotonic clock.
        arrived: Instant,
    },
    /// What became of a request whose answer was lost.
    Fate {
        /// The request in question.
        id: RequestId,
        /// Where it was sent; every keyspace is asked if the client does not know.
        keyspace: Option<String>,
        /// How long to try.
        timeout: Duration,
    },
    /// Change keyspaces or members.
    Control {
        /// The change.
        control: Control,
        /// Repeats of this id take effect once.
        request_id: Option<RequestId>,
        /// How long to try.
        timeout: Duration,
    },
    /// All keyspaces, as this node knows them.
    Keyspaces,
    /// Nodes and shards, as this node knows them.
    Cluster,
    /// Hand leadership of every shard to another node: the first step of a clean shutdown.
    HandOver,
    /// The journal is over its size limit because of these shards.
    JournalPressure(Vec<ShardId>),
    /// The disk is full, or has room again.
    DiskFull(bool),
    /// Faults are injected: these are in force from now on, and no others.
    Faults(Faults),
    /// Tell what commands of a coordination keyspace change from now on, or no more.
    Watched {
        /// The keyspace.
        keyspace: String,
        /// Whether anybody on this node watches.
        watched: bool,
    },
}

/// Faults inside the process, where its host allows any to be injected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Replicas of these keyspaces on this node apply nothing. They go on to acknowledge what their
    /// leader sends, until their logs are many times as long as logs should get.
    pub stuck: BTreeSet<String>,
    /// Every snapshot that is sent to this node is thrown away when it is whole, as a damaged one is.
    pub lost_snapshots: bool,
}

/// A read or a write of one keyspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which keyspace, by name.
    pub keyspace: String,
    /// What to do.
    pub action: Action,
    /// The level asked for; the keyspace's default otherwise.
    pub consistency: Option<Consistency>,
    /// What the client has seen.
    pub session: Option<Session>,
    /// The client's name for this mutation; one is drawn if absent.
    pub request_id: Option<RequestId>,
    /// How long to try, from now.
    pub timeout: Duration,
    /// The request's place in a trace.
    pub trace: Trace,
}

/// A command or a query of a program, encoded by the program's own codec.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Changes state: replicated, takes effect once per request id.
    Mutate {
        /// Which program understands the bytes.
        program: Program,
        /// The command.
        command: Bytes,
    },
    /// Reads state.
    Query {
        /// Which program understands the bytes.
        program: Program,
        /// The query.
        query: Bytes,
    },
    /// Reads what has been overwritten since: refused unless the contract keeps history that far.
    Past {
        /// Which program understands the bytes.
        program: Program,
        /// The query.
        query: Bytes,
        /// Read the state as of this version; `None` reads all versions that are kept, if the
        /// query asks for them.
        at: Option<Version>,
    },
}

impl Action {
    /// Whether it keeps leases alive and does nothing else: such actions are not refused because
    /// other requests fill what there is room for.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        match self {
            Action::Mutate { program: Program::Coordination, command } => renews(command),
            Action::Query { program: Program::Coordination, query } => keeps_alive(query),
            _ => false,
        }
    }
}

/// W3C trace context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Names the trace; 0 if there is none.
    pub trace_id: u128,
    /// The span that caused this.
    pub span_id: u64,
    /// Whether the caller records it.
    pub sampled: bool,
}

impl Trace {
    /// Whether all nodes keep what they do for it: if it is sampled, and one of 256 that are not,
    /// for which every node decides alike.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        // Not the lowest bit, which is set in ids of our own. Ids that others make are random at
        // this end (W3C Trace Context 2, "random trace id").
        self.sampled || self.trace_id != 0 && (self.trace_id >> 1) & 0xff == 0
    }
}

/// Changes of the control plane.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Makes a keyspace with one shard.
    CreateKeyspace {
        /// 1 to 64 of `a-z 0-9 - _ .`, starting with a letter.
        name: String,
        /// What it promises.
        contract: Contract,
    },
    /// Removes a keyspace and its data.
    DropKeyspace {
        /// Which.
        name: String,
    },
    /// Makes a node known, or changes its addresses.
    AddNode(Member),
    /// Forgets a node that holds no replica any more.
    RemoveNode(NodeId),
    /// Puts a replica on one node in the place of another's. The shard keeps as many as its contract
    /// asks for: only one that has fewer, or more, may get or lose one.
    MoveReplica {
        /// Which shard.
        shard: ShardId,
        /// The node that gives its replica up; [`NodeId::NONE`] only adds.
        from: NodeId,
        /// The node that gets one; [`NodeId::NONE`] only removes.
        to: NodeId,
    },
    /// Asks the leader of a shard to hand leadership over.
    Transfer {
        /// Which shard.
        shard: ShardId,
        /// To whom; the best follower if [`NodeId::NONE`].
        to: NodeId,
    },
}

/// A node as the catalog knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub node: NodeId,
    /// Where peers connect: `host:port`.
    pub peer: String,
    /// Where HTTP clients connect: `host:port`.
    pub http: String,
    /// Where etcd's clients connect: `host:port`; empty if they cannot.
    pub etcd: String,
    /// `zone=a` and the like, sorted.
    pub labels: Vec<(String, String)>,
}

/// What a request is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A call was carried out.
    Done(Done),
    /// The fate of a request.
    Fate(Fate),
    /// A control request was carried out.
    Control {
        /// The keyspace concerned, if one was.
        keyspace: Option<Keyspace>,
        /// Whether anything changed.
        changed: bool,
    },
    /// All keyspaces.
    Keyspaces(Vec<Keyspace>),
    /// Nodes and shards.
    Cluster(Cluster),
    /// Nothing more to say.
    Ok,
    /// The request was not carried out, or nobody knows.
    Failed(Failure),
}

/// A call that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The program's reply.
    pub body: Bytes,
    /// The evidence.
    pub receipt: Receipt,
    /// Which shard answered.
    pub shard: ShardId,
    /// The request id under which a mutation was carried out.
    pub request_id: Option<RequestId>,
    /// Whether this is the kept reply of an earlier attempt.
    pub repeated: bool,
    /// The client's session after this answer.
    pub session: Session,
    /// Who leads the shard, as a hint for the next request.
    pub leader: NodeId,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It took effect; this was the answer.
    Done(Done),
    /// It did not take effect and never will.
    NotDone,
    /// Nobody can say yet.
    UnknownYet,
}

/// A keyspace as the catalog knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyspace {
    /// Its id, never used again.
    pub id: KeyspaceId,
    /// Its name.
    pub name: String,
    /// What it promises.
    pub contract: Contract,
    /// Its shards.
    pub shards: Vec<ShardId>,
}

/// The cluster as one node knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The cluster's id.
    pub cluster: kernel::ClusterId,
    /// The current incarnation.
    pub incarnation: kernel::Incarnation,
    /// Who answers.
    pub node: NodeId,
    /// Every member.
    pub nodes: Vec<NodeStatus>,
    /// Every shard.
    pub shards: Vec<ShardStatus>,
}

/// A node in [`Cluster`].
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Its entry in the catalog.
    pub member: Member,
    /// Its process id; 0 if unknown.
    pub pid: u32,
    /// Since when it was last heard of, in milliseconds; `None` if never.
    pub silent_ms: Option<u64>,
    /// Whether its disk refuses writes.
    pub disk_full: bool,
    /// The way there and back in microseconds, and how far its clock is ahead in milliseconds, give
    /// or take half of the former; `None` while unknown.
    pub pace: Option<(u64, i64)>,
}

/// A shard in [`Cluster`].
#[derive(Clone, Debug, PartialEq)]
pub struct ShardStatus {
    /// Which shard.
    pub shard: ShardId,
    /// Of which keyspace; the catalog's name is `_catalog`.
    pub keyspace: String,
    /// Who leads; [`NodeId::NONE`] if unknown.
    pub leader: NodeId,
    /// The newest term known.
    pub term: u64,
    /// The greatest commit index known.
    pub commit_index: u64,
    /// Bytes of its current keys and what is stored under them, on the replica that is furthest.
    pub bytes: u64,
    /// How many its contract allows; 0 for no bound.
    pub quota_bytes: u64,
    /// Its replicas.
    pub replicas: Vec<ReplicaStatus>,
    /// Who gave a replica up and may still vote.
    pub leaving: Vec<NodeId>,
}

/// A replica in [`ShardStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Where.
    pub node: NodeId,
    /// What it does.
    pub role: Role,
    /// How far it has applied the log.
    pub applied_index: u64,
    /// How long ago it was known to be up to date, in milliseconds; `None` if unknown.
    pub lag_ms: Option<u64>,
    /// Its log; `None` if it has not told.
    pub log: Option<LogStatus>,
    /// Whether it is being sent a snapshot. Only its leader's node knows.
    pub fetching: bool,
}

/// The log of a replica in [`ReplicaStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStatus {
    /// The term it is in.
    pub term: u64,
    /// The first index that it holds; one more than `last` if it holds none.
    pub first: u64,
    /// Known there to be committed.
    pub commit: u64,
    /// The last index that it holds.
    pub last: u64,
}

/// What a replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Orders the writes.
    Leader,
    /// Holds a copy and votes.
    Follower,
    /// Wants to lead.
    Candidate,
    /// Holds a copy and does not vote.
    Learner,
    /// Does not vote until it has recovered what its disk lost.
    Recovering,
    /// Not heard of.
    Unknown,
}

impl Role {
    /// What it is called in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Leader => "leader",
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Learner => "learner",
            Role::Recovering => "recovering",
            Role::Unknown => "unknown",
        }
    }
}
