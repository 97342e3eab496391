//! Two timers and no ticks.
//!
//! Deadlines are plain fields that move with every message. The host's timer is set once and
//! re-armed when it fires: a timer that fires too early costs one event per election timeout, a
//! timer that is moved on every message would cost an effect per message.

use kernel::{Instant, Now, Rng, TimerId};

use crate::{
    api::Role,
    config::Config,
    raft::{Out, Raft},
};

/// Fires when an election may be due.
pub(crate) const ELECTION: TimerId = TimerId(0);
/// Fires when a leader has its rounds to make.
pub(crate) const HEARTBEAT: TimerId = TimerId(1);

/// Deadlines, and what the host was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    /// This replica's present draw from `[t, 2t)`.
    pub(crate) patience: kernel::Duration,
    pub(crate) election_at: Instant,
    pub(crate) heartbeat_at: Instant,
    /// When a leader was last heard, or this replica started.
    pub(crate) heard: Option<Instant>,
    /// A slow disk, or a log with holes, has let one election timeout pass, to let others go
    /// first.
    pub(crate) yielded: bool,
    election_set: Option<Instant>,
    heartbeat_set: Option<Instant>,
}

impl Timers {
    pub(crate) fn new(config: &Config, rng: &mut Rng) -> Timers {
        Timers {
            patience: draw(config, rng),
            election_at: Instant::ZERO,
            heartbeat_at: Instant::ZERO,
            heard: None,
            yielded: false,
            election_set: None,
            heartbeat_set: None,
        }
    }
}

fn draw(config: &Config, rng: &mut Rng) -> kernel::Duration {
    rng.duration(config.election_timeout, config.election_timeout.saturating_mul(2))
}

impl Raft {
    /// The next election is due a whole, newly drawn patience from now.
    pub(crate) fn restart_election_timer(&mut self, now: Now) {
        self.timers.patience = draw(&self.config, &mut self.rng);
        self.timers.election_at = now.instant + self.timers.patience;
    }

    /// A timer fired; the host no longer has it set.
    pub(crate) fn on_timer(&mut self, now: Now, timer: TimerId, out: &mut Out) {
        self.disk.judge(now, self.config.slow_disk, self.slow_memory());
        self.disk.retry = self.disk.failed;
        match timer {
            ELECTION => {
                self.timers.election_set = None;
                if self.lead.is_none() && now.instant >= self.timers.election_at {
                    self.on_election_timeout(now, out);
                }
            }
            HEARTBEAT => {
                self.timers.heartbeat_set = None;
                if self.lead.is_some() {
                    self.housekeeping(now, out);
                }
            }
            _ => {}
        }
    }

    /// Asks the host for the timer that this role needs, unless it is set early enough.
    pub(crate) fn arm(&mut self, out: &mut Out) {
        let timers = &mut self.timers;
        let (timer, set, at) = match self.role {
            Role::Leader => (HEARTBEAT, &mut timers.heartbeat_set, timers.heartbeat_at),
            _ => (ELECTION, &mut timers.election_set, timers.election_at),
        };
        if set.is_none_or(|earlier| earlier > at) {
            *set = Some(at);
            out.set_timer(timer, at);
        }
    }
}
