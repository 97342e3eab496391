//! Turns observations of the process into figures, log lines and spans of traces.

mod events;
mod observer;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use database::{
    Note,
    api::{Call, Trace},
};
use kernel::{Duration, NodeId};
use vigil::{Outcome, traces::Store};

pub use self::observer::Observer;
use crate::{
    ambient::{self, Clock},
    flight::Flight,
    keyspaces::Keyspaces,
    metrics::Metrics,
    objectives::Budgets,
    otlp::Tracer,
    vitals::Pulse,
};

/// Everything that a node notices goes here. Clones are the same senses.
#[derive(Clone, Debug)]
pub struct Senses {
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Spans, if they are exported.
    pub tracer: Option<Arc<Tracer>>,
    /// Events.
    pub flight: Arc<Flight>,
    /// How this node is.
    pub pulse: Arc<Pulse>,
    /// Requests that are worth keeping, with their stages.
    pub traces: Arc<Mutex<Store>>,
    /// Error budgets.
    pub budgets: Arc<Budgets>,
    /// Requests by keyspace.
    pub keyspaces: Arc<Keyspaces>,
    /// Whether what happens with every request is noticed.
    requests: bool,
    named: Arc<AtomicU64>,
    clock: Clock,
}

impl Senses {
    /// Senses that have noticed nothing yet.
    #[must_use]
    pub fn new(
        node: NodeId,
        metrics: Arc<Metrics>,
        tracer: Option<Arc<Tracer>>,
        clock: Clock,
        requests: bool,
    ) -> Senses {
        let traces = Arc::new(Mutex::new(Store::new(node.to_string())));
        let (flight, pulse) = (Arc::new(Flight::new(clock)), Arc::new(Pulse::new(clock)));
        let named = Arc::new(AtomicU64::new(ambient::seed()));
        let keyspaces = Arc::new(Keyspaces::new(metrics.keyspaces.clone()));
        let budgets = Arc::default();
        Senses {
            metrics,
            tracer,
            flight,
            pulse,
            traces,
            budgets,
            keyspaces,
            requests,
            named,
            clock,
        }
    }

    /// Whether an observation is noticed: not those that come with every request if they cost too
    /// much.
    #[must_use]
    pub fn notice(&self, note: &Note) -> bool {
        use Note as N;
        let often = matches!(
            note,
            N::Request { .. } | N::Round { .. } | N::Served { .. } | N::Followed { .. }
        );
        self.requests || !often
    }

    /// Whether what comes with every request is noticed.
    #[must_use]
    pub fn observes_requests(&self) -> bool {
        self.requests
    }

    /// A request comes: it gets a name by which what every node does for it can be found.
    pub fn comes(&self, call: &mut Call) {
        if self.requests {
            self.pulse.hot.pass(call);
            self.name(&mut call.trace);
        }
    }

    /// Names a request that came without a trace, unless names are off.
    pub fn name(&self, trace: &mut Trace) {
        if self.requests && trace.trace_id == 0 {
            let number = self.named.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
            // Odd, and so never zero.
            let low = (number ^ (number >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1;
            trace.trace_id = u128::from(number) << 64 | u128::from(low);
            trace.sampled = self.tracer.as_ref().is_some_and(|tracer| tracer.chosen());
        }
    }

    /// The requests that are kept.
    pub fn kept(&self) -> MutexGuard<'_, Store> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was turned away at the door.
    pub fn refused(&self, code: database::Code, keyspace: &str) {
        let (now, name) = (self.clock.instant(), code.name());
        self.metrics.refused.get_or_create(&[("code", name)]).inc();
        self.pulse.counts.refused(now, name, keyspace);
        let second = self.clock.steady_us(now) / 1_000_000;
        self.budgets.count(second, keyspace, Some(name), Duration::ZERO);
        if self.requests && !keyspace.is_empty() {
            self.keyspaces.count(keyspace, Outcome::of_code(Some(name)), Duration::ZERO);
        }
    }
}
