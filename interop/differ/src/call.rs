//! Requests that are answered at once.

use kernel::Rng;
use layers::coordination::*;
use tonic::Status;

use crate::{
    draw,
    message::LeaseKeepAliveRequest,
    normal::{Answer, answer},
    wire::Server,
};

const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
const REVOKE: &str = "/etcdserverpb.Lease/LeaseRevoke";

/// A request.
#[derive(Clone, Debug)]
pub enum Call {
    Range(RangeRequest),
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
    Txn(TxnRequest),
    Compaction(CompactionRequest),
    /// A lease with an id of ours and a long time.
    Grant(LeaseGrantRequest),
    /// A lease with any time, which is revoked again.
    GrantAndRevoke(LeaseGrantRequest),
    Revoke(LeaseRevokeRequest),
    TimeToLive(LeaseTimeToLiveRequest),
    Leases(LeaseLeasesRequest),
    KeepAlive(LeaseKeepAliveRequest),
    Unlock(UnlockRequest),
    Proclaim(ProclaimRequest),
    Resign(ResignRequest),
    Leader(LeaderRequest),
}

/// How the kinds are called, in the order of [`Call::kind`].
pub const KINDS: [&str; 15] = [
    "range",
    "put",
    "delete",
    "txn",
    "compaction",
    "grant",
    "grant and revoke",
    "revoke",
    "time to live",
    "leases",
    "keep-alive",
    "unlock",
    "proclaim",
    "resign",
    "leader",
];

/// The longest time that a request gives a lease: nothing may run out while we compare.
const LONG: i64 = 100_000;

impl Call {
    /// Any request, near the newest revision; candidacies are often those that there are.
    pub fn draw(rng: &mut Rng, newest: i64, candidates: &[LeaderKey]) -> Call {
        let leader = |rng: &mut Rng| match rng.pick(candidates) {
            Some(known) if rng.below(3) > 0 => Some(known.clone()),
            _ => draw::candidacy(rng, newest),
        };
        match rng.below(100) {
            0..22 => Call::Range(range(rng, newest)),
            22..44 => Call::Put(draw::put(rng)),
            44..52 => Call::DeleteRange(draw::delete_range(rng)),
            52..74 => Call::Txn(survivable(draw::txn(rng, newest, 2, true))),
            74 if rng.below(4) == 0 => {
                let revision = draw::revision(rng, newest) - 5 * rng.below(2) as i64;
                Call::Compaction(CompactionRequest { revision, physical: rng.below(4) == 0 })
            }
            74..78 => Call::Grant(LeaseGrantRequest { ttl: LONG, id: draw::lease(rng) }),
            78..80 => {
                let ttl = [-1, 0, 1, 2, 100, 9_000_000_000, 9_000_000_001][rng.below(7) as usize];
                // Of leases that others know nothing can be compared, were they revoked.
                let id = if rng.below(2) == 0 { 0 } else { 1 << 40 };
                Call::GrantAndRevoke(LeaseGrantRequest { ttl, id })
            }
            80 => Call::Revoke(LeaseRevokeRequest { id: draw::lease(rng) }),
            81..84 => {
                let (id, keys) = (draw::lease(rng), rng.below(2) == 0);
                Call::TimeToLive(LeaseTimeToLiveRequest { id, keys })
            }
            84 => Call::Leases(LeaseLeasesRequest {}),
            85..88 => Call::KeepAlive(LeaseKeepAliveRequest { id: draw::lease(rng) }),
            88..90 => {
                let key = match rng.below(3) {
                    0 => draw::key(rng),
                    _ => leader(rng).map_or_else(Default::default, |leader| leader.key),
                };
                Call::Unlock(UnlockRequest { key })
            }
            90..93 => {
                let value = draw::put(rng).value;
                // etcd takes revision 0 for a candidacy that is to be made.
                let made = leader(rng).filter(|leader| leader.rev > 0);
                Call::Proclaim(ProclaimRequest { leader: made, value })
            }
            93..95 => Call::Resign(ResignRequest { leader: leader(rng) }),
            _ => Call::Leader(LeaderRequest { name: draw::name(rng) }),
        }
    }

    /// Which kind it is of.
    pub fn kind(&self) -> usize {
        match self {
            Call::Range(_) => 0,
            Call::Put(_) => 1,
            Call::DeleteRange(_) => 2,
            Call::Txn(_) => 3,
            Call::Compaction(_) => 4,
            Call::Grant(_) => 5,
            Call::GrantAndRevoke(_) => 6,
            Call::Revoke(_) => 7,
            Call::TimeToLive(_) => 8,
            Call::Leases(_) => 9,
            Call::KeepAlive(_) => 10,
            Call::Unlock(_) => 11,
            Call::Proclaim(_) => 12,
            Call::Resign(_) => 13,
            Call::Leader(_) => 14,
        }
    }

    /// Asks a server.
    pub async fn ask(&self, server: &mut Server) -> Answer {
        match self {
            Call::Range(m) => {
                answer::<RangeResponse>(server.ask("/etcdserverpb.KV/Range", m).await)
            }
            Call::Put(m) => answer::<PutResponse>(server.ask("/etcdserverpb.KV/Put", m).await),
            Call::DeleteRange(m) => {
                answer::<DeleteRangeResponse>(server.ask("/etcdserverpb.KV/DeleteRange", m).await)
            }
            Call::Txn(m) => answer::<TxnResponse>(server.ask("/etcdserverpb.KV/Txn", m).await),
            Call::Compaction(m) => {
                answer::<CompactionResponse>(server.ask("/etcdserverpb.KV/Compact", m).await)
            }
            Call::Grant(m) => answer::<LeaseGrantResponse>(server.ask(GRANT, m).await),
            Call::GrantAndRevoke(m) => grant_and_revoke(server, m).await,
            Call::Revoke(m) => answer::<LeaseRevokeResponse>(server.ask(REVOKE, m).await),
            Call::TimeToLive(m) => answer::<LeaseTimeToLiveResponse>(
                server.ask("/etcdserverpb.Lease/LeaseTimeToLive", m).await,
            ),
            Call::Leases(m) => answer::<LeaseLeasesResponse>(
                server.ask("/etcdserverpb.Lease/LeaseLeases", m).await,
            ),
            Call::KeepAlive(m) => keep_alive(server, m).await,
            Call::Unlock(m) => {
                answer::<UnlockResponse>(server.ask("/v3lockpb.Lock/Unlock", m).await)
            }
            Call::Proclaim(m) => {
                answer::<ProclaimResponse>(server.ask("/v3electionpb.Election/Proclaim", m).await)
            }
            Call::Resign(m) => {
                answer::<ResignResponse>(server.ask("/v3electionpb.Election/Resign", m).await)
            }
            Call::Leader(m) => {
                answer::<LeaderResponse>(server.ask("/v3electionpb.Election/Leader", m).await)
            }
        }
    }
}

/// Where keys sort alike, etcd's limit takes any of them.
fn range(rng: &mut Rng, newest: i64) -> RangeRequest {
    let range = draw::range(rng, newest);
    let limit = if range.sort_target == SortTarget::Key as i32 { range.limit } else { 0 };
    RangeRequest { limit, ..range }
}

/// etcd ends its process where a transaction keeps the value or the lease of a key that it removed
/// itself; and what a range with a limit finds is accidental there, where keys sort alike.
fn survivable(txn: TxnRequest) -> TxnRequest {
    let text = format!("{txn:?}");
    let keeps = text.contains("ignore_value: true") || text.contains("ignore_lease: true");
    let accidental = text.split("RangeRequest {").skip(1).any(|range| {
        let all = range.contains("limit: 0,") || range.contains("limit: -1,");
        !all && !range.contains("sort_target: Key")
    });
    let deadly = keeps && text.contains("RequestDeleteRange");
    if deadly || accidental { TxnRequest::default() } else { txn }
}

async fn grant_and_revoke(server: &mut Server, grant: &LeaseGrantRequest) -> Answer {
    use prost::Message;
    let found = server.ask(GRANT, grant).await;
    let Some(made) = found.as_ref().ok().and_then(|m| LeaseGrantResponse::decode(m.clone()).ok())
    else {
        return answer::<LeaseGrantResponse>(found);
    };
    let revoke = LeaseRevokeRequest { id: made.id };
    let mut granted = answer::<LeaseGrantResponse>(found);
    if grant.id == 0 {
        granted.text = granted.text.replace(&format!("id: {}", made.id), "id: chosen");
    }
    let revoked = answer::<LeaseRevokeResponse>(server.ask(REVOKE, &revoke).await);
    Answer { text: granted.text + &revoked.text, ..revoked }
}

async fn keep_alive(server: &mut Server, request: &LeaseKeepAliveRequest) -> Answer {
    use prost::Message;
    let first = request.encode_to_vec().into();
    let found = async {
        let (_requests, mut answers) =
            server.talk("/etcdserverpb.Lease/LeaseKeepAlive", first).await?;
        let found = tokio::time::timeout(crate::wire::PATIENCE, answers.message()).await;
        let found = found.map_err(|_| Status::deadline_exceeded("no keep-alive"))??;
        found.ok_or_else(|| Status::data_loss("the stream ended"))
    };
    answer::<LeaseKeepAlive>(found.await)
}
