//! Runs a plan.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Duration, Rng};

use crate::{
    Plan, Report, Target, Usage,
    ambient::{self, Moment},
    keys::Keys,
    process::usage,
    report::Tally,
};

/// Between looks at the progress.
const LOOK: Duration = Duration::from_millis(100);

/// How long a client waits after a failure.
const ERROR_PAUSE: Duration = Duration::from_millis(1);

/// What all clients share.
struct Shared {
    plan: Plan,
    keys: Keys,
    start: Moment,
    measure: Moment,
    end: Moment,
    stop: AtomicBool,
    /// One for all: a thousand of their own would not stay in any cache.
    tally: Mutex<Tally>,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs one target per client and reports. `servers` are the processes whose cost is counted.
///
/// # Errors
/// If the plan is wrong or a client's task dies.
pub async fn run<T: Target>(
    name: &str,
    targets: Vec<T>,
    plan: &Plan,
    servers: &[u32],
    progress: bool,
) -> Result<Report, String> {
    plan.check()?;
    let start = ambient::now();
    let measure = start + plan.warm_up();
    let end = measure + plan.duration();
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        keys: Keys::new(plan),
        start,
        measure,
        end,
        stop: AtomicBool::new(false),
        tally: Mutex::new(Tally::new()),
    });
    let clients: Vec<_> = (0u64..)
        .zip(targets)
        .map(|(number, target)| ambient::spawn(client(Arc::clone(&shared), number, target)))
        .collect();
    let watched = watch(&shared, servers, progress).await;
    for client in clients {
        client.await.map_err(|error| error.to_string())?;
    }
    Ok(shared.tally().report(name, plan, watched.took, watched.cost, watched.own))
}

/// What happened beside the clients.
struct Watched {
    took: Duration,
    cost: Usage,
    own: Usage,
}

/// Shows progress, ends the run, and reads what it cost from the end of the warm-up on.
async fn watch(shared: &Shared, servers: &[u32], progress: bool) -> Watched {
    let own = [std::process::id()];
    ambient::sleep_until(shared.measure).await;
    let before = (usage(servers), usage(&own));
    let bar = if progress { bar(shared.plan.seconds) } else { ProgressBar::hidden() };
    let limit = shared.plan.operations.unwrap_or(u64::MAX);
    while ambient::now() < shared.end && shared.tally().ended() < limit {
        let elapsed = shared.measure.elapsed();
        let done = shared.tally().ended();
        bar.set_position(elapsed.as_millis() as u64);
        bar.set_message(format!("{:.0} op/s", done as f64 / elapsed.as_secs_f64().max(0.001)));
        ambient::sleep_until((ambient::now() + LOOK).min(shared.end)).await;
    }
    shared.stop.store(true, Relaxed);
    let took = shared.measure.elapsed();
    bar.finish_and_clear();
    let spent = |after: Usage, before: Usage| Usage {
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        rss_bytes: after.rss_bytes,
    };
    Watched { took, cost: spent(usage(servers), before.0), own: spent(usage(&own), before.1) }
}

fn bar(seconds: f64) -> ProgressBar {
    let bar = ProgressBar::new((seconds * 1000.0) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% {msg}") {
        bar.set_style(style);
    }
    bar
}

async fn client<T: Target>(shared: Arc<Shared>, number: u64, mut target: T) {
    let plan = &shared.plan;
    let mut rng = Rng::new(plan.seed).fork(&number.to_string());
    let mut value = vec![0u8; plan.value_size];
    value.iter_mut().for_each(|byte| *byte = b'a' + rng.below(26) as u8);
    let interval = plan.interval();
    let offset = interval.map(|interval| interval.mul_f64(rng.unit())).unwrap_or_default();
    let mut due = shared.start + offset;
    while !shared.stop.load(Relaxed) {
        // From the intended start: what waited for a stalled server waited, sent or not.
        let began = match interval {
            None => ambient::now(),
            Some(interval) => {
                let began = due;
                due += interval;
                if began >= shared.end {
                    break;
                }
                ambient::sleep_until(began).await;
                began
            }
        };
        let read = rng.below(100) < u64::from(plan.reads);
        let key = format!("key{:012}", shared.keys.draw(&mut rng));
        let outcome = if read { target.read(&key).await } else { target.write(&key, &value).await };
        let ended = ambient::now();
        let failed = outcome.is_err();
        if ended >= shared.measure && ended <= shared.end && !shared.stop.load(Relaxed) {
            shared.tally().record(read, ended - began, outcome);
        }
        if failed {
            // A server that refuses at once must not be flooded with the next request at once.
            ambient::sleep_until(ended + ERROR_PAUSE).await;
        }
    }
}

/// Microseconds from 1 to a minute with three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap_or_else(|_| {
        // The bounds are constants that the library accepts; any histogram is better than none.
        Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are within one to five"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        plan: Plan,
    }

    /// Answers at once, but for one long stall.
    struct Stalls(u32);

    impl Target for Stalls {
        async fn write(&mut self, _: &str, value: &[u8]) -> Result<(), String> {
            assert_eq!(value.len(), 256);
            self.0 += 1;
            if self.0 == 10 {
                ambient::sleep_until(ambient::now() + Duration::from_secs(1)).await;
            }
            tokio::task::yield_now().await;
            Ok(())
        }

        async fn read(&mut self, key: &str) -> Result<(), String> {
            Err(format!("no {key}"))
        }
    }

    fn plan(words: &[&str]) -> Plan {
        Arguments::parse_from([&["load", "--clients", "1", "--warm-up", "0"], words].concat()).plan
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_loop_feels_a_stall_in_every_request_it_delayed() {
        let plan = plan(&["--rate", "100", "--seconds", "4"]);
        let report = run("stalls", vec![Stalls(0)], &plan, &[], false).await.unwrap();
        assert!((380..=400).contains(&report.operations), "{}", report.operations);
        let slow = report.writes.p90_us;
        assert!(slow > 500_000, "a quarter of the requests waited for the stall: {slow}");
    }

    #[tokio::test]
    async fn errors_are_counted_and_not_timed() {
        let plan = plan(&["--reads", "100", "--seconds", "1", "--operations", "50"]);
        let report = run("stalls", vec![Stalls(0)], &plan, &[], false).await.unwrap();
        assert_eq!(report.operations, 0);
        assert!(report.errors > 0);
        assert!(report.first_error.unwrap().starts_with("no key"));
    }
}
