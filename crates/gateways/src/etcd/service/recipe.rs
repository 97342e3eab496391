//! Locks and elections, where calls wait.
//!
//! The program keeps the queue ([`layers::coordination`]); what waits here is the call. When the
//! key before its place is gone it looks again who is before it, and when its caller goes away it
//! gives the place up.

use std::{future::ready, pin::Pin, sync::Arc};

use bytes::Bytes;
use contract::Consistency;
use kernel::Duration;
use layers::coordination::{
    Act, Answer, Ask, Caller, CampaignRequest, CampaignResponse, Error, EventType, LeaderKey,
    LeaderRequest, LeaderResponse, LeaseGrantRequest, LockRequest, LockResponse, Outcome,
    RangeRequest, RangeResponse, ResignRequest, SortOrder, SortTarget,
};

use super::renew;
use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        facts::Facts,
        grpc::{Code, Status, frame},
        map::{self, Task},
        serve::{Ended, Inbound, Reply, Shared, unexpected},
        terms::Terms,
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
    who: Who,
    key: LeaderKey,
    kept: bool,
}

impl<B: Backend> Place<B> {
    fn new(shared: &Arc<Shared<B>>, who: &Who, key: LeaderKey, kept: bool) -> Place<B> {
        Place { shared: Arc::clone(shared), who: who.clone(), key, kept }
    }

    /// Waits until no place is before this one; the revision at which that was seen. `behind` is
    /// the one before it, if there is one. A place that is gone is not taken again: it would be
    /// another one, at the end.
    async fn reached(
        &mut self,
        mut seen: i64,
        mut behind: Bytes,
        gone: &'static str,
    ) -> Result<i64, Status> {
        // What it waits for is in a queue that the caller was allowed to read a moment ago.
        let node = Some(Caller::node());
        while !behind.is_empty() {
            let mut follow = Follow::new(&self.shared, behind, Bytes::new(), &node, seen)?;
            loop {
                match follow.next().await {
                    Ok(event) if event.r#type == EventType::Delete as i32 => break,
                    Ok(_) => {}
                    // Whatever was missed, a look tells how it is now.
                    Err(status) if status.text == Error::Compacted.text() => break,
                    Err(status) => return Err(status),
                }
            }
            let range = self.look().await?;
            seen = range.header.map_or(0, |header| header.revision);
            let mut places = range.kvs.into_iter();
            let own = places.next();
            if own.is_none_or(|kv| kv.key != self.key.key || kv.create_revision != self.key.rev) {
                self.kept = true;
                return Err(Status::new(Code::Unknown, gone));
            }
            behind = places.next().map_or(Bytes::new(), |kv| kv.key);
        }
        self.kept = true;
        Ok(seen)
    }

    /// The same, with a lease of ours kept alive meanwhile.
    async fn kept_alive(
        &mut self,
        lease: &Lease,
        seen: i64,
        behind: Bytes,
        gone: &'static str,
    ) -> Result<i64, Status> {
        let (shared, who) = (Arc::clone(&self.shared), self.who.clone());
        let reached = self.reached(seen, behind, gone);
        tokio::pin!(reached);
        loop {
            tokio::select! {
                told = &mut reached => return told,
                () = ambient::sleep(KEEP), if lease.ours => {
                    // If it has ended, so will the wait.
                    let _ = renew::renew(&shared, &who, &[lease.id]).await;
                }
            }
        }
    }

    /// This place and the one before it.
    async fn look(&self) -> Result<RangeResponse, Status> {
        let name = &self.key.name;
        let range = RangeRequest {
            key: [name, &b"/"[..]].concat().into(),
            range_end: [name, &b"0"[..]].concat().into(),
            limit: 2,
            sort_order: SortOrder::Descend as i32,
            sort_target: SortTarget::Create as i32,
            max_create_revision: self.key.rev,
            keys_only: true,
            ..RangeRequest::default()
        };
        let (level, timeout) = (Consistency::LINEARIZABLE, self.shared.limits.timeout_max);
        match self.shared.query(Ask::Range(range), level, &self.who, timeout).await? {
            Answer::Range(range) => Ok(range),
            _ => Err(unexpected()),
        }
    }
}

impl<B: Backend> Drop for Place<B> {
    fn drop(&mut self) {
        if !self.kept {
            let (shared, who) = (Arc::clone(&self.shared), self.who.take());
            // This removes a key only if it is of the revision that made this place.
            let act = Act::Resign(ResignRequest { leader: Some(self.key.clone()) });
            ambient::spawn(async move {
                // If this fails, the place ends with its lease.
                let _ = shared.command(act, &who, shared.limits.timeout_max).await;
            });
        }
    }
}

/// Waits until a lock is held.
///
/// # Errors
/// If the place is lost first, or the cluster does not answer.
pub async fn lock<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: LockRequest,
    who: &Who,
    terms: Terms,
) -> Result<LockResponse, Status> {
    let lease = lease(shared, request.lease, who, terms).await?;
    let name = request.name.clone();
    let act = Act::Lock(LockRequest { lease: lease.id, ..request });
    match shared.command(act, who, terms).await.map_err(unknown)? {
        Outcome::Lock(response) => held(shared, name, lease, who, response).await,
        _ => Err(unexpected()),
    }
}

/// Waits until a place is the first of its queue. The place is given up if nobody waits for this,
/// not even once.
fn held<B: Backend>(
    shared: &Arc<Shared<B>>,
    name: Bytes,
    lease: Lease,
    who: &Who,
    response: LockResponse,
) -> impl Future<Output = Result<LockResponse, Status>> + use<B> {
    let (key, rev) = (response.key.clone(), response.token);
    let key = LeaderKey { name, key, rev, lease: lease.id };
    let mut place = Place::new(shared, who, key, response.held);
    async move {
        let seen = response.header.map_or(0, |header| header.revision);
        let gone = "mutex: session is expired";
        let seen = place.kept_alive(&lease, seen, response.behind.clone(), gone).await?;
        let header = Some(place.shared.facts().header(seen));
        Ok(LockResponse { header, ..response })
    }
}

/// Waits until a candidate leads.
///
/// # Errors
/// If the candidacy is lost first, or the cluster does not answer.
pub async fn campaign<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: CampaignRequest,
    who: &Who,
    terms: Terms,
) -> Result<CampaignResponse, Status> {
    let lease = lease(shared, request.lease, who, terms).await?;
    let act = Act::Campaign(CampaignRequest { lease: lease.id, ..request });
    match shared.command(act, who, terms).await.map_err(unknown)? {
        Outcome::Campaign(response) => leads(shared, lease, who, response)?.await,
        _ => Err(unexpected()),
    }
}

/// Waits until a candidacy is the first of its queue, as [`held`] does.
fn leads<B: Backend>(
    shared: &Arc<Shared<B>>,
    lease: Lease,
    who: &Who,
    response: CampaignResponse,
) -> Result<impl Future<Output = Result<CampaignResponse, Status>> + use<B>, Status> {
    let key = response.leader.clone().ok_or_else(unexpected)?;
    let mut place = Place::new(shared, who, key, response.elected);
    Ok(async move {
        let seen = response.header.map_or(0, |header| header.revision);
        let gone = Error::NotLeader.text();
        let seen = place.kept_alive(&lease, seen, response.behind.clone(), gone).await?;
        let header = Some(place.shared.facts().header(seen));
        Ok(CampaignResponse { header, ..response })
    })
}

/// The framed answer of a call that queued and need not wait; what the program said if it must.
///
/// # Errors
/// With the program's error.
pub fn at_once(body: &Bytes, facts: &Facts) -> Result<Result<Bytes, Outcome>, Status> {
    let outcome = map::outcome(body).map_err(unknown)?;
    let reached = match &outcome {
        Outcome::Lock(response) => response.held,
        Outcome::Campaign(response) => response.elected,
        _ => return Err(unexpected()),
    };
    match reached {
        true => map::answer(body, facts, true).map(Ok),
        false => Ok(Err(outcome)),
    }
}

/// What follows when it must: waits until its place is reached, and gives it up if nobody waits.
pub fn goes_on<B: Backend>(
    shared: &Arc<Shared<B>>,
    task: Task,
    who: &Who,
    outcome: Outcome,
) -> Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>> {
    match (task, outcome) {
        (Task::Lock(LockRequest { name, lease }), Outcome::Lock(response)) => {
            let held = held(shared, name, Lease { id: lease, ours: false }, who, response);
            Box::pin(async move { held.await.map(|response| frame(&response)) })
        }
        (Task::Campaign(CampaignRequest { lease, .. }), Outcome::Campaign(response)) => {
            match leads(shared, Lease { id: lease, ours: false }, who, response) {
                Ok(leads) => Box::pin(async move { leads.await.map(|response| frame(&response)) }),
                Err(status) => Box::pin(ready(Err(status))),
            }
        }
        _ => Box::pin(ready(Err(unexpected()))),
    }
}

/// etcd's services for recipes answer the program's errors with this code.
pub fn unknown(status: Status) -> Status {
    match status.code {
        Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition => {
            Status { code: Code::Unknown, ..status }
        }
        _ => status,
    }
}

struct Lease {
    id: i64,
    ours: bool,
}

/// The caller's lease, or a new one if it has none.
async fn lease<B: Backend>(
    shared: &Shared<B>,
    id: i64,
    who: &Who,
    terms: Terms,
) -> Result<Lease, Status> {
    if id != 0 {
        return Ok(Lease { id, ours: false });
    }
    let act = Act::LeaseGrant(LeaseGrantRequest { ttl: LEASE_S, id: 0 });
    match shared.command(act, who, terms).await? {
        Outcome::LeaseGrant(granted) => Ok(Lease { id: granted.id, ours: true }),
        _ => Err(unexpected()),
    }
}

/// Tells who leads, and everything that leaders say.
///
/// # Errors
/// What ends the stream; it does not end otherwise.
pub async fn observe<B: Backend>(
    shared: &Arc<Shared<B>>,
    who: Who,
    mut inbound: Inbound,
    reply: &mut Reply,
) -> Result<(), Ended> {
    let LeaderRequest { name } = map::decode(&inbound.one().await?)?;
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let watching = async {
        loop {
            if let Err(status) = term(shared, &name, &who, &tell).await {
                return status;
            }
        }
    };
    tokio::pin!(watching);
    loop {
        let response: LeaderResponse = tokio::select! {
            status = &mut watching => return Err(status.into()),
            Some(response) = told.recv() => response,
            () = reply.gone() => return Err(Ended::Gone),
        };
        reply.send(frame(&response)).await?;
    }
}

/// Follows one leader, or waits for one.
async fn term<B: Backend>(
    shared: &Arc<Shared<B>>,
    name: &Bytes,
    who: &Who,
    tell: &tokio::sync::mpsc::Sender<LeaderResponse>,
) -> Result<(), Status> {
    let before = now(shared).await?;
    let ask = Ask::Leader(LeaderRequest { name: name.clone() });
    let timeout = shared.limits.timeout_max;
    let leader = match shared.query(ask, Consistency::LINEARIZABLE, who, timeout).await {
        Ok(Answer::Leader(leader)) => Some(leader),
        Ok(_) => return Err(unexpected()),
        Err(status) if status.text == Error::NoLeader.text() => None,
        Err(status) => return Err(status),
    };
    let Some(LeaderResponse { header, kv: Some(kv) }) = leader else {
        let (first, end) = ([&name[..], b"/"].concat(), [&name[..], b"0"].concat());
        let mut follow = Follow::new(shared, first.into(), end.into(), who, before)?;
        while follow.next().await?.r#type != EventType::Put as i32 {}
        return Ok(());
    };
    let seen = header.map_or(0, |header| header.revision);
    let key = kv.key.clone();
    let mut says = Some((seen, kv));
    let mut follow = Follow::new(shared, key, Bytes::new(), who, seen)?;
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
