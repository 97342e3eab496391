//! Locks and elections, where calls wait.
//!
//! The program keeps the queue ([`layers::coordination`]); what waits here is the call. A place
//! behind another is asked for again when the key before it is gone, and given up when the caller
//! goes away.

use std::sync::Arc;

use bytes::Bytes;
use contract::Consistency;
use kernel::Duration;
use layers::coordination::{
    Act, Answer, Ask, CampaignRequest, CampaignResponse, Error, EventType, LeaderKey,
    LeaderRequest, LeaderResponse, LeaseGrantRequest, LockRequest, LockResponse, Outcome,
    ResignRequest, UnlockRequest,
};

use super::renew;
use crate::{
    Backend, ambient,
    etcd::{
        grpc::{Code, Status, frame},
        map,
        serve::{Inbound, Reply, Shared, unexpected},
        watch::{Follow, now},
    },
};

/// The time of a lease that is granted because the caller has none, in seconds; as in etcd.
const LEASE_S: i64 = 60;
/// While a call waits, that lease is kept alive so often.
const KEEP: Duration = Duration::from_secs(20);

/// A place in a queue, given up when it is dropped before it was reached.
struct Place<B: Backend> {
    shared: Arc<Shared<B>>,
    give_up: Option<Act>,
}

impl<B: Backend> Drop for Place<B> {
    fn drop(&mut self) {
        if let Some(act) = self.give_up.take() {
            let shared = Arc::clone(&self.shared);
            ambient::spawn(async move {
                // If this fails, the place ends with its lease.
                let _ = shared.command(act, shared.limits.timeout_max).await;
            });
        }
    }
}

/// Waits until a lock is held.
///
/// # Errors
/// If the lease ends first, or the cluster does not answer.
pub async fn lock<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: LockRequest,
    timeout: Duration,
) -> Result<LockResponse, Status> {
    let lease = lease(shared, request.lease, timeout).await?;
    let request = LockRequest { lease: lease.id, ..request };
    let waiting = async {
        let mut place = Place { shared: Arc::clone(shared), give_up: None };
        loop {
            let told = shared.command(Act::Lock(request.clone()), timeout).await;
            let Outcome::Lock(response) = told.map_err(|e| expired(e, place.give_up.is_some()))?
            else {
                return Err(unexpected());
            };
            let revision = response.header.map_or(0, |header| header.revision);
            if response.held {
                place.give_up = None;
                let header = Some(shared.facts().header(revision));
                return Ok(LockResponse { header, ..response });
            }
            let key = response.key;
            place.give_up = Some(Act::Unlock(UnlockRequest { key }));
            gone(shared, response.behind, revision).await?;
        }
    };
    keeping(shared, &lease, waiting).await.map_err(unknown)
}

/// Waits until a candidate leads.
///
/// # Errors
/// If the lease ends first, or the cluster does not answer.
pub async fn campaign<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: CampaignRequest,
    timeout: Duration,
) -> Result<CampaignResponse, Status> {
    let lease = lease(shared, request.lease, timeout).await?;
    let request = CampaignRequest { lease: lease.id, ..request };
    let waiting = async {
        let mut place = Place { shared: Arc::clone(shared), give_up: None };
        loop {
            let told = shared.command(Act::Campaign(request.clone()), timeout).await;
            let Outcome::Campaign(response) =
                told.map_err(|e| expired(e, place.give_up.is_some()))?
            else {
                return Err(unexpected());
            };
            let revision = response.header.map_or(0, |header| header.revision);
            if response.elected {
                place.give_up = None;
                let header = Some(shared.facts().header(revision));
                return Ok(CampaignResponse { header, ..response });
            }
            let leader: Option<LeaderKey> = response.leader;
            place.give_up = Some(Act::Resign(ResignRequest { leader }));
            gone(shared, response.behind, revision).await?;
        }
    };
    keeping(shared, &lease, waiting).await.map_err(unknown)
}

/// etcd's services for recipes answer the program's errors with this code.
fn unknown(status: Status) -> Status {
    match status.code {
        Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition => {
            Status { code: Code::Unknown, ..status }
        }
        _ => status,
    }
}

/// A lease that ended while its call waited.
fn expired(status: Status, waited: bool) -> Status {
    if waited && status.text == Error::LeaseNotFound.text() {
        return Status::new(Code::Unknown, "mutex: session is expired");
    }
    status
}

/// Waits until a key is gone.
async fn gone<B: Backend>(shared: &Arc<Shared<B>>, key: Bytes, seen: i64) -> Result<(), Status> {
    let mut follow = Follow::new(shared, key, Bytes::new(), seen)?;
    while follow.next().await?.r#type != EventType::Delete as i32 {}
    Ok(())
}

struct Lease {
    id: i64,
    ours: bool,
}

/// The caller's lease, or a new one if it has none.
async fn lease<B: Backend>(
    shared: &Shared<B>,
    id: i64,
    timeout: Duration,
) -> Result<Lease, Status> {
    if id != 0 {
        return Ok(Lease { id, ours: false });
    }
    let act = Act::LeaseGrant(LeaseGrantRequest { ttl: LEASE_S, id: 0 });
    match shared.command(act, timeout).await? {
        Outcome::LeaseGrant(granted) => Ok(Lease { id: granted.id, ours: true }),
        _ => Err(unexpected()),
    }
}

/// Keeps a lease of ours alive while a call waits.
async fn keeping<B: Backend, T>(
    shared: &Arc<Shared<B>>,
    lease: &Lease,
    waiting: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    tokio::pin!(waiting);
    loop {
        tokio::select! {
            told = &mut waiting => return told,
            () = ambient::sleep(KEEP), if lease.ours => {
                // If it has ended, so will the wait.
                let _ = renew::renew(shared, &[lease.id]).await;
            }
        }
    }
}

/// Tells who leads, and everything that leaders say.
pub async fn observe<B: Backend>(shared: Arc<Shared<B>>, mut inbound: Inbound, mut reply: Reply) {
    let first = inbound.next().await.and_then(|messages| {
        let message = messages.and_then(|all| all.into_iter().next());
        let none = || Status::new(Code::Internal, "grpc: the call ended before its message did");
        map::decode::<LeaderRequest>(&message.ok_or_else(none)?)
    });
    let ended = match first {
        Ok(request) => tell(&shared, request.name, &mut reply).await,
        Err(status) => status,
    };
    reply.end(ended);
}

async fn tell<B: Backend>(shared: &Arc<Shared<B>>, name: Bytes, reply: &mut Reply) -> Status {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let watching = async {
        loop {
            if let Err(status) = term(shared, &name, &tell).await {
                return status;
            }
        }
    };
    tokio::pin!(watching);
    loop {
        let response: LeaderResponse = tokio::select! {
            status = &mut watching => return status,
            Some(response) = told.recv() => response,
            () = reply.gone() => return Status::new(Code::Cancelled, "the caller has gone"),
            () = shared.stopped() => {
                return Status::new(Code::Unavailable, "etcdserver: server stopped");
            }
        };
        if reply.send(frame(&response)).await.is_err() {
            return Status::new(Code::Cancelled, "the caller has gone");
        }
    }
}

/// Follows one leader, or waits for one.
async fn term<B: Backend>(
    shared: &Arc<Shared<B>>,
    name: &Bytes,
    tell: &tokio::sync::mpsc::Sender<LeaderResponse>,
) -> Result<(), Status> {
    let before = now(shared).await?;
    let ask = Ask::Leader(LeaderRequest { name: name.clone() });
    let timeout = shared.limits.timeout_max;
    let leader = match shared.query(ask, Consistency::LINEARIZABLE, timeout).await {
        Ok(Answer::Leader(leader)) => Some(leader),
        Ok(_) => return Err(unexpected()),
        Err(status) if status.text == Error::NoLeader.text() => None,
        Err(status) => return Err(status),
    };
    let Some(LeaderResponse { header, kv: Some(kv) }) = leader else {
        let (first, end) = ([&name[..], b"/"].concat(), [&name[..], b"0"].concat());
        let mut follow = Follow::new(shared, first.into(), end.into(), before)?;
        while follow.next().await?.r#type != EventType::Put as i32 {}
        return Ok(());
    };
    let seen = header.map_or(0, |header| header.revision);
    let key = kv.key.clone();
    let mut says = Some((seen, kv));
    let mut follow = Follow::new(shared, key, Bytes::new(), seen)?;
    while let Some((revision, kv)) = says.take() {
        let header = Some(shared.facts().header(revision));
        // Whoever told us to tell waits at the other end.
        let _ = tell.send(LeaderResponse { header, kv: Some(kv) }).await;
        let event = follow.next().await?;
        if event.r#type == EventType::Put as i32 {
            says = event.kv.map(|kv| (kv.mod_revision, kv));
        }
    }
    Ok(())
}
