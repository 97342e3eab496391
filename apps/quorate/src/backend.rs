//! The glue between a node and the gateway in front of it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use client::document::{Chaos, Direction};
use database::{Answer, Request, api::Trace};
use gateways::{Backend, Measures, Meter, Pages, etcd::Figures};
use kernel::{Duration, NodeId, process::Sink};
use layers::coordination::Stretch;
use node::{
    Fault, Handle,
    metrics::{Metrics, Operation},
};
use tokio::sync::watch;
use vigil::{Outcome, Question};

use crate::{ambient, everybody::Everybody};

/// How often the addresses of the nodes are read again.
const REFRESH: Duration = Duration::from_secs(1);

/// A running node as the gateway sees it.
#[derive(Clone)]
pub struct Front {
    handle: Handle,
    book: Arc<RwLock<BTreeMap<NodeId, Arc<str>>>>,
    figures: Figures,
    pages: Arc<dyn Pages>,
}

impl Front {
    /// Puts a node behind a gateway; it is known where these members are.
    pub fn new(handle: Handle, members: &[database::api::Member], pages: Arc<dyn Pages>) -> Front {
        let entry = |member: &database::api::Member| (member.node, member.http.as_str().into());
        let book = members.iter().map(entry).collect();
        let book = Arc::new(RwLock::new(book));
        Front { handle, book, figures: Figures::default(), pages }
    }

    /// What the etcd gateway counts.
    pub fn etcd_figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Keeps the addresses fresh for ever.
    pub async fn refresh(self) {
        loop {
            if let Answer::Cluster(cluster) = self.handle.ask(Request::Cluster).await {
                let members = cluster.nodes.into_iter().map(|status| status.member);
                let known = members.filter(|member| !member.http.is_empty());
                let book = known.map(|member| (member.node, member.http.into())).collect();
                *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
            }
            ambient::sleep(REFRESH).await;
        }
    }

    fn others(&self) -> impl Iterator<Item = NodeId> {
        let me = self.handle.identity().node;
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        let nodes: Vec<NodeId> = book.keys().copied().filter(|node| *node != me).collect();
        nodes.into_iter()
    }

    /// Nodes by name; all others if none is named.
    fn peers(&self, names: &[String]) -> Result<std::collections::BTreeSet<NodeId>, String> {
        if names.is_empty() {
            return Ok(self.others().collect());
        }
        let known: Vec<NodeId> = self.others().collect();
        let find = |name: &String| {
            let node = NodeId::parse(name).filter(|node| known.contains(node));
            node.ok_or_else(|| format!("{name} is no other node of this cluster"))
        };
        names.iter().map(find).collect()
    }

    /// This node and a way to all others.
    fn others_too(&self) -> Everybody<'_> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        let me = self.handle.identity().node;
        let others = book.iter().filter(|(node, _)| **node != me);
        Everybody {
            handle: &self.handle,
            others: others.map(|(n, a)| (*n, Arc::clone(a))).collect(),
        }
    }

    fn fault(&self, chaos: Chaos) -> Result<Fault, String> {
        Ok(match chaos {
            Chaos::Partition { nodes, direction } => Fault::Cut {
                peers: self.peers(&nodes)?,
                outgoing: direction != Direction::Incoming,
                incoming: direction != Direction::Outgoing,
            },
            Chaos::Slow { nodes, delay_ms } => {
                Fault::Delay { peers: self.peers(&nodes)?, by: Duration::from_millis(delay_ms) }
            }
            Chaos::SlowDisk { delay_ms } => Fault::SlowDisk { by: Duration::from_millis(delay_ms) },
            Chaos::FullDisk => Fault::FullDisk,
            Chaos::StuckApply { keyspace } => Fault::StuckApply { keyspace },
            Chaos::LostSnapshots => Fault::LostSnapshots,
            Chaos::Skew { by_ms } => Fault::Skew { by_ms },
            Chaos::Heal => Fault::Heal,
        })
    }
}

/// The figures of the node keep how long requests take.
struct Durations(Arc<Metrics>);

impl Measures for Durations {
    fn meter(&self, api: &'static str, operation: &str, outcome: Outcome) -> Meter {
        let (operation, outcome) = (operation.to_owned(), outcome.name());
        let labels = Operation { api, operation, outcome };
        let figure = self.0.operations.get_or_create_owned(&labels);
        Box::new(move |took| figure.observe(took.as_secs_f64()))
    }
}

fn json(document: &impl serde::Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(document).ok()
}

impl Backend for Front {
    fn ask(&self, request: Request) -> impl Future<Output = Answer> + Send {
        // The handle is cloned so that the future borrows nothing: a clone is one counter.
        let handle = self.handle.clone();
        async move { handle.ask(request).await }
    }

    fn post(&self, requests: Vec<(u64, Request)>, answers: Arc<dyn Sink<Answer>>) {
        self.handle.post(requests, &answers);
    }

    fn trace(&self) -> Trace {
        self.handle.trace()
    }

    fn changes(&self, keyspace: &str) -> watch::Receiver<u64> {
        self.handle.changes(keyspace)
    }

    fn watched(&self, keyspace: &str, watched: bool) {
        self.handle.watched(keyspace, watched);
    }

    fn told(&self, keyspace: &str) -> (u64, Option<Stretch>) {
        self.handle.told(keyspace)
    }

    fn disk_bytes(&self) -> u64 {
        self.handle.disk_bytes()
    }

    fn scratch(&self) -> PathBuf {
        self.handle.data().to_path_buf()
    }

    fn measures(&self) -> Option<Arc<dyn Measures>> {
        let figures = self.handle.observes_requests().then(|| Arc::clone(self.handle.figures()));
        figures.map(|figures| Arc::new(Durations(figures)) as Arc<dyn Measures>)
    }

    fn metrics(&self) -> String {
        format!("{}{}", self.figures.text(), self.handle.metrics())
    }

    async fn observe(&self, question: Question) -> Option<Vec<u8>> {
        match question {
            Question::Events(filter) => json(&self.handle.events(&filter)),
            Question::Vitals(seconds) => json(&self.handle.vitals(seconds)),
            Question::Traces(pick) => json(&self.handle.traces(pick)),
            Question::Trace(trace_id) => json(&self.others_too().trace(trace_id).await?),
            Question::Objectives { here: true } => json(&self.handle.objectives()),
            Question::Objectives { here: false } => json(&self.others_too().objectives().await),
            Question::Doctor => json(&self.others_too().diagnosis().await),
        }
    }

    fn events(&self) -> watch::Receiver<u64> {
        self.handle.flight().newest()
    }

    fn http_of(&self, node: NodeId) -> Option<Arc<str>> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    fn chaos_on(&self) -> bool {
        self.handle.chaos().is_some()
    }

    async fn chaos(&self, chaos: Chaos) -> Result<(), String> {
        let fault = self.fault(chaos)?;
        tracing::warn!(?fault, "a fault is injected");
        if self.handle.inject(fault) { Ok(()) } else { Err("chaos is off".into()) }
    }

    fn pages(&self) -> Option<Arc<dyn Pages>> {
        Some(Arc::clone(&self.pages))
    }
}
