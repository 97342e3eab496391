//! What gateways hold: ask the node's process, read its figures, inject faults.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use database::{
    Answer, Code, Database, Failure, Identity, Request,
    api::{Action, Trace},
};
use kernel::{
    Instant,
    process::{HaltReason, Sink},
};
use layers::coordination::Stretch;
use tokio::sync::{oneshot, watch};
use vigil::{Event, Events, Objectives, Pick, Severity, Traces, Vitals, event::Filter};

use crate::{
    ambient::{self, Clock},
    asker::Asker,
    changes::Changes,
    chaos::{Chaos, Fault},
    flight::Flight,
    lsm::LsmEngine,
    metrics::{Metrics, Sample, resident_memory},
    observe::Senses,
    otlp::Begun,
    room::{free_bytes, used_bytes},
    worker::{Inbox, Input},
};

/// The process that a node runs.
pub type Process = Database<LsmEngine>;

/// Weight of a request beside its bytes: what its bookkeeping costs, roughly.
const REQUEST_WEIGHT: u64 = 512;

/// What a node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Running,
    /// It hands over and will stop.
    Stopping,
    /// It has stopped because it was told to.
    Stopped,
    /// It cannot go on.
    Halted(HaltReason),
}

/// A way to talk to a running node; clones talk to the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    inbox: Arc<Inbox<Process>>,
    identity: Identity,
    senses: Senses,
    chaos: Option<Arc<Chaos>>,
    status: watch::Receiver<Status>,
    clock: Clock,
    started: Instant,
    data: PathBuf,
    changes: Arc<Changes>,
}

impl Handle {
    #[allow(clippy::too_many_arguments, reason = "everything that a node has to offer")]
    pub(crate) fn new(
        inbox: Arc<Inbox<Process>>,
        identity: Identity,
        senses: Senses,
        chaos: Option<Arc<Chaos>>,
        status: watch::Receiver<Status>,
        clock: Clock,
        data: PathBuf,
        changes: Arc<Changes>,
    ) -> Handle {
        let started = clock.instant();
        let inner = Inner { inbox, identity, senses, chaos, status, clock, started, data, changes };
        Handle { inner: Arc::new(inner) }
    }

    /// Asks the process. The answer comes by the request's own timeout; a node that stops first
    /// answers that nobody knows what became of it.
    pub async fn ask(&self, mut request: Request) -> Answer {
        let begun = self.begin(&mut request);
        let answer = self.carry(request).await;
        if let (Some(begun), Some(tracer)) = (begun, &self.inner.senses.tracer) {
            tracer.end(begun, &answer);
        }
        answer
    }

    /// Asks the process many things at once; the answers go to `answers`, each with its number.
    pub fn post(&self, requests: Vec<(u64, Request)>, answers: &Arc<dyn Sink<Answer>>) {
        let now = self.inner.clock.instant();
        let mut asleep = false;
        for (tag, mut request) in requests {
            match self.begin(&mut request) {
                None => {
                    let asker = Asker::of(Arc::clone(answers), tag, lost);
                    asleep |= self.leave(request, now, asker);
                }
                // Few are: a task for each is no matter.
                Some(begun) => {
                    let (handle, answers) = (self.clone(), Arc::clone(answers));
                    ambient::run_beside(async move {
                        let answer = handle.carry(request).await;
                        if let Some(tracer) = &handle.inner.senses.tracer {
                            tracer.end(begun, &answer);
                        }
                        answers.tell(tag, answer);
                    });
                }
            }
        }
        self.inner.inbox.wake_if(asleep);
    }

    /// The trace of a request that came without one; none if requests are not observed.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let mut trace = Trace::default();
        self.inner.senses.name(&mut trace);
        trace
    }

    /// A request comes; its span begins if it is traced.
    fn begin(&self, request: &mut Request) -> Option<Begun> {
        let Request::Call(call) = request else { return None };
        let senses = &self.inner.senses;
        senses.comes(call);
        senses.tracer.as_ref().and_then(|tracer| tracer.begin(call))
    }

    async fn carry(&self, request: Request) -> Answer {
        let (answer, answered) = oneshot::channel();
        let asleep = self.leave(request, self.inner.clock.instant(), Asker::One(answer));
        self.inner.inbox.wake_if(asleep);
        answered.await.unwrap_or_else(|_| lost())
    }

    /// Puts a request into the inbox, or tells its asker why not. Whether the worker is to be woken.
    #[must_use]
    fn leave(&self, request: Request, arrived: Instant, answer: Asker<Answer>) -> bool {
        let weight = weight(&request);
        let (request, apart) = match request {
            Request::Call(call) => {
                let apart = call.action.keeps_alive();
                (Request::Waited { call, arrived }, apart)
            }
            other => (other, false),
        };
        let (inbox, input) = (&self.inner.inbox, Input::Ask { request, answer });
        let refused = match inbox.leave(input, weight, apart) {
            Ok(asleep) => return asleep,
            Err(refused) => refused,
        };
        if let Input::Ask { answer, request } = refused {
            let refusal = self.refusal();
            let keyspace = match &request {
                Request::Waited { call, .. } => call.keyspace.as_str(),
                _ => "",
            };
            self.inner.senses.refused(refusal.code, keyspace);
            answer.send(Answer::Failed(refusal));
        }
        false
    }

    /// Why the inbox took nothing.
    fn refusal(&self) -> Failure {
        match &*self.inner.status.borrow() {
            Status::Running => {
                Failure::new(Code::Overloaded, "too many requests wait for this node")
            }
            Status::Halted(reason) => Failure::new(
                Code::Unavailable,
                format!("the node halted: [{}] {}", reason.code, reason.text),
            ),
            Status::Stopping | Status::Stopped => {
                Failure::new(Code::Unavailable, "the node is stopping")
            }
        }
    }

    /// Who this node is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.inner.identity
    }

    /// What the node does at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.status.borrow().clone()
    }

    /// All figures in the OpenMetrics text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        let inner = &self.inner;
        inner.senses.metrics.text(Sample {
            memory: resident_memory(),
            uptime: inner.clock.instant().since(inner.started),
            inbox: inner.inbox.len() as u64,
            disk_free: self.disk_free(),
        })
    }

    /// Bytes that the disk under the data says are free; 0 if it does not say.
    #[must_use]
    pub fn disk_free(&self) -> u64 {
        let inner = &self.inner;
        let free = inner
            .chaos
            .as_ref()
            .map_or_else(|| free_bytes(&inner.data), |chaos| chaos.free_bytes(&inner.data));
        free.unwrap_or(0)
    }

    /// Bytes that everything in the data directory takes.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        used_bytes(&self.inner.data)
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.inner.data
    }

    /// The time of day, in nanoseconds since 1970.
    #[must_use]
    pub fn unix_nanos(&self) -> u64 {
        self.inner.clock.unix_nanos(self.inner.clock.instant())
    }

    /// How far the replica of a coordination keyspace on this node has applied its log, and word of
    /// every step; 0 while there is none.
    #[must_use]
    pub fn changes(&self, keyspace: &str) -> watch::Receiver<u64> {
        self.inner.changes.of(keyspace)
    }

    /// Has the process tell what commands of a coordination keyspace change, or no more.
    pub fn watched(&self, keyspace: &str, watched: bool) {
        // A node that has stopped tells nothing.
        let request = Request::Watched { keyspace: keyspace.to_owned(), watched };
        let _ = self.inner.inbox.push(Input::Tell(request));
    }

    /// What was changed in a coordination keyspace since somebody asked last, `None` if not all of
    /// that was told; and up to which index the replica has applied the log by now.
    #[must_use]
    pub fn told(&self, keyspace: &str) -> (u64, Option<Stretch>) {
        self.inner.changes.take(keyspace)
    }

    /// The figures themselves, for what a gateway adds to them.
    #[must_use]
    pub fn figures(&self) -> &Arc<Metrics> {
        &self.inner.senses.metrics
    }

    /// Whether what comes with every request is noticed.
    #[must_use]
    pub fn observes_requests(&self) -> bool {
        self.inner.senses.observes_requests()
    }

    /// The flight recorder.
    #[must_use]
    pub fn flight(&self) -> &Arc<Flight> {
        &self.inner.senses.flight
    }

    /// What happened, as far as it is wanted and remembered.
    #[must_use]
    pub fn events(&self, filter: &Filter) -> Events {
        let (events, next) = self.flight().read(filter);
        let node = self.identity().node.to_string();
        Events { node, start: self.flight().start(), events, next }
    }

    /// How the node is, with so many seconds of what it did.
    #[must_use]
    pub fn vitals(&self, seconds: u32) -> Vitals {
        let skew = self.inner.chaos.as_ref().map_or(0, |chaos| chaos.skew_ms());
        self.inner.senses.pulse.vitals(seconds, skew, self.figures())
    }

    /// Requests that are kept with their stages, as asked for.
    #[must_use]
    pub fn traces(&self, pick: Pick) -> Traces {
        let kept = self.inner.senses.kept();
        let requests = match pick {
            Pick::Slowest(count) => kept.slowest(count as usize),
            Pick::Recent(count) => kept.recent(count as usize),
            Pick::Here(trace_id) => kept.find(trace_id).into_iter().collect(),
        };
        Traces { node: self.identity().node.to_string(), requests }
    }

    /// Where the objectives stand, as this node counts them.
    #[must_use]
    pub fn objectives(&self) -> Objectives {
        let second = self.inner.clock.steady_us(self.inner.clock.instant()) / 1_000_000;
        self.inner.senses.budgets.read(self.identity().node.to_string(), second)
    }

    /// The inbox: bytes that wait, and how many may.
    pub(crate) fn inbox(&self) -> (u64, u64) {
        self.inner.inbox.weight()
    }

    /// What this node notices.
    pub(crate) fn senses(&self) -> &Senses {
        &self.inner.senses
    }

    /// Its clocks.
    pub(crate) fn clock(&self) -> Clock {
        self.inner.clock
    }

    /// Injects a fault and records it; `false` if the configuration allows none.
    #[must_use]
    pub fn inject(&self, fault: Fault) -> bool {
        let Some(chaos) = &self.inner.chaos else { return false };
        let event = Event::new("chaos", Severity::Warning, format!("a fault is injected: {fault}"));
        self.flight().record(event.with("fault", fault.name()));
        let faults = chaos.inject(fault);
        // A node that has stopped has no fault either.
        let _ = self.inner.inbox.push(Input::Tell(Request::Faults(faults)));
        true
    }

    /// The faults in force, if the configuration allows any.
    #[must_use]
    pub fn chaos(&self) -> Option<&Arc<Chaos>> {
        self.inner.chaos.as_ref()
    }
}

fn weight(request: &Request) -> u64 {
    let bytes = match request {
        Request::Call(call) | Request::Waited { call, .. } => match &call.action {
            Action::Mutate { command, .. } => command.len(),
            Action::Query { query, .. } | Action::Past { query, .. } => query.len(),
        },
        _ => 0,
    };
    REQUEST_WEIGHT + bytes as u64
}

fn lost() -> Answer {
    let text = "the node stopped before it answered";
    Answer::Failed(Failure::new(Code::Unavailable, text).unknown())
}
