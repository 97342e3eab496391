//! The thread that owns the journal: everything that waits is one append and one sync.
//!
//! ```text
//!   worker ──▶ jobs ──▶ append all ─▶ fdatasync ─▶ Persisted(tokens) ──▶ worker
//!                ▲           │
//!                └ gathers ──┘ while the disk works
//! ```
//!
//! After a quiet moment it marks the end of the log as durable, and once in a while it looks
//! whether the disk has room and whether the journal is too long.

use std::sync::Arc;

use kernel::{
    Duration, Instant, ShardId, Token,
    disk::{Disk, DiskError},
};
use store::journal::{Journal, JournalError, Record};
use tracing::{error, info, warn};
use vigil::{Event, Severity};

use crate::{
    ambient::{self, Clock},
    chaos::Chaos,
    flight::Flight,
    mailbox::{Mailbox, Taken},
    metrics::Metrics,
    room::Room,
    vitals::Pulse,
    worker::Appends,
};

/// Nothing to do for so long is a quiet moment.
const QUIET: Duration = Duration::from_millis(5);
/// Between looks at the disk and at the length of the journal.
const LOOK: Duration = Duration::from_secs(1);

/// A sync that takes so long is an event.
const STALL: Duration = Duration::from_millis(500);

/// What the thread is asked.
#[derive(Debug)]
pub enum Job {
    /// Append and sync.
    Append(Appends<Record>),
    /// Everything that was damaged is repaired, or known to need it.
    Healed,
    /// End the thread after what came before.
    Stop,
}

/// What the thread reports.
#[derive(Debug, PartialEq, Eq)]
pub enum Report {
    /// These tokens are durable.
    Persisted(Vec<Token>),
    /// These are not.
    Failed(Vec<Token>),
    /// The disk has no room, or has room again.
    Full(bool),
    /// The journal is too long because of these shards.
    Pressure(Vec<ShardId>),
    /// The journal is gone: only a restart can tell what is on the disk.
    Broken(String),
}

/// Called once, before the first report of something durable; kept until the thread ends.
pub type First = Box<dyn FnMut() -> Result<(), String> + Send>;

/// The thread's state.
pub struct JournalThread<D: Disk, F> {
    journal: Journal<D>,
    jobs: Arc<Mailbox<Job>>,
    report: F,
    first: First,
    /// Whether something became durable.
    begun: bool,
    room: Room,
    clock: Clock,
    chaos: Arc<Chaos>,
    metrics: Arc<Metrics>,
    flight: Arc<Flight>,
    pulse: Arc<Pulse>,
    looked: Instant,
    pressed: Vec<ShardId>,
    broken: bool,
}

impl<D: Disk, F> std::fmt::Debug for JournalThread<D, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalThread").field("broken", &self.broken).finish_non_exhaustive()
    }
}

/// What the thread needs besides the journal and its jobs.
#[derive(Debug)]
pub struct Surroundings {
    /// Watches the journal's disk.
    pub room: Room,
    /// For the latency of syncs.
    pub clock: Clock,
    /// Slowness to inject.
    pub chaos: Arc<Chaos>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Events.
    pub flight: Arc<Flight>,
    /// How the node is.
    pub pulse: Arc<Pulse>,
}

impl<D: Disk, F: FnMut(Report)> JournalThread<D, F> {
    /// A thread that has not begun.
    #[must_use]
    pub fn new(
        journal: Journal<D>,
        jobs: Arc<Mailbox<Job>>,
        report: F,
        first: First,
        around: Surroundings,
    ) -> JournalThread<D, F> {
        JournalThread {
            journal,
            jobs,
            report,
            first,
            begun: false,
            room: around.room,
            clock: around.clock,
            chaos: around.chaos,
            metrics: around.metrics,
            flight: around.flight,
            pulse: around.pulse,
            looked: Instant::ZERO,
            pressed: Vec::new(),
            broken: false,
        }
    }

    /// Runs until it is stopped; gives the journal back.
    pub fn run(mut self) -> Journal<D> {
        let mut jobs = Vec::new();
        let mut quiet = false;
        loop {
            let wait = if quiet { LOOK } else { QUIET };
            match self.jobs.take(&mut jobs, Some(wait)) {
                Taken::Items => {
                    quiet = false;
                    let stop = jobs.iter().any(|job| matches!(job, Job::Stop));
                    self.append(jobs.drain(..));
                    if stop {
                        break;
                    }
                }
                Taken::Nothing => {
                    if !quiet {
                        self.rest();
                        quiet = true;
                    }
                }
                Taken::Closed => break,
            }
            self.look();
        }
        self.rest();
        self.journal
    }

    /// Appends all jobs as one and reports.
    fn append(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut tokens = Vec::new();
        let mut records = Vec::new();
        for job in jobs {
            match job {
                Job::Append(appends) => {
                    for (token, more) in appends {
                        tokens.push(token);
                        records.extend(more);
                    }
                }
                Job::Healed => self.heal(),
                Job::Stop => {}
            }
        }
        if tokens.is_empty() {
            return;
        }
        match self.write(&records) {
            Ok(()) => (self.report)(Report::Persisted(tokens)),
            Err(error) => {
                self.metrics.journal_failures.inc();
                (self.report)(Report::Failed(tokens));
                self.failed(&error);
            }
        }
    }

    fn write(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let begun = self.clock.instant();
        if let Err(error) = self.journal.append(records) {
            if error != JournalError::Full {
                return Err(error);
            }
            // A sync may give segments back; then there is room for this append.
            self.journal.sync()?;
            self.journal.append(records)?;
        }
        let appended = self.clock.instant().since(begun);
        self.metrics.append.observe(appended.as_secs_f64());
        let delay = self.chaos.sync_delay();
        if !delay.is_zero() {
            ambient::sleep(delay);
        }
        self.journal.sync()?;
        let took = self.clock.instant().since(begun);
        self.metrics.sync.observe(took.as_secs_f64());
        self.pulse.counts.sync(self.clock.instant(), took);
        if took >= STALL {
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let text = format!("the disk took {ms} ms for one sync of the journal");
            let event = Event::new("disk-stalled", Severity::Warning, text).with("took_ms", ms);
            self.flight.record_seldom("disk-stalled", event);
        }
        self.metrics.sync_records.observe(records.len() as f64);
        let bytes: usize = records.iter().map(|record| record.body.len()).sum();
        self.metrics.journal_written.inc_by(bytes as u64);
        if !self.begun {
            (self.first)().map_err(|text| JournalError::Disk(DiskError::Io(text)))?;
            self.begun = true;
        }
        Ok(())
    }

    fn failed(&mut self, error: &JournalError) {
        if *error == JournalError::Full {
            if self.room.hit() {
                warn!("[disk-full] the journal has no room: writes are refused until there is");
                self.tell_full(true);
                (self.report)(Report::Full(true));
            }
        } else if !std::mem::replace(&mut self.broken, true) {
            let text = format!("the journal failed, the node must be restarted: {error}");
            self.flight.record(Event::new("journal-broken", Severity::Alarm, text));
            error!(%error, "[journal-broken] the journal failed: the node must be restarted");
            (self.report)(Report::Broken(error.to_string()));
        }
    }

    fn tell_full(&self, full: bool) {
        let (severity, text) = match full {
            true => (Severity::Alarm, "the disk is full: writes are refused until it has room"),
            false => (Severity::Info, "the disk has room again"),
        };
        self.flight.record(Event::new(
            if full { "disk-full" } else { "disk-free" },
            severity,
            text,
        ));
    }

    fn heal(&mut self) {
        match self.journal.healed() {
            Ok(()) => info!("the damage in the journal is dealt with"),
            Err(error) => self.failed(&error),
        }
    }

    /// What a quiet moment is good for.
    fn rest(&mut self) {
        if self.broken {
            return;
        }
        if let Err(error) = self.journal.mark_idle().and_then(|_| self.journal.tidy()) {
            self.failed(&error);
        }
    }

    /// Looks after room and length, at most once per second.
    fn look(&mut self) {
        let now = self.clock.instant();
        if now.since(self.looked) < LOOK {
            return;
        }
        self.looked = now;
        if let Some(full) = self.room.look(&self.chaos) {
            self.tell_full(full);
            match full {
                true => warn!("[disk-full] writes are refused until the disk has room again"),
                false => info!("the disk has room again"),
            }
            (self.report)(Report::Full(full));
        }
        let bytes = self.journal.stats().bytes;
        self.metrics.journal_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let pressed = self.journal.pressure();
        if !pressed.is_empty() && pressed != self.pressed {
            (self.report)(Report::Pressure(pressed.clone()));
        }
        self.pressed = pressed;
    }
}

#[cfg(test)]
mod tests;
