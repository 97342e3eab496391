//! What a client says on a stream of watches, and the look at the keyspace that it waits for.
//!
//! A watch of what comes *from now on* has to begin behind everything that was acknowledged before,
//! and only a leader knows where that is: where nobody leads it waits. One that begins at a revision
//! needs no leader: this node tells what it has, and what it hears of later.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use contract::Consistency;
use layers::coordination::{Answer, Ask, MayRequest, Need, StatusRequest, StatusResponse};

use super::{PAUSE, spec::first_key};
use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        grpc::{Code, Status},
        map,
        serve::{Shared, unexpected},
        wire::{RequestUnion, WatchCancelRequest, WatchCreateRequest, WatchRequest},
    },
};

/// The revision of the keyspace, after everything that was acknowledged before.
///
/// # Errors
/// If nobody can say.
pub async fn now<B: Backend>(shared: &Shared<B>) -> Result<i64, Status> {
    status(shared, Consistency::LINEARIZABLE).await.map(|status| revision(&status))
}

async fn status<B: Backend>(
    shared: &Shared<B>,
    level: Consistency,
) -> Result<StatusResponse, Status> {
    let ask = Ask::Status(StatusRequest {});
    match shared.query(ask, level, &None, shared.limits.timeout_max).await? {
        Answer::Status(status) => Ok(status),
        _ => Err(unexpected()),
    }
}

fn revision(status: &StatusResponse) -> i64 {
    status.header.map_or(0, |header| header.revision)
}

/// What a client said, in order, with all that is needed to do it.
pub struct Said {
    pub wishes: Vec<Wish>,
    /// The revision of the keyspace.
    pub current: i64,
}

/// One thing that a client said.
pub enum Wish {
    /// A watch, and at which auth revision its caller may see what it watches.
    Create(WatchCreateRequest, Result<u64, Status>),
    Cancel(WatchCancelRequest),
    Progress,
}

/// A look on its way.
pub type Looking = Pin<Box<dyn Future<Output = Result<Said, Status>> + Send>>;

/// Reads messages and looks for what they need, as often as it takes. New watches share one look.
pub fn look<B: Backend>(shared: Arc<Shared<B>>, who: Who, messages: Vec<Bytes>) -> Looking {
    Box::pin(async move {
        let mut requests = Vec::with_capacity(messages.len());
        for message in messages {
            requests.extend(map::decode::<WatchRequest>(&message)?.request_union);
        }
        let from_now = requests.iter().any(is_from_now);
        let asks = |request: &RequestUnion| matches!(request, RequestUnion::ProgressRequest(_));
        let mut level = match from_now || requests.iter().any(asks) {
            true => Consistency::LINEARIZABLE,
            false => Consistency::EVENTUAL,
        };
        loop {
            match said(&shared, &who, &requests, level).await {
                // Without a leader a client learns how far this node has come.
                Err(status) if status.code == Code::Unavailable && !from_now => {
                    level = Consistency::EVENTUAL;
                }
                Err(status) if passes(&status) => {}
                said => return said,
            }
            ambient::sleep(PAUSE).await;
        }
    })
}

/// Whether an error passes by itself: nobody leads, or there is too much to do. It is no reason to
/// end the other watches of a stream.
fn passes(status: &Status) -> bool {
    matches!(status.code, Code::Unavailable | Code::ResourceExhausted)
}

fn is_from_now(request: &RequestUnion) -> bool {
    matches!(request, RequestUnion::CreateRequest(create) if create.start_revision == 0)
}

async fn said<B: Backend>(
    shared: &Shared<B>,
    who: &Who,
    requests: &[RequestUnion],
    level: Consistency,
) -> Result<Said, Status> {
    let status = status(shared, level).await?;
    let mut wishes = Vec::with_capacity(requests.len());
    for request in requests.iter().cloned() {
        wishes.push(match request {
            RequestUnion::CreateRequest(request) => {
                let auth = status.auth_revision;
                match allowed(shared, who, &request, auth, level).await {
                    Err(status) if passes(&status) => return Err(status),
                    allowed => Wish::Create(request, allowed),
                }
            }
            RequestUnion::CancelRequest(request) => Wish::Cancel(request),
            RequestUnion::ProgressRequest(_) => Wish::Progress,
        });
    }
    Ok(Said { wishes, current: revision(&status) })
}

/// Whether the caller may see what it wants to watch; at which auth revision.
async fn allowed<B: Backend>(
    shared: &Shared<B>,
    who: &Who,
    request: &WatchCreateRequest,
    auth: u64,
    level: Consistency,
) -> Result<u64, Status> {
    if auth == 0 {
        return Ok(0);
    }
    let (key, range_end) = (first_key(request), request.range_end.clone());
    shared.may_at(level, who, MayRequest { need: Need::Read as i32, key, range_end }).await
}
