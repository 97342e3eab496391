//! A database in a mutex: enough to see every answer through a socket.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use client::document::Chaos;
use contract::{Consistency, Durability, Program, Receipt, Session};
use database::{
    Answer, Code, Failure, Request,
    api::{Action, Call, Cluster, Done, ShardStatus, Trace},
};
use gateways::{
    Backend, Measures, Pages,
    http::{Limits, serve},
};
use kernel::{Incarnation, NodeId, ShardId, Version, clock::hybrid::Timestamp, process::Sink};
use layers::kv::{Act, Ask, Command, Condition, Item, Outcome, Query, QueryReply, Reply, Status};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};

use crate::etcd::Book;

#[derive(Clone, Default)]
pub struct Fake {
    pub keys: Arc<Mutex<BTreeMap<Bytes, (Bytes, u64)>>>,
    pub chaos: bool,
    /// What its gateway measured.
    pub book: Book,
    /// How often something changed.
    pub changes: watch::Sender<u64>,
    /// Where its clients connect, if it matters.
    pub http: Arc<OnceLock<Arc<str>>>,
    /// Who shows what is no route of the API.
    pub pages: Option<Arc<dyn Pages>>,
}

impl Backend for Fake {
    async fn ask(&self, request: Request) -> Answer {
        match request {
            Request::Call(call) => self.call(call),
            Request::Cluster => Answer::Cluster(cluster()),
            Request::Keyspaces => Answer::Keyspaces(vec![]),
            _ => Answer::Failed(Failure::new(Code::Unavailable, "not here").led_by(NodeId(2))),
        }
    }

    fn trace(&self) -> Trace {
        Trace { trace_id: 0xf << 64 | 0xa1, span_id: 0, sampled: true }
    }

    fn post(&self, requests: Vec<(u64, Request)>, answers: Arc<dyn Sink<Answer>>) {
        let fake = self.clone();
        tokio::spawn(async move {
            // The last first: a pipe answers in any order.
            for (tag, request) in requests.into_iter().rev() {
                answers.tell(tag, fake.ask(request).await);
            }
        });
    }

    fn measures(&self) -> Option<Arc<dyn Measures>> {
        Some(Arc::new(self.book.clone()))
    }

    fn changes(&self, _: &str) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn scratch(&self) -> std::path::PathBuf {
        std::env::temp_dir()
    }

    fn metrics(&self) -> String {
        "fake 1\n".into()
    }

    fn http_of(&self, node: NodeId) -> Option<Arc<str>> {
        let own = self.http.get().cloned();
        Some(own.unwrap_or_else(|| format!("127.0.0.1:{}", 7069 + node.0).into()))
    }

    async fn observe(&self, question: vigil::Question) -> Option<Vec<u8>> {
        match question {
            vigil::Question::Objectives { .. } => Some(b"{}".to_vec()),
            vigil::Question::Events(filter) => {
                let event = vigil::Event { id: 7, ..Default::default() };
                let events = if filter.after < 7 { vec![event] } else { vec![] };
                let events = vigil::Events { node: "n1".into(), start: 1, events, next: 7 };
                Some(serde_json::to_vec(&events).unwrap())
            }
            _ => None,
        }
    }

    fn events(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn chaos_on(&self) -> bool {
        self.chaos
    }

    async fn chaos(&self, fault: Chaos) -> Result<(), String> {
        match fault {
            Chaos::Heal => Ok(()),
            _ => Err("only healing".into()),
        }
    }

    fn pages(&self) -> Option<Arc<dyn Pages>> {
        self.pages.clone()
    }
}

impl Fake {
    fn call(&self, call: Call) -> Answer {
        if call.keyspace != "default" {
            return Answer::Failed(Failure::new(Code::KeyspaceNotFound, "no such keyspace"));
        }
        let body = match &call.action {
            Action::Mutate { program: Program::Kv, command } => {
                self.write(Command::read(command).unwrap()).encode_to_vec()
            }
            Action::Query { program: Program::Kv, query } => {
                self.read(Query::read(query).unwrap()).encode_to_vec()
            }
            _ => return Answer::Failed(Failure::new(Code::ProgramMismatch, "a kv keyspace")),
        };
        Answer::Done(done(body.into(), call))
    }

    fn write(&self, command: Command) -> Reply {
        let mut keys = self.keys.lock().unwrap();
        let mut reply = Reply { version: packed(7), ..Reply::default() };
        for operation in command.operations {
            if let Some(Act::Put(put)) = &operation.act
                && put.condition == Some(Condition::absent())
                && keys.contains_key(&put.key)
            {
                let outcome = Outcome { existed: true, previous: packed(7) };
                let status = Status::Conflict.into();
                return Reply { status, outcomes: vec![outcome], ..Reply::default() };
            }
            let before = match operation.act.unwrap() {
                Act::Put(put) => keys.insert(put.key, (put.value, 7)),
                Act::Delete(delete) => keys.remove(&delete.key),
            };
            reply.outcomes.push(Outcome { existed: before.is_some(), previous: Bytes::new() });
        }
        reply
    }

    fn read(&self, query: Query) -> QueryReply {
        let keys = self.keys.lock().unwrap();
        let item = |(key, (value, index)): (&Bytes, &(Bytes, u64))| Item {
            key: key.clone(),
            value: value.clone(),
            version: packed(*index),
            deadline: 0,
            until: Bytes::new(),
        };
        match query.ask.unwrap() {
            Ask::Get(get) => {
                let items = keys.get_key_value(&get.key).map(item).into_iter().collect();
                QueryReply { items, more: false }
            }
            Ask::Scan(_) | Ask::History(_) => {
                QueryReply { items: keys.iter().map(item).collect(), more: false }
            }
        }
    }
}

fn packed(index: u64) -> Bytes {
    Bytes::copy_from_slice(&version(index).to_bytes())
}

fn version(index: u64) -> Version {
    Version { incarnation: Incarnation(1), timestamp: Timestamp(255), index }
}

fn done(body: Bytes, call: Call) -> Done {
    Done {
        body,
        receipt: Receipt {
            consistency: Consistency::LINEARIZABLE,
            version: version(7),
            staleness_ms: Some(0),
            replica: NodeId(1),
            acks: 2,
            durability: Durability::Disk,
            incarnation: Incarnation(1),
        },
        shard: ShardId(2),
        request_id: call.request_id,
        repeated: false,
        session: Session::new(Incarnation(1)),
        leader: NodeId(1),
    }
}

fn cluster() -> Cluster {
    Cluster {
        cluster: Default::default(),
        incarnation: Incarnation(1),
        node: NodeId(1),
        nodes: vec![],
        shards: vec![ShardStatus {
            shard: ShardId(1),
            leaving: Vec::new(),
            keyspace: "_catalog".into(),
            leader: NodeId(1),
            term: 1,
            commit_index: 1,
            bytes: 70,
            quota_bytes: 0,
            replicas: vec![],
        }],
    }
}

/// A gateway that serves until it is dropped.
pub struct Served {
    pub address: std::net::SocketAddr,
    pub stop: oneshot::Sender<()>,
    pub ended: tokio::task::JoinHandle<()>,
}

pub async fn start(fake: Fake, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(serve(listener, fake, limits, async {
        let _ = stopped.await;
    }));
    Served { address, stop, ended }
}

/// Sends bytes on a connection of their own and reads until the other side closes.
pub async fn exchange(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
