//! What one client does, over and over.

use layers::coordination::{
    Compare, CompareResult, CompareTarget, LeaseGrantRequest, LeaseGrantResponse, LockRequest,
    LockResponse, PutRequest, PutResponse, RangeRequest, RangeResponse, Request, RequestOp,
    Response, TargetUnion, TxnRequest, TxnResponse, UnlockRequest, UnlockResponse,
};
use prost::Message;

use crate::grpc::{Connection, Stream};

/// Where puts go.
pub const PUT: &str = "/etcdserverpb.KV/Put";

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// Puts, and linearizable ranges of one key where the plan has reads.
    Kv,
    /// The same, with serializable ranges.
    Serializable,
    /// Transactions that set a key if nobody has since.
    Cas,
    /// Grants of leases.
    Lease,
    /// Keep-alives, each on a stream that stays open.
    KeepAlive,
    /// Locks and unlocks, a pair at a time.
    Lock,
}

/// `etcdserverpb.LeaseKeepAliveRequest`
#[derive(Clone, Copy, PartialEq, Message)]
pub struct KeepAlive {
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// `etcdserverpb.LeaseKeepAliveResponse`
#[derive(Clone, Copy, PartialEq, Message)]
pub struct KeptAlive {
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// One client.
pub struct Client {
    connection: Connection,
    work: Work,
    number: usize,
    revision: i64,
    lease: i64,
    stream: Option<Stream>,
}

/// How long leases live, in seconds: longer than any run.
const TTL: i64 = 600;

impl Client {
    /// A client on a connection.
    pub fn new(connection: Connection, work: Work, number: usize) -> Client {
        Client { connection, work, number, revision: 0, lease: 0, stream: None }
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let request = PutRequest {
            key: key.to_owned().into(),
            value: value.to_vec().into(),
            ..PutRequest::default()
        };
        self.connection.unary::<PutResponse>(PUT, &request).await.map(drop)
    }

    /// Sets this client's own key if it still has the revision that this client gave it.
    async fn cas(&mut self, value: &[u8]) -> Result<(), String> {
        let key: bytes::Bytes = format!("cas{:06}", self.number).into();
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(self.revision)),
            ..Compare::default()
        };
        let get = RangeRequest { key: key.clone(), ..RangeRequest::default() };
        let put = PutRequest { key, value: value.to_vec().into(), ..PutRequest::default() };
        let request = TxnRequest {
            compare: vec![compare],
            success: vec![RequestOp { request: Some(Request::RequestPut(put)) }],
            failure: vec![RequestOp { request: Some(Request::RequestRange(get)) }],
        };
        let path = "/etcdserverpb.KV/Txn";
        let answer: TxnResponse = self.connection.unary(path, &request).await?;
        if answer.succeeded {
            self.revision = answer.header.map_or(0, |header| header.revision);
            return Ok(());
        }
        // Left by an earlier run: the next attempt knows.
        let found = answer.responses.into_iter().find_map(|op| op.response);
        if let Some(Response::ResponseRange(range)) = found {
            self.revision = range.kvs.first().map_or(0, |kv| kv.mod_revision);
        }
        Err("the key had another revision".into())
    }

    async fn grant(&self) -> Result<i64, String> {
        let request = LeaseGrantRequest { ttl: TTL, id: 0 };
        let path = "/etcdserverpb.Lease/LeaseGrant";
        Ok(self.connection.unary::<LeaseGrantResponse>(path, &request).await?.id)
    }

    async fn own_lease(&mut self) -> Result<i64, String> {
        if self.lease == 0 {
            self.lease = self.grant().await?;
        }
        Ok(self.lease)
    }

    async fn keep_alive(&mut self) -> Result<(), String> {
        let id = self.own_lease().await?;
        if self.stream.is_none() {
            let path = "/etcdserverpb.Lease/LeaseKeepAlive";
            self.stream = Some(self.connection.stream(path)?);
        }
        let Some(stream) = &mut self.stream else { return Err("no stream".into()) };
        stream.say(&KeepAlive { id })?;
        match stream.next::<KeptAlive>().await? {
            Some(kept) if kept.ttl > 0 => Ok(()),
            other => Err(format!("not kept alive: {other:?}")),
        }
    }

    async fn lock(&mut self, name: &str) -> Result<(), String> {
        let lease = self.own_lease().await?;
        let request = LockRequest { name: name.to_owned().into(), lease };
        let path = "/v3lockpb.Lock/Lock";
        let held: LockResponse = self.connection.unary(path, &request).await?;
        let request = UnlockRequest { key: held.key };
        let path = "/v3lockpb.Lock/Unlock";
        self.connection.unary::<UnlockResponse>(path, &request).await.map(drop)
    }
}

impl load::Target for Client {
    async fn write(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        match self.work {
            Work::Kv | Work::Serializable => self.put(key, value).await,
            Work::Cas => self.cas(value).await,
            Work::Lease => self.grant().await.map(drop),
            Work::KeepAlive => self.keep_alive().await,
            Work::Lock => self.lock(key).await,
        }
    }

    async fn read(&mut self, key: &str) -> Result<(), String> {
        let request = RangeRequest {
            key: key.to_owned().into(),
            serializable: self.work == Work::Serializable,
            ..RangeRequest::default()
        };
        let path = "/etcdserverpb.KV/Range";
        self.connection.unary::<RangeResponse>(path, &request).await.map(drop)
    }
}
