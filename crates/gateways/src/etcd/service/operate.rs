//! What operators ask, and what tools ask on their behalf.

use contract::Consistency;
use database::{Answer, Request, api::Control};
use kernel::{Duration, NodeId};
use layers::coordination::{Answer as Told, Ask, Need, StatusRequest};

use crate::{
    Backend,
    etcd::{
        auth::Who,
        failure,
        grpc::{Code, Status},
        serve::Shared,
        watch::now,
        wire::{
            AlarmMember, AlarmRequest, AlarmResponse, AlarmType, MemberListResponse,
            MoveLeaderResponse, StatusResponse,
        },
    },
};

/// The version of etcd whose protocol is spoken: clients read three numbers, and some refuse what
/// is older than 3.4 or has another form. No etcd has this one.
pub const VERSION: &str = "3.5.99";

/// Clearing an alarm, as etcd numbers it.
const DEACTIVATE: i32 = 2;

/// The revision that this node knows of; 0 if nobody can say.
pub async fn revision<B: Backend>(shared: &Shared<B>) -> i64 {
    let ask = Ask::Status(StatusRequest {});
    match shared.query(ask, Consistency::EVENTUAL, &None, shared.limits.timeout_max).await {
        Ok(Told::Status(status)) => status.header.map_or(0, |header| header.revision),
        _ => 0,
    }
}

/// Every node.
///
/// # Errors
/// If a leader has to confirm it and there is none.
pub async fn members<B: Backend>(
    shared: &Shared<B>,
    linearizable: bool,
) -> Result<MemberListResponse, Status> {
    if linearizable {
        now(shared).await?;
    }
    let facts = shared.look().await;
    // As in etcd, members are no matter of revisions.
    Ok(MemberListResponse { header: Some(facts.header(0)), members: facts.members.clone() })
}

/// How this node is.
///
/// # Errors
/// None today; a node that cannot say something leaves it out.
pub async fn status<B: Backend>(shared: &Shared<B>) -> Result<StatusResponse, Status> {
    let revision = revision(shared).await;
    let facts = shared.look().await;
    let mut errors = Vec::new();
    if facts.leader == 0 {
        errors.push(failure::NO_LEADER.to_owned());
    }
    if facts.full.contains(&facts.member) {
        errors.push(format!("memberID:{} alarm:NOSPACE ", facts.member));
    }
    let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let learner = facts.members.iter().any(|node| node.id == facts.member && node.is_learner);
    Ok(StatusResponse {
        header: Some(facts.header(revision)),
        version: VERSION.into(),
        db_size: size(shared.backend.disk_bytes()),
        leader: facts.leader,
        raft_index: facts.commit_index,
        raft_term: facts.term,
        raft_applied_index: facts.applied_index,
        errors,
        db_size_in_use: size(facts.bytes),
        is_learner: learner,
    })
}

/// Lists alarms. They rise and clear by themselves, so there is nothing to change.
///
/// # Errors
/// If an alarm shall be raised, or cleared by whoever may not.
pub async fn alarm<B: Backend>(
    shared: &Shared<B>,
    request: AlarmRequest,
    who: &Who,
) -> Result<AlarmResponse, Status> {
    let need = if request.action == 0 { Need::Login } else { Need::Root };
    shared.may(who, need.into()).await?;
    if ![0, DEACTIVATE].contains(&request.action) {
        let text = "quorate: alarms rise and clear by themselves";
        return Err(Status::new(Code::Unimplemented, text));
    }
    let revision = revision(shared).await;
    let facts = shared.look().await;
    let wanted = |member: &u64| {
        let kinds = [AlarmType::None as i32, AlarmType::Nospace as i32];
        (request.member_id == 0 || request.member_id == *member) && kinds.contains(&request.alarm)
    };
    let alarm = |member_id| AlarmMember { member_id, alarm: AlarmType::Nospace as i32 };
    let alarms = facts.full.iter().copied().filter(wanted).map(alarm).collect();
    Ok(AlarmResponse { header: Some(facts.header(revision)), alarms })
}

/// Hands leadership of the keyspace over.
///
/// # Errors
/// If somebody asks who may not, if the member is none, or if it does not take over in time.
pub async fn move_leader<B: Backend>(
    shared: &Shared<B>,
    target: u64,
    who: &Who,
    timeout: Duration,
) -> Result<MoveLeaderResponse, Status> {
    shared.may(who, Need::Root.into()).await?;
    let facts = shared.look().await;
    if facts.leader != facts.member {
        return Err(Status::new(Code::FailedPrecondition, "etcdserver: not leader"));
    }
    let votes = facts.members.iter().any(|member| member.id == target && !member.is_learner);
    let Some(shard) = facts.shard.filter(|_| votes) else {
        return Err(Status::new(Code::FailedPrecondition, "etcdserver: bad leader transferee"));
    };
    let control = Control::Transfer { shard, to: NodeId(target) };
    match shared.backend.ask(Request::Control { control, request_id: None, timeout }).await {
        Answer::Failed(failure) => Err(failure::status(failure)),
        _ => Ok(MoveLeaderResponse::default()),
    }
}
