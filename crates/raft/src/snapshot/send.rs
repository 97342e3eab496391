//! The leader's side of a snapshot.

use alloc::boxed::Box;

use bytes::Bytes;
use kernel::{Instant, NodeId, Now};

use crate::{
    api::Output,
    entry::SnapshotMeta,
    message::{Body, Message, SnapshotAck, SnapshotChunk},
    note::Note,
    progress::{Mode, Progress},
    raft::{Out, Raft},
};

/// A snapshot on its way to one follower.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    stream: u64,
    /// Known once the host has given the first piece.
    meta: Option<SnapshotMeta>,
    /// The piece that is asked for, sent, or was sent last.
    seq: u64,
    wait: Wait,
    since: Instant,
}

/// What a transfer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The host's piece.
    Host,
    /// The follower's acknowledgement of a piece.
    Ack { last: bool },
    /// The follower's installation.
    Install,
    /// Better times: the host had nothing to give.
    Pause,
}

impl Sending {
    fn ask(&mut self, to: NodeId, seq: u64, out: &mut Out) {
        self.seq = seq;
        self.wait = Wait::Host;
        let snapshot = self.meta.clone().map(Box::new);
        out.output(Output::SnapshotWanted { to, snapshot, seq });
    }

    /// Whether a follower that holds everything up to `matched` needs no more of it.
    pub(crate) fn is_done(&self, matched: u64) -> bool {
        self.meta.as_ref().is_some_and(|meta| meta.index <= matched)
    }

    /// Whether nothing came for so long that the piece should go out again.
    fn is_overdue(&self, now: Now, retry: kernel::Duration) -> bool {
        let patience = match self.wait {
            Wait::Host => return false,
            Wait::Ack { .. } | Wait::Pause => retry,
            // Installing takes its time; the last piece again only tells a lost one.
            Wait::Install => retry.saturating_mul(4),
        };
        self.since + patience <= now.instant
    }
}

impl Progress {
    /// The log no longer holds what this follower needs.
    pub(crate) fn begin_snapshot(&mut self, to: NodeId, stream: u64, out: &mut Out) {
        self.probe_from(self.next);
        let mut sending =
            Sending { stream, meta: None, seq: 0, wait: Wait::Host, since: Instant::ZERO };
        sending.ask(to, 0, out);
        self.mode = Mode::Snapshot(sending);
    }

    fn sending(&mut self) -> Option<&mut Sending> {
        if let Mode::Snapshot(sending) = &mut self.mode { Some(sending) } else { None }
    }
}

impl Raft {
    /// Answers [`Output::SnapshotWanted`] with piece `seq` of `snapshot`. An answer to a
    /// question that is no longer open is ignored.
    #[allow(clippy::too_many_arguments)]
    pub fn snapshot_chunk(
        &mut self,
        now: Now,
        to: NodeId,
        snapshot: SnapshotMeta,
        seq: u64,
        data: Bytes,
        last: bool,
        out: &mut Out,
    ) {
        let term = self.term;
        let Some(lead) = &mut self.lead else { return };
        let Some(peer) = lead.peers.get_mut(&to) else { return };
        let Some(sending) = peer.sending() else { return };
        if sending.wait != Wait::Host || sending.seq != seq {
            return;
        }
        if sending.meta.as_ref().is_some_and(|meta| *meta != snapshot) {
            // Another snapshot: its pieces do not go with those that were sent.
            lead.streams += 1;
            sending.stream = lead.streams;
            sending.meta = None;
            out.note(Note::SnapshotRestarted { to });
            if seq > 0 {
                return sending.ask(to, 0, out);
            }
        }
        sending.meta = Some(snapshot.clone());
        sending.wait = Wait::Ack { last };
        sending.since = now.instant;
        let meta = Some(snapshot.into());
        let chunk = SnapshotChunk { stream: sending.stream, meta, seq, data, last };
        out.send(to, Message { term, body: Some(Body::SnapshotChunk(chunk)) });
    }

    /// Answers [`Output::SnapshotWanted`] when there is no such snapshot, or no such piece: the
    /// newest is asked for after a pause.
    pub fn snapshot_unavailable(&mut self, now: Now, to: NodeId) {
        let peer = self.lead.as_mut().and_then(|lead| lead.peers.get_mut(&to));
        if let Some(sending) = peer.and_then(Progress::sending)
            && sending.wait == Wait::Host
        {
            sending.wait = Wait::Pause;
            sending.since = now.instant;
        }
    }

    pub(crate) fn on_snapshot_ack(
        &mut self,
        now: Now,
        from: NodeId,
        ack: SnapshotAck,
        out: &mut Out,
    ) {
        let Some(lead) = &mut self.lead else { return };
        let Some(peer) = lead.peers.get_mut(&from) else { return };
        let Some(sending) = peer.sending().filter(|sending| sending.stream == ack.stream) else {
            return;
        };
        let received = ack.next == sending.seq + 1;
        match sending.wait {
            Wait::Ack { last: true } if received => {
                sending.wait = Wait::Install;
                sending.since = now.instant;
                out.note(Note::SnapshotSent { to: from, chunks: ack.next });
            }
            // An old acknowledgement of the piece before.
            Wait::Ack { .. } if ack.next == sending.seq => {}
            Wait::Install if received => {}
            Wait::Ack { .. } | Wait::Install => {
                if ack.next == 0 {
                    out.note(Note::SnapshotRestarted { to: from });
                }
                sending.ask(from, ack.next, out);
            }
            Wait::Host | Wait::Pause => {}
        }
    }

    /// Sends again what seems lost, to followers that are there.
    pub(crate) fn check_snapshots(&mut self, now: Now, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        for (node, peer) in &mut lead.peers {
            let active = peer.is_active(now, self.config.election_timeout);
            let Some(sending) = peer.sending().filter(|_| active) else { continue };
            if !sending.is_overdue(now, self.config.snapshot_retry) {
                continue;
            }
            if sending.wait == Wait::Pause {
                lead.streams += 1;
                peer.begin_snapshot(*node, lead.streams, out);
            } else {
                kernel::sometimes!("raft: a piece of a snapshot is sent again");
                sending.ask(*node, sending.seq, out);
            }
        }
    }
}
