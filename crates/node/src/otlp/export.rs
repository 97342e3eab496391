//! The tasks that send: one for spans, one for figures.
//!
//! A collector that does not answer costs memory for one queue and nothing else. An export is
//! tried a few times with growing waits; then it is given up and counted. Figures are cumulative,
//! so the next export makes good for a lost one.

use bytes::Bytes;
use kernel::Duration;
use prost::Message;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tracing::{info, warn};

use super::{
    figures,
    post::{Outcome, Post},
    proto::{
        MetricsRequest, Resource, ResourceMetrics, ResourceSpans, Scope, ScopeMetrics, ScopeSpans,
        Span, TraceRequest,
    },
};
use crate::{handle::Handle, metrics::Metrics};

/// Spans of one export.
const BATCH: usize = 2048;
/// The first span of a batch waits so long for others, unless enough wait already.
const LINGER: Duration = Duration::from_millis(500);
/// Attempts of one export.
const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait that a collector may ask for.
const AFTER_MAX: Duration = Duration::from_secs(30);

/// Sends one signal and keeps count.
pub struct Exporter {
    /// The way to the collector.
    pub post: Post,
    /// `traces` or `metrics`.
    pub signal: &'static str,
    /// Who sends.
    pub resource: Resource,
    /// Figures about the export itself.
    pub metrics: Arc<Metrics>,
    /// Turns true when the node ends: waits are cut short.
    pub stop: watch::Receiver<bool>,
    /// Whether the last export was taken.
    pub well: bool,
}

impl Exporter {
    /// Sends spans until their makers are gone or the node ends; then what is left, once.
    pub async fn spans(mut self, mut queue: mpsc::Receiver<Span>) {
        let mut batch = Vec::new();
        loop {
            let ended = tokio::select! {
                taken = queue.recv_many(&mut batch, BATCH) => taken == 0,
                () = stopped(&mut self.stop) => true,
            };
            if ended {
                break;
            }
            if batch.len() + queue.len() < BATCH {
                let _ = timeout(LINGER, stopped(&mut self.stop)).await;
            }
            while batch.len() < BATCH
                && let Ok(span) = queue.try_recv()
            {
                batch.push(span);
            }
            self.export_spans(std::mem::take(&mut batch)).await;
        }
        queue.close();
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            self.export_spans(std::mem::take(&mut batch)).await;
        }
    }

    async fn export_spans(&mut self, spans: Vec<Span>) {
        let items = spans.len() as u64;
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans }];
        let resource = Some(self.resource.clone());
        let request =
            TraceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans }] };
        self.export(request.encode_to_vec().into(), items).await;
    }

    /// Sends all figures once per period, and once more at the end.
    pub async fn figures(mut self, handle: Handle, period: Duration) {
        let start = handle.unix_nanos();
        let mut ended = false;
        while !ended {
            ended = timeout(period, stopped(&mut self.stop)).await.is_ok();
            let span = figures::Span { start, now: handle.unix_nanos() };
            let metrics = figures::read(&handle.metrics(), span);
            let items = metrics.iter().map(figures::points).sum::<usize>() as u64;
            let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics }];
            let resource = Some(self.resource.clone());
            let resource_metrics = vec![ResourceMetrics { resource, scope_metrics }];
            let request = MetricsRequest { resource_metrics };
            self.export(request.encode_to_vec().into(), items).await;
        }
    }

    async fn export(&mut self, body: Bytes, items: u64) {
        let mut wait = BACKOFF;
        for attempt in 1..=ATTEMPTS {
            let (why, after) = match self.post.send(body.clone()).await {
                Outcome::Taken { rejected } => {
                    if !std::mem::replace(&mut self.well, true) {
                        info!(signal = self.signal, "the collector takes exports again");
                    }
                    return self.count(items.saturating_sub(rejected), rejected.min(items));
                }
                Outcome::Later { why, after } => (why, after),
                Outcome::Never(why) => {
                    self.failed(&why);
                    break;
                }
            };
            self.failed(&why);
            if attempt == ATTEMPTS || *self.stop.borrow() {
                break;
            }
            let pause = after.unwrap_or(wait).min(AFTER_MAX);
            tokio::select! {
                () = sleep(pause) => {}
                () = stopped(&mut self.stop) => {}
            }
            wait *= 2;
        }
        self.count(0, items);
    }

    fn failed(&mut self, why: &str) {
        self.metrics.otlp_failures.get_or_create(&[("signal", self.signal)]).inc();
        if std::mem::replace(&mut self.well, false) {
            warn!(signal = self.signal, why, "the collector does not take exports");
        }
    }

    fn count(&self, sent: u64, dropped: u64) {
        let label = [("signal", self.signal)];
        self.metrics.otlp_sent.get_or_create(&label).inc_by(sent);
        self.metrics.otlp_dropped.get_or_create(&label).inc_by(dropped);
    }
}

/// Waits until the node ends.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone says the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn scope() -> Scope {
    Scope { name: "quorate".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}
