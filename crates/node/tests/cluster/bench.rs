//! A small cluster in this process, with one keyspace.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use contract::{Contract, Program};
use database::{
    Answer, Code, Request,
    api::{Action, Call, Control, Done, Fate, Role, ShardStatus, Trace},
};
use kernel::{NodeId, RequestId};
use layers::kv::{Command, Get, Put, Query, QueryReply};
use node::{Config, Handle, Node, RunningNode, StartError};
use prost::Message;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);

pub struct Bench {
    dir: tempfile::TempDir,
    addresses: Vec<SocketAddr>,
    wiped: Vec<bool>,
    /// More of the configuration.
    more: String,
    running: BTreeMap<usize, RunningNode>,
}

/// Waits for a condition.
pub async fn until(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(patience, wait).await.is_ok(), "not in time: {what}");
}

fn id(text: &str) -> RequestId {
    RequestId::new(text.as_bytes()).unwrap()
}

impl Bench {
    pub async fn start(nodes: usize) -> Bench {
        Bench::start_with(nodes, "").await
    }

    /// Starts nodes with more in their configuration.
    pub async fn start_with(nodes: usize, more: &str) -> Bench {
        let mut listeners = Vec::new();
        for _ in 0..nodes {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let addresses = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        let dir = tempfile::tempdir().unwrap();
        let wiped = vec![false; nodes];
        let mut bench =
            Bench { dir, addresses, wiped, more: more.to_owned(), running: BTreeMap::new() };
        for (i, listener) in listeners.into_iter().enumerate() {
            let node = Node::start_on(bench.config(i), listener).await.unwrap();
            bench.running.insert(i, node);
        }
        bench
    }

    fn data(&self, i: usize) -> PathBuf {
        self.dir.path().join(format!("n{}", i + 1))
    }

    fn config(&self, i: usize) -> Config {
        let boot = if self.wiped[i] { "join" } else { "bootstrap" };
        let mut text = format!(
            "node = {}\ncluster = \"{:032x}\"\ndata = {:?}\nboot = \"{boot}\"\nchaos = true\n\
             peer = \"{}\"\n",
            i + 1,
            7,
            self.data(i),
            self.addresses[i],
        );
        for (i, address) in self.addresses.iter().enumerate() {
            let member = format!(
                "[[members]]\nnode = {}\npeer = \"{address}\"\nhttp = \"127.0.0.1:{}\"\n",
                i + 1,
                7070 + i
            );
            text.push_str(&member);
        }
        text.push_str(&self.more);
        text.push_str("[limits]\njournal-segment = \"16MiB\"\njournal = \"64MiB\"\n");
        text.push_str("cache = \"8MiB\"\ndisk-reserve = \"0B\"\n");
        Config::parse(&text).unwrap()
    }

    pub fn handle(&self, i: usize) -> Handle {
        self.running[&i].handle()
    }

    pub async fn kill(&mut self, i: usize) {
        self.running.remove(&i).unwrap().kill().await;
    }

    pub async fn stop(&mut self, i: usize) {
        self.running.remove(&i).unwrap().shutdown(Duration::from_secs(10)).await;
    }

    pub fn wipe(&mut self, i: usize) {
        std::fs::remove_dir_all(self.data(i)).unwrap();
        self.wiped[i] = true;
    }

    /// Turns a bit in the middle of every table of a node's engine; how many there were.
    pub fn rot(&self, i: usize) -> usize {
        let tables = std::fs::read_dir(self.data(i).join("engine/keyspaces/1/tables")).unwrap();
        let rot = |path: PathBuf| {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).unwrap();
        };
        tables.map(|table| rot(table.unwrap().path())).count()
    }

    /// Whether a node has set an engine aside.
    pub fn has_quarantine(&self, i: usize) -> bool {
        self.data(i).join("quarantine/1/engine").exists()
    }

    /// Starts a node as a supervisor does: whatever ends it, it is started again.
    pub async fn supervise(&mut self, i: usize) {
        for _ in 0..3 {
            match self.try_start(i).await {
                Ok(()) => return,
                Err(error) => eprintln!("n{} does not start: {error}", i + 1),
            }
        }
        panic!("it does not start");
    }

    pub async fn restart(&mut self, i: usize) {
        self.try_start(i).await.unwrap();
    }

    async fn try_start(&mut self, i: usize) -> Result<(), StartError> {
        let address = self.addresses[i];
        until("a free port", PATIENCE, || std::net::TcpListener::bind(address).is_ok()).await;
        let node = Node::start(self.config(i)).await?;
        self.running.insert(i, node);
        Ok(())
    }

    pub async fn shutdown(&mut self) {
        while let Some((_, node)) = self.running.pop_first() {
            // The last ones have nobody to hand over to: they stop all the same.
            node.shutdown(Duration::from_millis(200)).await;
        }
    }

    /// Asks until it succeeds; a retryable failure is tried again.
    pub async fn ask(&self, i: usize, request: Request) -> Answer {
        let attempts = async {
            loop {
                match self.handle(i).ask(request.clone()).await {
                    Answer::Failed(failure) if failure.code.retryable() => {
                        sleep(Duration::from_millis(20)).await;
                    }
                    // Members make themselves known after the first leader is there.
                    Answer::Failed(failure) if failure.code == Code::ContractRefused => {
                        sleep(Duration::from_millis(20)).await;
                    }
                    answer => return answer,
                }
            }
        };
        timeout(PATIENCE, attempts).await.unwrap_or_else(|_| {
            panic!("n{} did not do it in time: {request:?}", i + 1);
        })
    }

    pub async fn create_keyspace(&self) {
        let replicas = self.addresses.len().try_into().unwrap();
        let contract = Contract { replicas, ..Contract::new(Program::Kv) };
        let control = Control::CreateKeyspace { name: "carts".to_owned(), contract };
        let request = Request::Control { control, request_id: None, timeout: ATTEMPT };
        let answer = self.ask(0, request).await;
        assert!(matches!(answer, Answer::Control { .. }), "{answer:?}");
    }

    fn call(action: Action) -> Call {
        Call {
            keyspace: "carts".to_owned(),
            action,
            consistency: None,
            session: None,
            request_id: None,
            timeout: ATTEMPT,
            trace: Trace::default(),
        }
    }

    pub async fn put(&self, i: usize, key: usize, value: usize) {
        self.put_as(i, key, value, None, Trace::default()).await;
    }

    /// Sets a key under a request id and in a trace.
    pub async fn put_as(
        &self,
        i: usize,
        key: usize,
        value: usize,
        request_id: Option<&str>,
        trace: Trace,
    ) -> Done {
        let put = Put {
            key: Bytes::from(format!("key-{key}")),
            value: Bytes::from(format!("value-{value}")),
            ..Put::default()
        };
        let command = Command::one(put).encode_to_vec().into();
        let mut call = Self::call(Action::Mutate { program: Program::Kv, command });
        (call.request_id, call.trace) = (request_id.map(self::id), trace);
        match self.ask(i, Request::Call(call)).await {
            Answer::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }

    /// What became of a request that took effect.
    pub async fn fate(&self, i: usize, id: &str) -> Done {
        let id = self::id(id);
        let keyspace = Some("carts".to_owned());
        match self.ask(i, Request::Fate { id, keyspace, timeout: ATTEMPT }).await {
            Answer::Fate(Fate::Done(done)) => done,
            other => panic!("{other:?}"),
        }
    }

    /// Reads at the keyspace's default level, which is linearizable; the value must be this one.
    pub async fn expect(&self, i: usize, key: usize, value: usize) -> Done {
        let query = Query::from(Get { key: Bytes::from(format!("key-{key}")) });
        let query = query.encode_to_vec().into();
        let call = Self::call(Action::Query { program: Program::Kv, query });
        let answer = self.ask(i, Request::Call(call)).await;
        let Answer::Done(done) = answer else { panic!("{answer:?}") };
        let reply = QueryReply::decode(done.body.clone()).unwrap();
        let found: Vec<_> = reply.items.iter().map(|item| item.value.clone()).collect();
        assert_eq!(found, [format!("value-{value}")], "key-{key} read on n{}", i + 1);
        done
    }

    /// Waits until every replica of a node votes, by its own account.
    pub async fn recovered(&self, i: usize) {
        let me = NodeId(i as u64 + 1);
        let votes = |role| matches!(role, Role::Leader | Role::Follower);
        let wait = async {
            loop {
                if let Answer::Cluster(cluster) = self.handle(i).ask(Request::Cluster).await {
                    let own = |shard: &ShardStatus| {
                        shard.replicas.iter().any(|r| r.node == me && votes(r.role))
                    };
                    if cluster.shards.len() == 2 && cluster.shards.iter().all(own) {
                        return;
                    }
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("not recovered in time");
    }

    /// Who leads the keyspace's shard, as node `i` knows it.
    pub async fn leader(&self, i: usize) -> usize {
        let wait = async {
            loop {
                if let Answer::Cluster(cluster) = self.handle(i).ask(Request::Cluster).await {
                    let shard = cluster.shards.iter().find(|shard| shard.keyspace == "carts");
                    let leader = shard.map_or(NodeId::NONE, |shard| shard.leader);
                    let index = (leader.0 as usize).wrapping_sub(1);
                    if self.running.contains_key(&index) {
                        return index;
                    }
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("no leader in time")
    }
}
