//! Downloads of a keyspace as a snapshot file of etcd.

use std::sync::Arc;

use contract::Consistency;
use layers::coordination::{Answer, Ask, Need};

use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        grpc::{Code, Status, frame},
        serve::{Reply, Shared},
        snapshot::{self, Error},
        wire::SnapshotResponse,
    },
};

/// Bytes of the digest at the end, which etcd does not count as remaining.
const DIGEST: u64 = 32;

/// A keyspace that is asked by its gateway.
struct Asked<'a, B> {
    shared: &'a Shared<B>,
    who: &'a Who,
}

impl<B: Backend> snapshot::Keyspace for Asked<'_, B> {
    async fn ask(&self, ask: Ask) -> Result<Answer, Error> {
        let (level, timeout) = (Consistency::LINEARIZABLE, self.shared.limits.timeout_max);
        let answer = self.shared.query(ask, level, self.who, timeout).await;
        answer.map_err(|status| Error::Unanswered(status.text.into_owned()))
    }
}

/// Makes a snapshot and sends it. It lies in files without a name beside the node's data meanwhile;
/// few are made at a time.
pub async fn download<B: Backend>(shared: Arc<Shared<B>>, who: Who, mut reply: Reply) {
    let Ok(_one) = shared.snapshots.try_acquire() else {
        let text = "quorate: other snapshots are being taken: try again later";
        return reply.end(Status::new(Code::ResourceExhausted, text));
    };
    let sent = tokio::select! {
        sent = send(&shared, &who, &mut reply) => sent,
        () = shared.stopped() => {
            Err(Status::new(Code::Unavailable, "etcdserver: server stopped"))
        }
    };
    reply.end(sent.err().unwrap_or_else(|| Status::new(Code::Ok, "")));
}

async fn send<B: Backend>(shared: &Shared<B>, who: &Who, reply: &mut Reply) -> Result<(), Status> {
    shared.may(who, Need::Root.into()).await?;
    let failed = |error: Error| Status::new(Code::Unavailable, format!("quorate: {error}"));
    let (keyspace, directory) = (Asked { shared, who }, shared.backend.scratch());
    let taken = snapshot::take(&keyspace, &directory, &mut |_| {}).await;
    let mut download = taken.map_err(failed)?;
    let mut left = download.length().saturating_sub(DIGEST);
    while let Some(blob) = download.piece().map_err(failed)? {
        left = left.saturating_sub(blob.len() as u64);
        let header = Some(shared.facts().header(download.revision()));
        let piece = SnapshotResponse { header, remaining_bytes: left, blob };
        // A client that has gone wants no status either.
        if reply.send(frame(&piece)).await.is_err() {
            break;
        }
        ambient::yield_now().await;
    }
    Ok(())
}
