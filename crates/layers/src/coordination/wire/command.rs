//! The envelope of commands and of their replies.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::{Message, Oneof};

use super::{
    AuthRequest, AuthResponse, Caller, CampaignRequest, CampaignResponse, DeleteRangeRequest,
    DeleteRangeResponse, Guard, ImportRequest, ImportResponse, LeaseCheckpointRequest,
    LeaseCheckpointResponse, LeaseExpireRequest, LeaseExpireResponse, LeaseGrantRequest,
    LeaseGrantResponse, LeaseRenewRequest, LeaseRenewResponse, LeaseRevokeRequest,
    LeaseRevokeResponse, LockRequest, LockResponse, ProclaimRequest, ProclaimResponse, PutRequest,
    PutResponse, RecipeRequest, RecipeResponse, ResignRequest, ResignResponse, ResponseHeader,
    TxnRequest, TxnResponse, UnlockRequest, UnlockResponse,
};
use crate::{Rejected, coordination::Error};

/// Forgets what only reads before a revision need.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct CompactionRequest {
    /// The revision from which on everything stays readable.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// Whether to answer only when the space is given back. A matter of who waits: not looked at
    /// by the program.
    #[prost(bool, tag = "2")]
    pub physical: bool,
}

/// It is forgotten: no read finds it.
#[derive(Clone, PartialEq, Message)]
pub struct CompactionResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether all of its space is given back; else a [`SweepRequest`] goes on.
    #[prost(bool, tag = "100")]
    pub swept: bool,
}

/// Gives back the space of what was compacted, one step of bounded length.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct SweepRequest {}

/// A step was made.
#[derive(Clone, PartialEq, Message)]
pub struct SweepResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether it was the last one.
    #[prost(bool, tag = "100")]
    pub swept: bool,
}

/// A command.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// Locks that must be held, or nothing happens.
    #[prost(message, repeated, tag = "1")]
    pub guards: Vec<Guard>,
    /// What to do.
    #[prost(
        oneof = "Act",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19"
    )]
    pub act: Option<Act>,
    /// Who sends it. Looked at while auth is on.
    #[prost(message, optional, tag = "30")]
    pub caller: Option<Caller>,
}

/// The commands.
#[derive(Clone, PartialEq, Oneof)]
pub enum Act {
    /// Sets a key.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Removes keys.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeRequest),
    /// A transaction.
    #[prost(message, tag = "4")]
    Txn(TxnRequest),
    /// Forgets history.
    #[prost(message, tag = "5")]
    Compaction(CompactionRequest),
    /// Gives back space.
    #[prost(message, tag = "6")]
    Sweep(SweepRequest),
    /// Makes a lease.
    #[prost(message, tag = "7")]
    LeaseGrant(LeaseGrantRequest),
    /// Ends a lease.
    #[prost(message, tag = "8")]
    LeaseRevoke(LeaseRevokeRequest),
    /// Renews leases.
    #[prost(message, tag = "9")]
    LeaseRenew(LeaseRenewRequest),
    /// Notes what leases have left.
    #[prost(message, tag = "10")]
    LeaseCheckpoint(LeaseCheckpointRequest),
    /// Ends leases whose time has run out.
    #[prost(message, tag = "11")]
    LeaseExpire(LeaseExpireRequest),
    /// Queues for a lock.
    #[prost(message, tag = "12")]
    Lock(LockRequest),
    /// Leaves a lock or its queue.
    #[prost(message, tag = "13")]
    Unlock(UnlockRequest),
    /// Stands for election.
    #[prost(message, tag = "14")]
    Campaign(CampaignRequest),
    /// Changes what a candidate says.
    #[prost(message, tag = "15")]
    Proclaim(ProclaimRequest),
    /// Ends a candidacy.
    #[prost(message, tag = "16")]
    Resign(ResignRequest),
    /// Takes a piece of an import.
    #[prost(message, tag = "17")]
    Import(ImportRequest),
    /// Changes who may do what.
    #[prost(message, tag = "18")]
    Auth(AuthRequest),
    /// What etcd leaves to recipes.
    #[prost(message, tag = "19")]
    Recipe(RecipeRequest),
}

/// The answer to a command: an error, or the response of the same kind.
#[derive(Clone, PartialEq, Message)]
pub struct Reply {
    /// Why nothing happened; absent if the command took effect.
    #[prost(enumeration = "Error", optional, tag = "1")]
    pub error: Option<i32>,
    /// The response.
    #[prost(
        oneof = "Outcome",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19"
    )]
    pub outcome: Option<Outcome>,
}

/// The responses.
#[derive(Clone, PartialEq, Oneof)]
pub enum Outcome {
    /// A key was set.
    #[prost(message, tag = "2")]
    Put(PutResponse),
    /// Keys were removed.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeResponse),
    /// A transaction took effect.
    #[prost(message, tag = "4")]
    Txn(TxnResponse),
    /// History was forgotten.
    #[prost(message, tag = "5")]
    Compaction(CompactionResponse),
    /// Space was given back.
    #[prost(message, tag = "6")]
    Sweep(SweepResponse),
    /// A lease was made.
    #[prost(message, tag = "7")]
    LeaseGrant(LeaseGrantResponse),
    /// A lease was ended.
    #[prost(message, tag = "8")]
    LeaseRevoke(LeaseRevokeResponse),
    /// Leases were renewed.
    #[prost(message, tag = "9")]
    LeaseRenew(LeaseRenewResponse),
    /// It was noted what leases have left.
    #[prost(message, tag = "10")]
    LeaseCheckpoint(LeaseCheckpointResponse),
    /// Leases have run out.
    #[prost(message, tag = "11")]
    LeaseExpire(LeaseExpireResponse),
    /// A place in the queue of a lock.
    #[prost(message, tag = "12")]
    Lock(LockResponse),
    /// A place was given up.
    #[prost(message, tag = "13")]
    Unlock(UnlockResponse),
    /// A candidacy.
    #[prost(message, tag = "14")]
    Campaign(CampaignResponse),
    /// A candidate says something else.
    #[prost(message, tag = "15")]
    Proclaim(ProclaimResponse),
    /// A candidacy was ended.
    #[prost(message, tag = "16")]
    Resign(ResignResponse),
    /// A piece of an import is there.
    #[prost(message, tag = "17")]
    Import(ImportResponse),
    /// It was changed who may do what.
    #[prost(message, tag = "18")]
    Auth(AuthResponse),
    /// What a recipe came to.
    #[prost(message, tag = "19")]
    Recipe(RecipeResponse),
}

impl Command {
    /// A command without guards, of nobody.
    #[must_use]
    pub fn new(act: Act) -> Command {
        Command { guards: Vec::new(), act: Some(act), caller: None }
    }
}

impl Reply {
    /// Decodes a reply.
    ///
    /// # Errors
    /// If the bytes are no reply.
    pub fn read(bytes: &Bytes) -> Result<Reply, Rejected> {
        Reply::decode(bytes.clone())
            .map_err(|e| Rejected(alloc::format!("not a coordination reply: {e}")))
    }

    /// The response, or why nothing happened.
    ///
    /// # Errors
    /// If nothing happened.
    pub fn into_result(self) -> Result<Outcome, Error> {
        match (self.error, self.outcome) {
            (None, Some(outcome)) => Ok(outcome),
            (code, _) => Err(Error::of(code)),
        }
    }
}
