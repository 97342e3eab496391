//! The built-in workload: a few clients, whose history is judged as it grows.
//!
//! ```text
//!   stretch 1  ├── clients ──┤ settle: look for every acknowledged key, judge, clear
//!   stretch 2                ├── clients ──┤ settle …
//!              judged again and again while it grows
//! ```
//!
//! A history that is judged again as a whole would take ever longer. Linearizability is local: a
//! history is linearizable if that of every key is (Herlihy and Wing, "Linearizability", 1990, §3).
//! So clients change to fresh keys after a while, and what is settled is settled: only the verdict is
//! kept. Memory and work are bounded however long it runs.

mod ledger;
mod tape;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use check::{Options, Report, history::History};
use console::Bench;
use kernel::{Duration, Rng};
use tokio::task::JoinHandle;

use crate::{
    ambient,
    bench::traffic::{self, Left, Style, Traffic},
    exit::Failure,
};
use ledger::Ledger;
use tape::Tape;

/// Clients.
const CLIENTS: u64 = 4;
/// Between two operations of one.
const THINK: Duration = Duration::from_millis(10);
/// Between two judgements of what grows.
const JUDGE: Duration = Duration::from_millis(1_000);
/// Events of a stretch: about twenty seconds.
const EVENTS: usize = 12_000;
/// How long a key that was acknowledged is looked for while nobody answers.
const LOOK: Duration = Duration::from_secs(20);

/// The workload of a development cluster; runs at most once at a time.
pub struct Workload {
    endpoints: Vec<String>,
    ledger: Arc<Ledger>,
    stop: Option<Arc<AtomicBool>>,
}

impl Workload {
    /// Not begun yet.
    pub fn new(endpoints: Vec<String>) -> Workload {
        Workload { endpoints, ledger: Arc::default(), stop: None }
    }

    /// Begins, with a clean ledger.
    pub fn begin(&mut self) -> Result<(), Failure> {
        if self.stop.is_some() {
            return Err(Failure::usage("the workload runs already"));
        }
        self.ledger = Arc::default();
        self.ledger.begin(ambient::now(), ambient::unix_ms());
        let stop = Arc::new(AtomicBool::new(false));
        let run = Run {
            endpoints: self.endpoints.clone(),
            ledger: Arc::clone(&self.ledger),
            stop: Arc::clone(&stop),
            // Keys of an earlier run must not be met again.
            name: format!("console/{:08x}", Rng::new(ambient::seed()).bits() as u32),
        };
        ambient::spawn(run.live());
        self.stop = Some(stop);
        Ok(())
    }

    /// Ends; what was acknowledged is still looked for, and all of it judged.
    pub fn end(&mut self) -> Result<(), Failure> {
        let stop = self.stop.take().ok_or_else(|| Failure::usage("the workload does not run"))?;
        stop.store(true, Relaxed);
        self.ledger.end(ambient::now());
        Ok(())
    }

    /// What goes on.
    pub fn bench(&self) -> Bench {
        self.ledger.bench(ambient::now())
    }

    /// Something is done to the cluster: gives the longest gap since the last mark and counts anew.
    pub fn mark(&self) -> Option<u64> {
        self.ledger.mark(ambient::now())
    }

    /// The longest gap since the last mark, in milliseconds; `None` if the workload does not run.
    pub fn gap_since_mark(&self) -> Option<u64> {
        self.ledger.gap_since_mark(ambient::now())
    }
}

/// A workload that runs.
struct Run {
    endpoints: Vec<String>,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    name: String,
}

/// Clients on keys of their own.
struct Stretch {
    prefix: String,
    tape: Arc<Tape>,
    traffic: Traffic,
}

impl Run {
    async fn live(self) {
        let run = Arc::new(self);
        let mut settling: Vec<JoinHandle<()>> = Vec::new();
        for number in 1.. {
            let stretch = run.start(number);
            // The next clients run before the last ones end, so that no gap is made by us.
            while !run.stop.load(Relaxed) && stretch.tape.len() < EVENTS {
                ambient::sleep(JUDGE).await;
                run.ledger.growing(&judge(stretch.tape.events()).await);
            }
            settling.retain(|task| !task.is_finished());
            settling.push(ambient::spawn(Arc::clone(&run).settle(stretch)));
            if run.stop.load(Relaxed) {
                break;
            }
        }
        for task in settling {
            let _ = task.await;
        }
    }

    fn start(&self, number: u64) -> Stretch {
        let prefix = format!("{}/{number}/", self.name);
        let tape = Arc::new(Tape::new(Arc::clone(&self.ledger)));
        let style = Style { clients: CLIENTS, prefix: prefix.clone(), think: THINK };
        let traffic = Traffic::start(&self.endpoints, style, Arc::clone(&tape) as _);
        Stretch { prefix, tape, traffic }
    }

    /// Ends a stretch: looks for what was acknowledged, judges, and clears its keys away.
    async fn settle(self: Arc<Self>, stretch: Stretch) {
        let left = match stretch.traffic.finish().await {
            Ok(left) => left,
            Err(_) => Left { own: Vec::new(), unknown: 0 },
        };
        self.ledger.unknown(left.unknown);
        let kv = traffic::connect(&self.endpoints).kv("default");
        let deadline = ambient::now() + LOOK;
        let mut lost = Vec::new();
        let mut looked_for = 0;
        for key in &left.own {
            while ambient::now() < deadline {
                match kv.get(key.as_bytes()).await {
                    Ok(answer) => {
                        looked_for += 1;
                        if answer.value.is_none() {
                            lost.push(key.clone());
                        }
                        break;
                    }
                    Err(_) => ambient::sleep(Duration::from_millis(100)).await,
                }
            }
        }
        self.ledger.looked_for(looked_for, lost);
        self.ledger.settled(&judge(stretch.tape.events()).await);
        for key in left.own.into_iter().chain(traffic::registers(&stretch.prefix)) {
            // Only tidiness: a key that stays harms nobody.
            let _ = kv.delete(key.as_bytes(), None).await;
        }
    }
}

/// What the checkers say, worked out beside all other tasks.
async fn judge(events: Vec<check::history::Event>) -> Result<Report, String> {
    let judged = ambient::block(move || {
        let history = History::from_events(events).map_err(|error| error.to_string())?;
        Ok(check::check(&history, &Options::default()))
    });
    judged.await.unwrap_or_else(|| Err("the checker ended".into()))
}
