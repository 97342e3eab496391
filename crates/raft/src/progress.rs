//! A follower as its leader sees it.
//!
//! ```text
//!            agrees                        needs what the log dropped
//!   Probe ───────────▶ Replicate     Probe ──────────────────────────▶ Snapshot
//!     ▲                    │           ▲                                  │
//!     └── refuses, or lost ┘           └──────── has the snapshot ────────┘
//! ```
//!
//! Probe sends one message and waits, to find where the logs agree. Replicate sends ahead of the
//! acknowledgements, within a window of bytes and messages. Snapshot sends pieces.

use alloc::collections::VecDeque;

use kernel::{Duration, Instant, Now};

use crate::{config::Config, snapshot::Sending, status::PeerState};

/// Rounds under way of which it is known what had been sent before them: many times the way there
/// and back, in heartbeats.
const ROUNDS_MAX: usize = 64;

/// How a follower is being sent to.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    Probe {
        /// A message is under way since this round; the next one waits for an answer.
        paused: Option<u64>,
    },
    Replicate,
    Snapshot(Sending),
}

/// Append messages that are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inflight {
    /// Last index and bytes of each, oldest first.
    messages: VecDeque<(u64, u64)>,
    bytes: u64,
}

impl Inflight {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn has_room(&self, config: &Config) -> bool {
        self.messages.len() < config.inflight_messages_max
            && self.bytes < config.inflight_bytes_max.0
    }

    fn add(&mut self, last: u64, bytes: u64) {
        self.messages.push_back((last, bytes));
        self.bytes += bytes;
    }

    fn release(&mut self, matched: u64) {
        while let Some((_, bytes)) = self.messages.front().filter(|(last, _)| *last <= matched) {
            self.bytes -= bytes;
            self.messages.pop_front();
        }
    }

    fn clear(&mut self) {
        *self = Inflight::default();
    }
}

/// One follower.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Durable there and the same as here.
    pub(crate) matched: u64,
    /// To be sent next.
    pub(crate) next: u64,
    pub(crate) mode: Mode,
    pub(crate) inflight: Inflight,
    /// The greatest commit index that it was told.
    pub(crate) commit_sent: u64,
    /// When it was last heard from; when leadership began, if never.
    pub(crate) last_ack: Instant,
    /// The greatest heartbeat round that it answered.
    pub(crate) round: u64,
    /// The latest regular round sent to it.
    pub(crate) asked: u64,
    /// `next` when regular rounds were sent, oldest first: each holds from its round on.
    rounds: VecDeque<(u64, u64)>,
    /// Its disk is slow or failing.
    pub(crate) unwell: bool,
    /// It has lost its memory: it counts for nothing until it has recovered.
    pub(crate) amnesia: Option<Amnesia>,
}

/// A follower's lost memory, as the leader sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amnesia {
    /// Names the follower's present life.
    pub(crate) nonce: u64,
    /// The newest round when it last said so.
    pub(crate) round: u64,
    /// The entry that was made for its recovery.
    pub(crate) fence: Option<u64>,
}

impl Progress {
    pub(crate) fn new(next: u64, now: Instant) -> Progress {
        Progress {
            matched: 0,
            next,
            mode: Mode::Probe { paused: None },
            inflight: Inflight::default(),
            commit_sent: 0,
            last_ack: now,
            round: 0,
            asked: 0,
            rounds: VecDeque::new(),
            unwell: false,
            amnesia: None,
        }
    }

    pub(crate) fn state(&self) -> PeerState {
        match self.mode {
            Mode::Probe { .. } => PeerState::Probe,
            Mode::Replicate => PeerState::Replicate,
            Mode::Snapshot(_) => PeerState::Snapshot,
        }
    }

    /// What it adds to a majority: nothing while its memory is lost.
    pub(crate) fn counted(&self, value: u64) -> u64 {
        if self.amnesia.is_some() { 0 } else { value }
    }

    /// Whether it was heard from within `window`.
    pub(crate) fn is_active(&self, now: Now, window: Duration) -> bool {
        self.last_ack + window >= now.instant
    }

    /// Whether an append may be sent now.
    pub(crate) fn may_send(&self, config: &Config) -> bool {
        match self.mode {
            Mode::Probe { paused } => paused.is_none(),
            Mode::Replicate => self.inflight.has_room(config),
            Mode::Snapshot(_) => false,
        }
    }

    /// A regular round is sent to it.
    pub(crate) fn ask(&mut self, round: u64) {
        self.asked = round;
        if self.rounds.back().is_none_or(|(_, next)| *next != self.next) {
            self.rounds.push_back((round, self.next));
        }
        if self.rounds.len() > ROUNDS_MAX {
            self.rounds.pop_front();
        }
    }

    /// A round was answered: what `next` was when it was sent; none if that is not known any more.
    pub(crate) fn next_at(&mut self, round: u64) -> Option<u64> {
        while self.rounds.get(1).is_some_and(|(later, _)| *later <= round) {
            self.rounds.pop_front();
        }
        self.rounds.front().filter(|(since, _)| *since <= round).map(|(_, next)| *next)
    }

    /// An append up to `last` was sent.
    pub(crate) fn sent(&mut self, last: u64, bytes: u64) {
        match &mut self.mode {
            Mode::Probe { paused } => *paused = Some(self.asked),
            Mode::Replicate if last >= self.next => {
                self.inflight.add(last, bytes);
                self.next = last + 1;
            }
            _ => {}
        }
    }

    /// It holds everything up to `index`. `first` is the first index that the log still has.
    pub(crate) fn acknowledged(&mut self, index: u64, first: u64) {
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched + 1);
        self.inflight.release(self.matched);
        let ready = match &self.mode {
            Mode::Probe { .. } => index + 1 >= self.next,
            Mode::Replicate => false,
            // The log may have moved on while the snapshot travelled: then the next one follows.
            Mode::Snapshot(sending) => self.matched + 1 >= first || sending.is_done(self.matched),
        };
        if ready {
            self.mode = Mode::Replicate;
            self.next = self.matched + 1;
        }
    }

    /// Goes back to finding out where the logs agree.
    pub(crate) fn probe_from(&mut self, next: u64) {
        self.mode = Mode::Probe { paused: None };
        self.next = next.max(self.matched + 1);
        self.inflight.clear();
    }

    /// It has lost the entry at `index`, and says so: it holds nothing from there on. A late word
    /// of that harms nothing: its next acknowledgement makes it good.
    pub(crate) fn lost(&mut self, index: u64) {
        if index > 0 {
            self.matched = self.matched.min(index - 1);
        }
    }

    /// It forgot what it had acknowledged.
    pub(crate) fn forget(&mut self, next: u64) {
        self.matched = 0;
        self.probe_from(next);
    }

    /// A regular round was answered, with how far the logs agree: everything that was sent before it
    /// should have arrived before it. Later rounds may be under way: the way there and back may be
    /// longer than the time between rounds.
    pub(crate) fn notice_loss(&mut self, round: u64, verified: u64) {
        self.unpause(round);
        let lost = self.next_at(round).is_some_and(|next| verified + 1 < next);
        if lost && matches!(self.mode, Mode::Replicate) {
            kernel::sometimes!("raft: a heartbeat shows that an append was lost");
            self.probe_from(verified + 1);
        }
    }

    /// A regular round was answered that was sent after the probe: the probe, or its answer, is
    /// lost or late.
    fn unpause(&mut self, round: u64) {
        if let Mode::Probe { paused } = &mut self.mode {
            *paused = paused.filter(|since| round <= *since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{NodeId, limit::Bytes};

    fn replicating() -> Progress {
        let mut peer = Progress::new(5, Instant::ZERO);
        peer.acknowledged(4, 1);
        peer
    }

    #[test]
    fn a_probe_sends_once_and_an_answer_lets_it_run() {
        let config = Config::new(NodeId(1));
        let mut peer = Progress::new(5, Instant::ZERO);
        assert!(peer.may_send(&config));
        peer.sent(7, 100);
        assert!(!peer.may_send(&config));
        assert_eq!(peer.next, 5, "a probe does not run ahead");
        peer.acknowledged(7, 1);
        assert_eq!((peer.state(), peer.next), (PeerState::Replicate, 8));
    }

    #[test]
    fn the_window_is_bounded_in_messages_and_in_bytes() {
        let mut config = Config::new(NodeId(1));
        (config.inflight_messages_max, config.inflight_bytes_max) = (2, Bytes(100));
        let mut peer = replicating();
        peer.sent(5, 10);
        assert!(peer.may_send(&config));
        peer.sent(6, 10);
        assert!(!peer.may_send(&config), "two messages");
        peer.acknowledged(5, 1);
        peer.sent(7, 90);
        peer.acknowledged(6, 1);
        assert!(peer.may_send(&config));
        peer.sent(8, 10);
        assert!(!peer.may_send(&config), "a hundred bytes");
        assert_eq!(peer.inflight.bytes(), 100);
        peer.acknowledged(8, 1);
        assert_eq!(peer.inflight.bytes(), 0);
    }

    #[test]
    fn an_old_acknowledgement_moves_nothing_back() {
        let mut peer = replicating();
        peer.sent(9, 1);
        peer.acknowledged(9, 1);
        peer.acknowledged(6, 1);
        assert_eq!((peer.matched, peer.next), (9, 10));
        peer.probe_from(3);
        assert_eq!(peer.next, 10, "never below what is matched");
        peer.forget(3);
        assert_eq!((peer.matched, peer.next), (0, 3));
    }
}
