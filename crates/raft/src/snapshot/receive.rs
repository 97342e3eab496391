//! The follower's side of a snapshot.

use alloc::boxed::Box;

use kernel::{NodeId, Now};

use crate::{
    api::Output,
    entry::SnapshotMeta,
    message::{Body, SnapshotAck, SnapshotChunk},
    note::Note,
    process::NUMBER_MAX,
    raft::{Out, Raft},
};

/// A snapshot that is arriving.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    from: NodeId,
    term: u64,
    stream: u64,
    meta: SnapshotMeta,
    /// The piece that is wanted.
    next: u64,
}

impl Raft {
    pub(crate) fn on_snapshot_chunk(&mut self, from: NodeId, chunk: SnapshotChunk, out: &mut Out) {
        let SnapshotChunk { stream, meta, seq, data, last } = chunk;
        let sane = |meta: &SnapshotMeta| {
            meta.index < NUMBER_MAX && meta.term <= self.term && meta.membership.is_valid()
        };
        let Some(meta) = meta.map(|meta| *meta).filter(sane) else {
            return out.note(Note::Malformed { from });
        };
        if meta.index <= self.commit {
            // Nothing new: what is committed here is the leader's as well, and it is told so.
            self.following.vouch(self.commit);
            return;
        }
        let goes_on = self.incoming.as_ref().is_some_and(|incoming| {
            (incoming.from, incoming.term, incoming.stream) == (from, self.term, stream)
                && incoming.meta == meta
        });
        if self.installing.is_some() && !goes_on {
            // A whole one is with the host, in the place that this one would take. It is sent
            // again if it is still wanted when that one is installed.
            kernel::sometimes!("raft: a snapshot waits until another one is installed");
            return;
        }
        let running = self.incoming.take().filter(|_| goes_on);
        let fresh = || Incoming { from, term: self.term, stream, meta: meta.clone(), next: 0 };
        let mut incoming = running.unwrap_or_else(fresh);
        if seq == incoming.next {
            incoming.next += 1;
            if last {
                self.installing = Some(meta.clone());
                out.note(Note::SnapshotReceived { from, index: meta.index });
            }
            out.output(Output::SnapshotReceived { from, meta: Box::new(meta), seq, data, last });
        } else {
            kernel::sometimes!("raft: a piece of a snapshot came twice or too early");
        }
        let ack = SnapshotAck { stream, next: incoming.next };
        out.send(from, self.message(Body::SnapshotAck(ack)));
        self.incoming = Some(incoming);
    }

    /// The received snapshot is staged and durable in the engine, which now stands at its last
    /// index: the log starts anew after it. Acknowledged once that is durable.
    pub fn snapshot_installed(&mut self, now: Now, meta: &SnapshotMeta, out: &mut Out) {
        self.installing = None;
        self.incoming = self.incoming.take().filter(|incoming| incoming.meta != *meta);
        if meta.index <= self.emitted || self.lead.is_some() {
            return out.note(Note::SnapshotStale { index: meta.index });
        }
        let goes_on = self.log.reset(meta);
        if goes_on && self.disk.durable() >= meta.index {
            // The journal holds the same log: it is only cut at the front.
            self.disk.staged.compacted = true;
        } else {
            // What the journal holds is void, or was never written: what is kept goes after.
            self.disk.replaced_from(if goes_on { meta.index + 1 } else { 0 });
            self.disk.staged.snapshot = true;
            self.disk.staged.stage_log(meta.index + 1);
        }
        self.commit = self.commit.max(meta.index);
        self.emitted = meta.index;
        self.applied = meta.index;
        self.following.vouch(meta.index);
        self.timers.election_at = self.timers.election_at.max(now.instant + self.timers.patience);
        out.note(Note::SnapshotInstalled { index: meta.index });
    }

    /// The received snapshot could not be installed; the leader will send it again.
    pub fn snapshot_abandoned(&mut self) {
        self.installing = None;
        self.incoming = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Membership, Message, Out, Start};
    use bytes::Bytes;
    use kernel::{Effect, Event, Process, Rng};

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);

    fn meta(index: u64, term: u64) -> SnapshotMeta {
        SnapshotMeta { index, term, membership: Membership::new([N1, N2], [NodeId(3)]) }
    }

    /// The leader of a term sends the only piece of a snapshot. Which one the host gets, and
    /// whether the leader gets an answer.
    fn sent(raft: &mut Raft, from: NodeId, term: u64, meta: SnapshotMeta) -> (Option<u64>, bool) {
        let (data, meta) = (Bytes::from_static(b"all"), Some(meta.into()));
        let chunk = SnapshotChunk { stream: 1, meta, seq: 0, data, last: true };
        let message = Message { term, body: Some(Body::SnapshotChunk(chunk)) };
        let mut out = Out::new();
        raft.handle(Now::default(), Event::Message { from, message }, &mut out);
        let (mut got, mut answered) = (None, false);
        for effect in out.drain() {
            match effect {
                Effect::Output(Output::SnapshotReceived { meta, .. }) => got = Some(meta.index),
                Effect::Send {
                    message: Message { body: Some(Body::SnapshotAck(_)), .. }, ..
                } => {
                    answered = true;
                }
                _ => {}
            }
        }
        (got, answered)
    }

    #[test]
    fn a_snapshot_of_the_next_leader_waits_until_the_one_before_is_installed() {
        let mut raft = Raft::new(Config::new(NodeId(3)), Start::joining(), Rng::new(1));
        raft.handle(Now::default(), Event::Start, &mut Out::new());
        assert_eq!(sent(&mut raft, N1, 1, meta(184, 1)), (Some(184), true));
        assert_eq!(sent(&mut raft, N1, 1, meta(184, 1)), (None, true), "only the answer was lost");
        assert_eq!(sent(&mut raft, N2, 2, meta(186, 2)), (None, false));
        raft.snapshot_installed(Now::default(), &meta(184, 1), &mut Out::new());
        assert_eq!(raft.commit(), 184);
        assert_eq!(sent(&mut raft, N2, 2, meta(186, 2)), (Some(186), true));
        raft.snapshot_abandoned();
        assert_eq!(sent(&mut raft, N2, 2, meta(186, 2)), (Some(186), true), "from the beginning");
    }
}
