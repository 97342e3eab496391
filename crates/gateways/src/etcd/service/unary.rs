//! Calls with one message and one answer, one at a time.

use std::sync::Arc;

use bytes::Bytes;
use layers::coordination::{Act, CompactionRequest, Need, SweepRequest};

use super::{hash, health, operate, recipe};
use crate::{
    Backend,
    etcd::{
        auth::{self, Who},
        grpc::{Status, frame},
        map::{self, Plan, Task},
        method::Unary,
        serve::{Shared, unexpected},
        terms::Terms,
        wire::{DefragmentResponse, HashKvResponse},
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
    who: &Who,
    terms: Terms,
) -> Result<Bytes, Status> {
    let task = match plan {
        Plan::Ask(asked) => {
            let body = shared.ask(asked, terms).await?;
            return map::answer(&body, &shared.facts(), method.is_recipe());
        }
        Plan::Queue(_, task) | Plan::Task(task) => task,
    };
    match task {
        Task::Lock(request) => recipe::lock(shared, request, who, terms).await.map(|r| frame(&r)),
        Task::Campaign(request) => {
            recipe::campaign(shared, request, who, terms).await.map(|r| frame(&r))
        }
        Task::Compact(request) => compact(shared, request, who, terms).await,
        Task::MemberList(request) => {
            operate::members(shared, request.linearizable).await.map(|r| frame(&r))
        }
        Task::Alarm(request) => operate::alarm(shared, request, who).await.map(|r| frame(&r)),
        Task::Status => operate::status(shared).await.map(|r| frame(&r)),
        Task::Defragment => {
            // The engine gives space back by itself.
            shared.may(who, Need::Root.into()).await?;
            Ok(frame(&DefragmentResponse::default()))
        }
        // Its message has the first two fields of the other's.
        Task::Hash => hash::hash(shared, 0, who)
            .await
            .map(|hash| frame(&HashKvResponse { compact_revision: 0, ..hash })),
        Task::HashKv(request) => hash::hash(shared, request.revision, who).await.map(|r| frame(&r)),
        Task::MoveLeader(request) => {
            operate::move_leader(shared, request.target_id, who, terms.timeout)
                .await
                .map(|r| frame(&r))
        }
        Task::Auth(task) => auth::carry_out(shared, task, who, terms).await,
        Task::HealthCheck(request) => health::check(shared, &request.service).map(|r| frame(&r)),
    }
}

/// Forgets history and gives all of its space back before it answers.
async fn compact<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: CompactionRequest,
    who: &Who,
    terms: Terms,
) -> Result<Bytes, Status> {
    use layers::coordination::Outcome;
    let Outcome::Compaction(mut done) =
        shared.command(Act::Compaction(request), who, terms).await?
    else {
        return Err(unexpected());
    };
    while !done.swept {
        let Outcome::Sweep(step) = shared.command(Act::Sweep(SweepRequest {}), who, terms).await?
        else {
            return Err(unexpected());
        };
        done.swept = step.swept;
    }
    done.header = done.header.map(|header| shared.facts().header(header.revision));
    Ok(frame(&done))
}
