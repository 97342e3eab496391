//! Keep-alives: what arrives together, on whatever stream, is one question.
//!
//! ```text
//!   stream a: 7, 8 ─┐
//!   stream b: 9 ────┼─▶ waiting ─▶ [7, 8, 9] ─▶ leader     one question at a time; the next
//!   stream c: 7 ────┘                                      gathers while it is under way
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use contract::Consistency;
use layers::coordination::{
    Act, Answer, Ask, LeaseKeepAlive, LeaseRenewRequest, Outcome, limits::LEASES_PER_COMMAND_MAX,
};
use tokio::sync::oneshot;

use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        failure,
        grpc::{Code, Status, frame},
        map,
        serve::{Ended, Inbound, Reply, Shared, unexpected},
        wire::LeaseKeepAliveRequest,
    },
};

type Renewed = Result<Vec<LeaseKeepAlive>, Status>;

/// Keep-alives that wait to be asked.
#[derive(Default)]
pub struct Renewals {
    state: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    askers: Vec<Asker>,
    /// A question is under way.
    asking: bool,
}

/// Who waits, and for which leases.
struct Asker {
    who: Who,
    ids: Vec<i64>,
    answer: oneshot::Sender<Renewed>,
}

impl Renewals {
    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds who waits; whether somebody has to begin to ask.
    fn wait(&self, asker: Asker) -> bool {
        let mut state = self.state();
        state.askers.push(asker);
        !std::mem::replace(&mut state.asking, true)
    }

    /// Takes as many askers of one caller as one question has room for; none ends the asking.
    fn take(&self) -> Vec<Asker> {
        let mut state = self.state();
        let mut room = LEASES_PER_COMMAND_MAX;
        let first = state.askers.first().map(|asker| &asker.who);
        let fits = |asker: &&Asker| match room.checked_sub(asker.ids.len()) {
            Some(left) if Some(&asker.who) == first => {
                room = left;
                true
            }
            _ => false,
        };
        let count = state.askers.iter().take_while(fits).count();
        let taken = state.askers.drain(..count).collect::<Vec<_>>();
        state.asking = !taken.is_empty();
        taken
    }
}

/// Renews leases; one answer for each, in order.
///
/// # Errors
/// If no leader confirms it.
pub async fn renew<B: Backend>(shared: &Arc<Shared<B>>, who: &Who, ids: &[i64]) -> Renewed {
    let mut renewed = Vec::with_capacity(ids.len());
    for ids in ids.chunks(LEASES_PER_COMMAND_MAX) {
        let (answer, answered) = oneshot::channel();
        if shared.renewals.wait(Asker { who: who.clone(), ids: ids.to_vec(), answer }) {
            ambient::spawn(ask_all(Arc::clone(shared)));
        }
        let lost = |_| Err(failure::stopped());
        renewed.extend(answered.await.unwrap_or_else(lost)?);
    }
    Ok(renewed)
}

/// Asks until nobody waits.
async fn ask_all<B: Backend>(shared: Arc<Shared<B>>) {
    loop {
        let askers = shared.renewals.take();
        let Some(first) = askers.first() else { return };
        let ids = askers.iter().flat_map(|asker| &asker.ids).copied().collect();
        let mut renewed = ask(&shared, &first.who, ids).await.map(Vec::into_iter);
        for asker in askers {
            let told = match &mut renewed {
                Ok(renewed) => Ok(renewed.take(asker.ids.len()).collect()),
                // One of the leases may not be the caller's: the others must not suffer from it.
                Err(status) if status.code == Code::PermissionDenied => {
                    ask(&shared, &asker.who, asker.ids).await
                }
                Err(status) => Err(status.clone()),
            };
            let _ = asker.answer.send(told);
        }
    }
}

async fn ask<B: Backend>(shared: &Shared<B>, who: &Who, ids: Vec<i64>) -> Renewed {
    let timeout = shared.limits.timeout_max;
    let count = ids.len();
    let ask = Ask::LeaseKeepAlive(LeaseRenewRequest { ids });
    let Answer::LeaseKeepAlive(response) =
        shared.query(ask, Consistency::LINEARIZABLE, who, timeout).await?
    else {
        return Err(unexpected());
    };
    let mut leases = response.leases;
    // A lease that began with less than its whole time under this leader is renewed in the log.
    let ids: Vec<i64> = leases.iter().filter(|lease| lease.log_it).map(|lease| lease.id).collect();
    if !ids.is_empty() {
        let act = Act::LeaseRenew(LeaseRenewRequest { ids });
        let Outcome::LeaseRenew(logged) = shared.command(act, who, timeout).await? else {
            return Err(unexpected());
        };
        let mut logged = logged.leases.into_iter();
        for lease in leases.iter_mut().filter(|lease| lease.log_it) {
            *lease = logged.next().ok_or_else(unexpected)?;
        }
    }
    if leases.len() != count {
        return Err(unexpected());
    }
    let header = response.header.map(|header| shared.facts().header(header.revision));
    // Clients need to know no more than etcd's fields.
    let told = |lease: LeaseKeepAlive| LeaseKeepAlive {
        header,
        id: lease.id,
        ttl: lease.ttl,
        ..LeaseKeepAlive::default()
    };
    Ok(leases.into_iter().map(told).collect())
}

/// Serves a stream of keep-alives, in order.
///
/// # Errors
/// If the client has gone, says what is no keep-alive, or no leader confirms one.
pub async fn serve<B: Backend>(
    shared: &Arc<Shared<B>>,
    who: Who,
    mut inbound: Inbound,
    reply: &mut Reply,
) -> Result<(), Ended> {
    reply.open()?;
    loop {
        let messages = tokio::select! {
            messages = inbound.next() => messages?,
            () = reply.gone() => return Err(Ended::Gone),
        };
        let Some(messages) = messages else { return Ok(()) };
        let ids = messages.iter().map(map::decode::<LeaseKeepAliveRequest>);
        let ids: Vec<_> = ids.map(|request| Ok(request?.id)).collect::<Result<_, Status>>()?;
        let mut out = BytesMut::new();
        for lease in renew(shared, &who, &ids).await? {
            out.extend_from_slice(&frame(&lease));
        }
        reply.send(out.freeze()).await?;
    }
}
