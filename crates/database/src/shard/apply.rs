//! Applying committed entries: the deterministic heart.
//!
//! Every replica runs the same entries over the same state and reaches the same state, replies
//! and digest. What differs between replicas is only who waits for the verdicts.

use alloc::vec::Vec;

use bytes::Bytes;
use kernel::{Incarnation, Version, bug, clock::hybrid::Timestamp};
use layers::coordination::{LeaseChange, Told, lease_changes, unswept};
use prost::Message;
use raft::{Entry, EntryKind, Membership};
use store::{
    engine::{Batch, EngineError, Read},
    mvcc::{Pending, Space},
};

use crate::{
    catalog,
    command::{Command, Digest, Do},
};

use super::{Applied, Bounds, Found, Outcomes, Runs};

/// What became of an entry's command.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It took effect, now or before.
    Done {
        /// The program's reply.
        reply: Bytes,
        /// The version of its write.
        version: Version,
        /// Whether an earlier entry had taken effect under this request id.
        repeated: bool,
    },
    /// Its request id was declared not done.
    Cancelled,
    /// Its request id belongs to another request.
    Reused,
    /// It was a question about a fate: the request never took effect and never will.
    NotDone,
    /// It changed nothing that anybody waits for.
    Nothing,
}

/// Applies entries of one replica into one batch.
pub struct Applier<'a, R: Read> {
    pending: Pending<'a, R>,
    runs: &'a Runs,
    applied: Applied,
    outcomes: &'a mut Outcomes,
    bounds: Bounds,
    born: Incarnation,
    space: Space,
    digests: Vec<(u64, u64)>,
    diverged: Option<Digest>,
    /// What is followed of a coordination program, if its clock runs here.
    followed: Option<Followed>,
    /// What commands changed, if anybody watches here.
    told: Option<Told>,
    /// The entry was applied before: only a planted bug goes on.
    again: bool,
    /// The local time of day, for a planted bug alone.
    wall: kernel::Wall,
}

/// What the leader of a coordination program follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// What changed about leases, in order.
    pub leases: Vec<LeaseChange>,
    /// Something compacted is left to sweep.
    pub unswept: bool,
}

/// What applying a run of entries left behind.
pub struct Result {
    /// To be written to the engine.
    pub batch: Batch,
    /// The new position.
    pub applied: Applied,
    /// Digests at some indexes, to compare with a leader's later.
    pub digests: Vec<(u64, u64)>,
    /// The leader's digest that this replica's does not match.
    pub diverged: Option<Digest>,
    /// What there was to follow.
    pub followed: Followed,
    /// How many overwritten versions there are more.
    pub superseded: usize,
    /// No key has an earlier deadline.
    pub earliest: Timestamp,
    /// What was told, if anybody listened.
    pub told: Option<Told>,
}

/// A digest is remembered at every index that is a multiple of this.
pub const DIGEST_EVERY: u64 = 64;

impl<'a, R: Read> Applier<'a, R> {
    /// Goes on from `applied`, in a shard that was made in the incarnation `born`.
    #[allow(clippy::too_many_arguments, reason = "everything that decides what is applied")]
    pub fn new(
        engine: &'a R,
        space: Space,
        runs: &'a Runs,
        applied: Applied,
        outcomes: &'a mut Outcomes,
        bounds: Bounds,
        born: Incarnation,
        wall: kernel::Wall,
    ) -> Applier<'a, R> {
        let history = matches!(runs, Runs::Keyspace { contract, .. } if contract.versions_s() > 0);
        let pending = Pending::new(engine, space, history, applied.digest);
        let digests = Vec::new();
        Applier {
            pending,
            runs,
            applied,
            outcomes,
            bounds,
            born,
            space,
            digests,
            diverged: None,
            followed: None,
            told: None,
            again: false,
            wall,
        }
    }

    /// Follows what concerns the clock of leases.
    #[must_use]
    pub fn following(self, follows: bool) -> Applier<'a, R> {
        Applier { followed: follows.then(Followed::default), ..self }
    }

    /// Looks for keys whose time is up from here on.
    #[must_use]
    pub fn none_due_before(self, earliest: Timestamp) -> Applier<'a, R> {
        Applier { pending: self.pending.none_due_before(earliest), ..self }
    }

    /// Tells what commands change, if anybody listens.
    #[must_use]
    pub fn telling(self, told: Option<Told>) -> Applier<'a, R> {
        Applier { told, ..self }
    }

    /// Applies the next entry; one that is applied already is skipped.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn apply(
        &mut self,
        entry: &Entry,
        known: impl Fn(u64) -> Option<u64>,
    ) -> core::result::Result<Verdict, EngineError> {
        self.again = entry.index <= self.applied.index;
        if self.again && !bug::planted(bug::Bug::ApplyTwice) {
            return Ok(Verdict::Nothing);
        }
        self.applied.index = entry.index;
        self.applied.term = entry.term;
        let verdict = match EntryKind::try_from(entry.kind) {
            Ok(EntryKind::Command) => self.command(entry, known)?,
            Ok(EntryKind::Membership) => {
                if let Some(membership) = entry.as_membership() {
                    self.applied.membership = membership;
                }
                Verdict::Nothing
            }
            _ => Verdict::Nothing,
        };
        if entry.index.is_multiple_of(DIGEST_EVERY) {
            self.digests.push((entry.index, self.pending.digest()));
        }
        Ok(verdict)
    }

    fn command(
        &mut self,
        entry: &Entry,
        known: impl Fn(u64) -> Option<u64>,
    ) -> core::result::Result<Verdict, EngineError> {
        let Ok(command) = Command::decode(entry.data.clone()) else { return Ok(Verdict::Nothing) };
        self.applied.timestamp = self.applied.timestamp.max(Timestamp(command.timestamp));
        if let Some(Do::Cut(next) | Do::Sever(next)) = command.act {
            self.applied.incarnation = self.applied.incarnation.max(Incarnation(next));
        }
        let version = self.applied.version(self.born);
        let found = match command.request_id.is_empty() || self.again {
            true => None,
            false => self.outcomes.find(&self.pending, &command.request_id)?,
        };
        match command.act {
            Some(Do::Program(body)) => self.program(version, &command.request_id, &body, found),
            Some(Do::Fence(_)) => self.fence(version, &command.request_id, found),
            Some(Do::Digest(theirs)) => {
                let mine = self.digests.iter().find(|(index, _)| *index == theirs.index);
                let mine = mine.map(|(_, digest)| *digest).or_else(|| known(theirs.index));
                if mine.is_some_and(|mine| mine != theirs.digest) {
                    self.diverged = Some(theirs);
                }
                Ok(Verdict::Nothing)
            }
            Some(Do::Sever(next)) => {
                if let Runs::Keyspace { contract, .. } = self.runs {
                    let view = &mut self.pending.view(version);
                    layers::cut(contract.program, view, Incarnation(next))?;
                    if let Some(told) = &mut self.told {
                        told.add(None);
                    }
                }
                Ok(Verdict::Nothing)
            }
            Some(Do::Cut(_)) | None => Ok(Verdict::Nothing),
        }
    }

    fn program(
        &mut self,
        version: Version,
        id: &Bytes,
        body: &Bytes,
        found: Option<Found>,
    ) -> core::result::Result<Verdict, EngineError> {
        let fingerprint = Command::fingerprint(body);
        match found {
            Some(Found { reply: None, .. }) => return Ok(Verdict::Cancelled),
            Some(found) if found.fingerprint != fingerprint => return Ok(Verdict::Reused),
            Some(Found { reply: Some(reply), version, .. }) => {
                kernel::sometimes!("outcomes: a repeat was recognised");
                return Ok(Verdict::Done { reply, version, repeated: true });
            }
            None => {}
        }
        let view = &mut self.pending.view(version);
        if bug::planted(bug::Bug::TtlByLocalClock) {
            use store::view::View as _;
            for key in view.expired(Timestamp::new(self.wall.0, 0), 16)? {
                view.delete(&key)?;
            }
        }
        let reply = match self.runs {
            Runs::Catalog => catalog::apply(body, view)?,
            Runs::Unknown => Bytes::new(),
            Runs::Keyspace { contract, .. } => {
                layers::apply(contract.program, body, view, self.told.as_mut())?
            }
        };
        if let Some(followed) = &mut self.followed {
            followed.leases.extend(lease_changes(version.index, body, &reply));
            followed.unswept = unswept(&reply).unwrap_or(followed.unswept);
        }
        let found = Found { version, fingerprint, reply: Some(reply) };
        if !id.is_empty() {
            self.outcomes.keep(&mut self.pending, id, &found, &self.bounds);
        }
        let reply = found.reply.unwrap_or_default();
        Ok(Verdict::Done { reply, version, repeated: false })
    }

    fn fence(
        &mut self,
        version: Version,
        id: &Bytes,
        found: Option<Found>,
    ) -> core::result::Result<Verdict, EngineError> {
        match found {
            Some(Found { reply: Some(reply), version, .. }) => {
                Ok(Verdict::Done { reply, version, repeated: true })
            }
            Some(Found { reply: None, .. }) => Ok(Verdict::NotDone),
            None => {
                if !bug::planted(bug::Bug::FateWithoutFence) {
                    let found = Found { version, fingerprint: 0, reply: None };
                    self.outcomes.keep(&mut self.pending, id, &found, &self.bounds);
                }
                Ok(Verdict::NotDone)
            }
        }
    }

    /// Ends the run.
    #[must_use]
    pub fn finish(mut self) -> Result {
        self.outcomes.write(&mut self.pending);
        let mut applied = self.applied;
        applied.digest = self.pending.digest();
        applied.bytes = applied.bytes.saturating_add_signed(self.pending.grown());
        let (superseded, earliest) = (self.pending.superseded(), self.pending.earliest());
        let mut batch = self.pending.into_batch();
        batch.put(Applied::key(&self.space), applied.encode());
        let followed = self.followed.unwrap_or_default();
        let (digests, diverged, told) = (self.digests, self.diverged, self.told);
        Result { batch, applied, digests, diverged, followed, superseded, earliest, told }
    }

    /// The membership before any entry was applied.
    pub fn founded(&mut self, membership: &Membership) {
        if self.applied.membership.is_empty() {
            self.applied.membership = membership.clone();
        }
    }
}
