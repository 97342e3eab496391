//! Commands, queries and their answers, as bytes.
//!
//! Where etcd's public protocol has a message, ours has its name, its fields and their numbers:
//!
//! ```text
//!   etcd client ── PutRequest ──▶ gateway ── Command { put: PutRequest } ──▶ log
//!               ◀── PutResponse ─         ◀── Reply { put: PutResponse } ───
//! ```
//!
//! so a gateway copies bodies and translates nothing. Of a response's header a program knows the
//! revision alone; who forwards the response fills in the rest. What etcd's protocol does not have
//! stands under field numbers from 100 on, which its clients skip.

mod auth;
mod command;
mod election;
mod import;
mod kv;
mod lease;
mod lock;
mod query;
mod recipe;
mod watch;
mod who;

pub use auth::{
    AuthAct, AuthDisableRequest, AuthEnableRequest, AuthRequest, AuthResponse, AuthRoleAddRequest,
    AuthRoleDeleteRequest, AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest,
    AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest,
    AuthUserGrantRoleRequest, AuthUserRevokeRoleRequest, Caller, Permission, PermissionType,
    UserAddOptions,
};
pub use command::{Act, Command, CompactionRequest, CompactionResponse, Outcome, Reply};
pub use command::{SweepRequest, SweepResponse};
pub use election::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
pub use import::{ImportRequest, ImportResponse};
pub use kv::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, DeleteRangeResponse, KeyValue,
    PutRequest, PutResponse, RangeRequest, RangeResponse, Request, RequestOp, Response,
    ResponseHeader, ResponseOp, SortOrder, SortTarget, TargetUnion, TxnRequest, TxnResponse,
};
pub use lease::{
    LeaseCheckpoint, LeaseCheckpointRequest, LeaseCheckpointResponse, LeaseExpireRequest,
    LeaseExpireResponse, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAlive, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRecord, LeaseRecordsRequest, LeaseRecordsResponse, LeaseRenewRequest,
    LeaseRenewResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, Overdue,
};
pub use lock::{
    Guard, LockRequest, LockResponse, QueueRequest, QueueResponse, UnlockRequest, UnlockResponse,
};
pub use query::{Answer, Ask, Query, QueryReply, StatusRequest, StatusResponse};
pub use recipe::{
    AcquireRequest, Barrier, BarrierRequest, CreateRequest, Created, DeregisterRequest,
    EnterRequest, Gathering, GatheringRequest, Health, Instance, Instances, LeaveRequest,
    LiftRequest, PermitsRequest, RaiseRequest, RecipeAct, RecipeAnswer, RecipeAsk, RecipeFound,
    RecipeOutcome, RecipeQuery, RecipeRequest, RecipeResponse, RegisterRequest, ReleaseRequest,
    ReportRequest, Seat, Semaphore, SemaphoreRequest, ServicesRequest, Settled,
};
pub use watch::{ChangesRequest, ChangesResponse, Event, EventType, Filter};
pub use who::{
    AuthAnswer, AuthAsk, AuthFound, AuthQuery, AuthRoleGetRequest, AuthRoleGetResponse,
    AuthRoleListRequest, AuthRoleListResponse, AuthStatusRequest, AuthStatusResponse,
    AuthUserGetRequest, AuthUserGetResponse, AuthUserListRequest, AuthUserListResponse,
    CredentialsRequest, CredentialsResponse, MayRequest, MayResponse, Need,
};
