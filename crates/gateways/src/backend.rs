//! What a gateway needs from the node that it stands in front of.

use std::{path::PathBuf, sync::Arc};

use client::document::Chaos;
use database::{Answer, Request, api::Trace};
use kernel::{NodeId, process::Sink};
use layers::coordination::Stretch;
use tokio::sync::watch;
use vigil::Question;

use crate::{Measures, Pages};

/// A database to ask. Cheap to clone: every connection holds one.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Carries out a request; answers within its timeout.
    fn ask(&self, request: Request) -> impl Future<Output = Answer> + Send;

    /// Carries out requests, each with a number of the caller's; every one is answered once, in
    /// any order, within its timeout.
    fn post(&self, requests: Vec<(u64, Request)>, answers: Arc<dyn Sink<Answer>>);

    /// The trace of a request that came without one, under which the node keeps what it does for it;
    /// none if it keeps nothing.
    fn trace(&self) -> Trace {
        Trace::default()
    }

    /// How far the replica of a coordination keyspace on this node has applied its log, and word of
    /// every step; 0 while there is none here.
    fn changes(&self, keyspace: &str) -> watch::Receiver<u64>;

    /// Asks the node to tell what commands of a coordination keyspace change, or no more.
    fn watched(&self, _keyspace: &str, _watched: bool) {}

    /// What was changed since somebody asked last, `None` if that has to be read; and up to which
    /// index the replica has applied the log by now.
    fn told(&self, _keyspace: &str) -> (u64, Option<Stretch>) {
        (0, None)
    }

    /// Bytes that the node's data takes on the disk.
    fn disk_bytes(&self) -> u64;

    /// Where files may lie that nobody needs any more after a crash: on the disk of the data.
    fn scratch(&self) -> PathBuf;

    /// The trace of a request that came with this one: another if it came with none.
    fn named(&self, trace: Trace) -> Trace {
        if trace.trace_id == 0 { self.trace() } else { trace }
    }

    /// Who keeps how long requests take; nobody if requests are not observed.
    fn measures(&self) -> Option<Arc<dyn Measures>> {
        None
    }

    /// The node's metrics in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// What the node knows of itself, as a document in JSON; `None` if nothing of what was asked.
    fn observe(&self, question: Question) -> impl Future<Output = Option<Vec<u8>>> + Send;

    /// The id of the newest event of the node, and word of every later one.
    fn events(&self) -> watch::Receiver<u64>;

    /// Where the HTTP clients of a node connect, if known: the hint beside a leader's id.
    fn http_of(&self, node: NodeId) -> Option<Arc<str>>;

    /// Whether faults may be injected here.
    fn chaos_on(&self) -> bool;

    /// Injects a fault; only called if [`Backend::chaos_on`].
    ///
    /// # Errors
    /// The reason for the person who asked.
    fn chaos(&self, fault: Chaos) -> impl Future<Output = Result<(), String>> + Send;

    /// Who answers what is no route of the API; nobody if there is none.
    fn pages(&self) -> Option<Arc<dyn Pages>> {
        None
    }
}
