//! Downloads of a keyspace as a snapshot file of etcd.

use contract::Consistency;
use layers::coordination::{Answer, Ask, Need};

use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        grpc::{Code, Status, frame},
        serve::{Ended, Reply, Shared},
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
///
/// # Errors
/// If the caller may not, if too many are being made, or if it fails.
pub async fn download<B: Backend>(
    shared: &Shared<B>,
    who: Who,
    reply: &mut Reply,
) -> Result<(), Ended> {
    let Ok(_one) = shared.snapshots.try_acquire() else {
        let text = "quorate: other snapshots are being taken: try again later";
        return Err(Status::new(Code::ResourceExhausted, text).into());
    };
    shared.may(&who, Need::Root.into()).await?;
    let failed = |error: Error| Status::new(Code::Unavailable, format!("quorate: {error}"));
    let (keyspace, directory) = (Asked { shared, who: &who }, shared.backend.scratch());
    let taken = snapshot::take(&keyspace, &directory, &mut |_| {}).await;
    let mut download = taken.map_err(failed)?;
    let mut left = download.length().saturating_sub(DIGEST);
    while let Some(blob) = download.piece().map_err(failed)? {
        left = left.saturating_sub(blob.len() as u64);
        let header = Some(shared.facts().header(download.revision()));
        let piece = SnapshotResponse { header, remaining_bytes: left, blob };
        reply.send(frame(&piece)).await?;
        ambient::yield_now().await;
    }
    Ok(())
}
