//! Calls with one message and one answer, one at a time.

use std::sync::Arc;

use bytes::Bytes;
use kernel::Duration;
use layers::coordination::{Act, CompactionRequest, SweepRequest};

use super::{hash, health, operate, recipe};
use crate::{
    Backend,
    etcd::{
        grpc::{Status, frame},
        map::{self, Plan, Task},
        method::Unary,
        serve::{Shared, unexpected},
        wire::{AuthStatusResponse, DefragmentResponse, HashKvResponse},
    },
};

/// Carries a call out; its framed answer.
///
/// # Errors
/// As etcd does.
pub async fn unary<B: Backend>(
    shared: &Arc<Shared<B>>,
    method: Unary,
    plan: Plan,
    timeout: Duration,
) -> Result<Bytes, Status> {
    let task = match plan {
        Plan::Ask(asked) => {
            let body = shared.ask(asked, timeout).await?;
            return map::answer(&body, &shared.facts(), method.is_recipe());
        }
        Plan::Task(task) => task,
    };
    match task {
        Task::Lock(request) => recipe::lock(shared, request, timeout).await.map(|r| frame(&r)),
        Task::Campaign(request) => {
            recipe::campaign(shared, request, timeout).await.map(|r| frame(&r))
        }
        Task::Compact(request) => compact(shared, request, timeout).await,
        Task::MemberList(request) => {
            operate::members(shared, request.linearizable).await.map(|r| frame(&r))
        }
        Task::Alarm(request) => operate::alarm(shared, request).await.map(|r| frame(&r)),
        Task::Status => operate::status(shared).await.map(|r| frame(&r)),
        // The engine gives space back by itself.
        Task::Defragment => Ok(frame(&DefragmentResponse::default())),
        // Its message has the first two fields of the other's.
        Task::Hash => hash::hash(shared, 0)
            .await
            .map(|hash| frame(&HashKvResponse { compact_revision: 0, ..hash })),
        Task::HashKv(request) => hash::hash(shared, request.revision).await.map(|r| frame(&r)),
        Task::MoveLeader(request) => {
            operate::move_leader(shared, request.target_id, timeout).await.map(|r| frame(&r))
        }
        Task::AuthStatus => {
            let header = Some(shared.facts().header(operate::revision(shared).await));
            let status = AuthStatusResponse { header, ..AuthStatusResponse::default() };
            Ok(frame(&status))
        }
        Task::HealthCheck(request) => health::check(shared, &request.service).map(|r| frame(&r)),
    }
}

/// Forgets history and gives all of its space back before it answers.
async fn compact<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: CompactionRequest,
    timeout: Duration,
) -> Result<Bytes, Status> {
    use layers::coordination::Outcome;
    let Outcome::Compaction(mut done) = shared.command(Act::Compaction(request), timeout).await?
    else {
        return Err(unexpected());
    };
    while !done.swept {
        let Outcome::Sweep(step) = shared.command(Act::Sweep(SweepRequest {}), timeout).await?
        else {
            return Err(unexpected());
        };
        done.swept = step.swept;
    }
    done.header = done.header.map(|header| shared.facts().header(header.revision));
    Ok(frame(&done))
}
