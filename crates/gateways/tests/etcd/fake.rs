//! A shard without consensus behind a gateway.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use client::document::Chaos;
use contract::{Consistency, Contract, Durability, Program, Receipt, Session};
use database::{
    Answer, Code, Failure, Request,
    api::{
        Action, Call, Cluster, Control, Done, Keyspace, Member, NodeStatus, ReplicaStatus, Role,
        Trace,
    },
};
use gateways::{
    Backend, Measures, Meter,
    etcd::{Figures, Limits, serve},
};
use kernel::{
    Duration, Incarnation, KeyspaceId, NodeId, ShardId, Version, clock::hybrid::Timestamp,
    process::Sink,
};
use layers::coordination::{Stretch, Told};
use store::{
    engine::{Engine, MemEngine},
    mvcc::{Pending, Reader, Space},
};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

const SPACE: Space = Space { shard: ShardId(1), generation: 0 };

/// What ended, as `api operation outcome`.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Vec<String>>>);

impl Book {
    pub fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until so much has ended.
    pub async fn wait(&self, count: usize) -> Vec<String> {
        for _ in 0..500 {
            if self.read().len() >= count {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.read()
    }
}

impl Measures for Book {
    fn meter(&self, api: &'static str, operation: &str, outcome: vigil::Outcome) -> Meter {
        let (all, line) = (self.clone(), format!("{api} {operation} {}", outcome.name()));
        Box::new(move |_| all.0.lock().unwrap().push(line.clone()))
    }
}

/// A node of a cluster of three.
#[derive(Clone, Default)]
pub struct Fake {
    /// What its gateways measured.
    pub book: Book,
    /// Under which traces it was asked.
    pub traces: Arc<Mutex<Vec<Trace>>>,
    shard: Arc<Mutex<Shard>>,
    changes: watch::Sender<u64>,
    /// Whether it tells what changes.
    tells: Arc<AtomicBool>,
    /// Whether nobody leads.
    pub leaderless: Arc<AtomicBool>,
    /// Whether it is cut off: it says what it knows, for those whom that suffices.
    pub cut_off: Arc<AtomicBool>,
    /// What is answered instead, if something is.
    pub fails: Arc<Mutex<Option<Failure>>>,
}

struct Shard {
    engine: MemEngine,
    index: u64,
    contract: Option<Contract>,
    told: Told,
}

impl Default for Shard {
    fn default() -> Shard {
        Shard { engine: MemEngine::new(), index: 0, contract: None, told: Told::default() }
    }
}

impl Fake {
    /// The contract of the keyspace, once it was made.
    pub fn contract(&self) -> Option<Contract> {
        self.shard.lock().unwrap().contract
    }

    /// Another node of the same shard, in another part of the network.
    pub fn elsewhere(&self) -> Fake {
        Fake { cut_off: Arc::default(), ..self.clone() }
    }

    fn call(&self, call: &Call) -> Answer {
        self.traces.lock().unwrap().push(call.trace);
        if let Some(failure) = self.fails.lock().unwrap().clone() {
            return Answer::Failed(failure);
        }
        if self.cut_off.load(Ordering::Relaxed) && call.consistency != Some(Consistency::EVENTUAL) {
            return Answer::Failed(Failure::new(Code::Unavailable, "nobody leads"));
        }
        let mut shard = self.shard.lock().unwrap();
        if shard.contract.is_none() || call.keyspace != "etcd" {
            return Answer::Failed(Failure::new(Code::KeyspaceNotFound, "no such keyspace"));
        }
        let (Action::Mutate { program, .. }
        | Action::Query { program, .. }
        | Action::Past { program, .. }) = &call.action;
        if *program != Program::Coordination {
            return Answer::Failed(Failure::new(Code::ProgramMismatch, "for coordination"));
        }
        let body = match &call.action {
            Action::Mutate { program, command } => {
                let body = shard.apply(*program, command);
                self.changes.send_replace(shard.index);
                body
            }
            Action::Query { program, query } => {
                layers::query(*program, query, &Reader::latest(&shard.engine, SPACE))
                    .unwrap()
                    .unwrap()
            }
            Action::Past { .. } => unreachable!("etcd reads its past by revision"),
        };
        Answer::Done(done(body))
    }

    fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Call(call) => self.call(&call),
            Request::Cluster => {
                let mut cluster = cluster();
                if self.leaderless.load(Ordering::Relaxed) {
                    cluster.shards[0].leader = NodeId::NONE;
                }
                Answer::Cluster(cluster)
            }
            Request::Keyspaces => {
                let keyspace = |contract| Keyspace {
                    id: KeyspaceId(1),
                    name: "etcd".into(),
                    contract,
                    shards: vec![ShardId(1)],
                };
                Answer::Keyspaces(self.contract().map(keyspace).into_iter().collect())
            }
            Request::Control { control: Control::CreateKeyspace { contract, .. }, .. } => {
                self.shard.lock().unwrap().contract = Some(contract);
                Answer::Control { keyspace: None, changed: true }
            }
            other => panic!("not asked by the gateway: {other:?}"),
        }
    }
}

impl Shard {
    fn apply(&mut self, program: Program, command: &Bytes) -> Bytes {
        self.index += 1;
        let timestamp = Timestamp::new(1_000 + self.index, 0);
        let version = Version { index: self.index, timestamp, ..Version::default() };
        let mut pending = Pending::new(&self.engine, SPACE, false, 0);
        let view = &mut pending.view(version);
        let reply = layers::apply(program, command, view, Some(&mut self.told)).unwrap();
        let batch = pending.into_batch();
        self.engine.write(batch).unwrap();
        reply
    }
}

impl Backend for Fake {
    async fn ask(&self, request: Request) -> Answer {
        self.answer(request)
    }

    fn post(&self, requests: Vec<(u64, Request)>, answers: Arc<dyn Sink<Answer>>) {
        for (tag, request) in requests {
            answers.tell(tag, self.answer(request));
        }
    }

    fn trace(&self) -> Trace {
        Trace { trace_id: 0xf << 64 | 0xa1, span_id: 0, sampled: true }
    }

    fn measures(&self) -> Option<Arc<dyn Measures>> {
        Some(Arc::new(self.book.clone()))
    }

    fn changes(&self, _: &str) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn watched(&self, _: &str, watched: bool) {
        self.tells.store(watched, Ordering::Relaxed);
    }

    fn told(&self, _: &str) -> (u64, Option<Stretch>) {
        let mut shard = self.shard.lock().unwrap();
        (shard.index, shard.told.take().filter(|_| self.tells.load(Ordering::Relaxed)))
    }

    fn disk_bytes(&self) -> u64 {
        7_000
    }

    fn scratch(&self) -> std::path::PathBuf {
        std::env::temp_dir()
    }

    fn metrics(&self) -> String {
        "fake 1\n".into()
    }

    fn http_of(&self, _: NodeId) -> Option<Arc<str>> {
        None
    }

    async fn observe(&self, question: vigil::Question) -> Option<Vec<u8>> {
        match question {
            vigil::Question::Objectives { .. } => Some(b"{}".to_vec()),
            _ => None,
        }
    }

    fn events(&self) -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }

    fn chaos_on(&self) -> bool {
        false
    }

    async fn chaos(&self, _: Chaos) -> Result<(), String> {
        Err("never".into())
    }
}

fn done(body: Bytes) -> Done {
    Done {
        body,
        receipt: Receipt {
            consistency: Consistency::LINEARIZABLE,
            version: Version::default(),
            staleness_ms: Some(0),
            replica: NodeId(1),
            acks: 2,
            durability: Durability::Disk,
            incarnation: Incarnation(1),
        },
        shard: ShardId(1),
        request_id: None,
        repeated: false,
        session: Session::new(Incarnation(1)),
        leader: NodeId(1),
    }
}

fn cluster() -> Cluster {
    let node = |id: u64| NodeStatus {
        member: Member {
            node: NodeId(id),
            peer: format!("h{id}:7170"),
            etcd: format!("h{id}:2379"),
            ..Member::default()
        },
        pid: 0,
        silent_ms: Some(0),
        disk_full: false,
        pace: None,
    };
    Cluster {
        cluster: kernel::ClusterId(9),
        incarnation: Incarnation(1),
        node: NodeId(1),
        nodes: vec![node(1), node(2), node(3)],
        shards: vec![database::api::ShardStatus {
            shard: ShardId(1),
            leaving: Vec::new(),
            keyspace: "etcd".into(),
            leader: NodeId(1),
            term: 4,
            commit_index: 12,
            bytes: 70,
            quota_bytes: 0,
            replicas: vec![ReplicaStatus {
                node: NodeId(1),
                role: Role::Leader,
                applied_index: 12,
                lag_ms: None,
                log: None,
                fetching: false,
            }],
        }],
    }
}

/// A gateway that serves until it is dropped.
pub struct Served {
    pub address: SocketAddr,
    pub fake: Fake,
    pub figures: Figures,
    pub stop: oneshot::Sender<()>,
    pub ended: JoinHandle<()>,
}

pub async fn start() -> Served {
    start_with(Limits { drain: Duration::from_millis(200), ..Limits::default() }).await
}

pub async fn start_with(limits: Limits) -> Served {
    join(Fake::default(), limits).await
}

/// One more gateway in front of the same shard.
pub async fn join(fake: Fake, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let figures = Figures::default();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = serve(listener, fake.clone(), "etcd", limits, figures.clone(), async {
        let _ = stopped.await;
    });
    Served { address, fake, figures, stop, ended: tokio::spawn(serving) }
}
