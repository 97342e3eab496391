//! Export of traces and figures to a collector: OTLP/HTTP with protobuf bodies.
//!
//! ```text
//!   Handle::ask ─ request ──┐
//!   observe ─ consensus ────┼─▶ Tracer ─▶ bounded queue ─▶ batches ─▶ POST /v1/traces
//!   observe ─ served ───────┘              │ full: dropped, counted
//!   Metrics::text ──── once per period ──────────────────────────▶ POST /v1/metrics
//! ```
//!
//! Off unless an endpoint is configured. The messages are written down in `proto`, a subset of
//! OTLP, because the usual libraries would bring a second registry of figures and a second runtime
//! of spans beside those that are here. Specification: OpenTelemetry Protocol 1.x, "OTLP/HTTP".

mod export;
mod figures;
mod post;
pub mod proto;
mod target;
mod tracer;

use std::sync::Arc;

use database::Identity;
use kernel::Duration;
use tokio::{
    runtime::Handle as Runtime,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tracing::info;

use self::{
    export::Exporter,
    post::Post,
    proto::{KeyValue, Resource, Span},
};
pub use self::{
    target::Target,
    tracer::{Begun, Tracer},
};
use crate::{ambient::Clock, handle::Handle, metrics::Metrics};

/// What is sent where, and within which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector.
    pub target: Target,
    /// Whether traces are sent.
    pub traces: bool,
    /// Whether figures are sent.
    pub metrics: bool,
    /// Between two exports of figures.
    pub period: Duration,
    /// The longest that one attempt of an export may take.
    pub timeout: Duration,
    /// Spans that may wait.
    pub queue: usize,
    /// Of requests without a `traceparent`, every so many-th is traced; 0 for none.
    pub sample: u64,
}

/// What begins before the node's threads and is sent once they run.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    /// Makes spans, if traces are sent.
    pub tracer: Option<Arc<Tracer>>,
    queue: mpsc::Receiver<Span>,
}

impl Prepared {
    /// Makes the queue and the tracer.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, metrics: &Arc<Metrics>) -> Prepared {
        let (sender, queue) = mpsc::channel(settings.queue);
        let tracer = || Tracer::new(sender, clock, Arc::clone(metrics), settings.sample);
        let tracer = settings.traces.then(tracer).map(Arc::new);
        Prepared { settings, tracer, queue }
    }

    /// Starts to send what the node behind `handle` sees.
    #[must_use]
    pub fn start(self, handle: &Handle, runtime: &Runtime) -> Exports {
        let Settings { target, traces, metrics, period, timeout, .. } = self.settings;
        info!(%target, traces, metrics, "exports traces and figures by OTLP");
        let (stop, stopped) = watch::channel(false);
        let exporter = |signal| Exporter {
            post: Post::new(target.clone(), signal, timeout),
            signal,
            resource: resource(handle.identity()),
            metrics: Arc::clone(handle.figures()),
            stop: stopped.clone(),
            well: true,
        };
        let mut tasks = Vec::new();
        if traces {
            tasks.push(runtime.spawn(exporter("traces").spans(self.queue)));
        }
        if metrics {
            tasks.push(runtime.spawn(exporter("metrics").figures(handle.clone(), period)));
        }
        Exports { stop, tasks }
    }
}

/// The exports of a running node; they end when this is dropped.
#[derive(Debug)]
pub struct Exports {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Exports {
    /// Sends what is left, for at most so long.
    pub async fn finish(&mut self, patience: Duration) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut self.tasks);
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in tasks {
                let _ = task.await;
            }
        };
        if timeout(patience, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What names this node to a collector, by OpenTelemetry's semantic conventions.
fn resource(identity: Identity) -> Resource {
    let attributes = vec![
        KeyValue::new("service.name", "quorate"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", identity.node.to_string()),
        KeyValue::new("process.pid", identity.pid.to_string()),
        KeyValue::new("quorate.cluster", identity.cluster.to_string()),
    ];
    Resource { attributes }
}
