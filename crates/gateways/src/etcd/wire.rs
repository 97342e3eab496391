//! Messages of etcd's protocol that the program does not know: streams, cluster, maintenance,
//! health. Those that it knows are [`layers::coordination`]'s, with the same names and numbers.

mod auth;
mod cluster;
mod health;
mod maintenance;
mod watch;

pub use auth::{AuthenticateRequest, AuthenticateResponse};
pub use cluster::{Member, MemberListRequest, MemberListResponse};
pub use health::{HealthCheckRequest, HealthCheckResponse, Serving};
pub use maintenance::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentResponse, HashKvRequest,
    HashKvResponse, MoveLeaderRequest, MoveLeaderResponse, SnapshotResponse, StatusResponse,
};
pub use watch::{
    LeaseKeepAliveRequest, RequestUnion, WatchCancelRequest, WatchCreateRequest,
    WatchProgressRequest, WatchRequest, WatchResponse,
};
