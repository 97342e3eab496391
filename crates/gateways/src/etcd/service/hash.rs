//! A hash of all keys as of a revision: the same on every node, whatever it has compacted since.

use contract::Consistency;
use layers::coordination::{Answer, Ask, Error, Need, RangeRequest, StatusRequest};
use prost::Message;

use crate::{
    Backend,
    etcd::{
        auth::Who,
        grpc::Status,
        serve::{Shared, unexpected},
        wire::HashKvResponse,
    },
};

/// Keys of one page, at first; fewer if they are long.
const PAGE: i64 = 1_000;

/// Hashes what this node has: keys, values and revisions in the order of the keys; as of now if
/// the revision is 0.
///
/// # Errors
/// If somebody asks who may not, or if the revision is compacted, still to come, or cannot be read.
pub async fn hash<B: Backend>(
    shared: &Shared<B>,
    revision: i64,
    who: &Who,
) -> Result<HashKvResponse, Status> {
    shared.may(who, Need::Root.into()).await?;
    let timeout = shared.limits.timeout_max;
    let level = Consistency::EVENTUAL;
    let ask = Ask::Status(StatusRequest {});
    let Answer::Status(status) = shared.query(ask, level, who, timeout).await? else {
        return Err(unexpected());
    };
    let current = status.header.map_or(0, |header| header.revision);
    let mut range = RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        limit: PAGE,
        revision: if revision > 0 { revision } else { current },
        ..RangeRequest::default()
    };
    // Of no keys the hash is not 0: to clients that means that there is none. etcd begins so, too.
    let mut hash = kernel::wire::crc32c(b"key");
    loop {
        let page = match shared.query(Ask::Range(range.clone()), level, who, timeout).await {
            Ok(Answer::Range(page)) => page,
            Ok(_) => return Err(unexpected()),
            Err(status) if status.text == Error::AnswerTooLarge.text() && range.limit > 1 => {
                range.limit /= 2;
                continue;
            }
            Err(status) => return Err(status),
        };
        for kv in &page.kvs {
            let chained = [&u32::to_le_bytes(hash)[..], &kv.encode_to_vec()].concat();
            hash = kernel::wire::crc32c(&chained);
        }
        match page.kvs.last() {
            Some(last) if page.more => range.key = [&last.key[..], &[0]].concat().into(),
            _ => break,
        }
    }
    Ok(HashKvResponse {
        header: Some(shared.facts().header(current)),
        hash,
        compact_revision: status.compact_revision,
    })
}
