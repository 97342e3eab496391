//! Commands: read, draft, write, reply.

use alloc::{format, vec::Vec};

use bytes::Bytes;
use kernel::Version;
use prost::Message;
use store::{engine::EngineError, view::View};

use super::{
    Error, auth, compact,
    draft::Draft,
    error::Stop,
    import, lease,
    limits::{IMPORT_BYTES_MAX, REQUEST_BYTES_MAX},
    look::Live,
    meta::encode,
    queue, recipe,
    told::{Stretch, Told},
    txn,
    wire::{Act, Command, Outcome, Reply},
};
use crate::Rejected;

impl Command {
    /// Decodes a command and checks it.
    ///
    /// # Errors
    /// If the bytes are no command, or one that [`Command::check`] refuses.
    pub fn read(bytes: &Bytes) -> Result<Command, Rejected> {
        let within = |max| match bytes.len() > max {
            true => Err(Rejected(Error::RequestTooLarge.text().into())),
            false => Ok(()),
        };
        within(IMPORT_BYTES_MAX)?;
        let command = Command::decode(bytes.clone())
            .map_err(|e| Rejected(format!("not a coordination command: {e}")))?;
        if !matches!(command.act, Some(Act::Import(_))) {
            within(REQUEST_BYTES_MAX)?;
        }
        command.check().map_err(|error| Rejected(error.text().into()))?;
        Ok(command)
    }

    pub(crate) fn apply(
        &self,
        view: &mut dyn View,
        told: Option<&mut Told>,
    ) -> Result<Bytes, EngineError> {
        let version = view.version();
        let mut live = Live(view);
        let mut draft = Draft::open(&mut live)?;
        let reply = match carry_out(self, &mut draft, version) {
            Ok(outcome) => {
                if let Some(told) = told {
                    told.add(self.told(&draft)?);
                }
                draft.finish().write(live.0)?;
                Reply { error: None, outcome: Some(outcome) }
            }
            Err(Stop::Refused(error)) => {
                if let Some(told) = told {
                    let revision = draft.before().revision;
                    told.add(Stretch::new(revision, revision, Vec::new()));
                }
                Reply { error: Some(error as i32), outcome: None }
            }
            Err(Stop::Engine(error)) => return Err(error),
        };
        Ok(encode(&reply))
    }

    /// What it changed, for who watches. Who may watch is asked anew when auth changes, and an import
    /// brings its revisions along: after both, what there is has to be read.
    fn told(&self, draft: &Draft<'_>) -> Result<Option<Stretch>, EngineError> {
        match self.act {
            Some(Act::Auth(_) | Act::Import(_)) => Ok(None),
            _ => draft.told(),
        }
    }

    /// Whether it takes no lasting space: such commands are let in when the disk is full.
    pub(crate) fn frees(&self) -> bool {
        match &self.act {
            Some(Act::Txn(request)) => request.puts_nothing(),
            Some(Act::Recipe(request)) => recipe::frees(request),
            Some(
                Act::Put(_)
                | Act::LeaseGrant(_)
                | Act::Lock(_)
                | Act::Campaign(_)
                | Act::Proclaim(_)
                | Act::Import(_),
            ) => false,
            _ => true,
        }
    }
}

fn carry_out(command: &Command, draft: &mut Draft<'_>, at: Version) -> Result<Outcome, Stop> {
    if draft.before().importing && !matches!(command.act, Some(Act::Import(_))) {
        return Err(Error::Importing.into());
    }
    if draft.before().auth {
        auth::act(draft, command)?;
    }
    queue::guarded(draft, &command.guards)?;
    Ok(match &command.act {
        Some(Act::Put(request)) => Outcome::Put(txn::put(draft, request)?),
        Some(Act::DeleteRange(request)) => Outcome::DeleteRange(txn::delete_range(draft, request)?),
        Some(Act::Txn(request)) => Outcome::Txn(txn::txn(draft, request)?),
        Some(Act::Compaction(request)) => Outcome::Compaction(compact::compact(draft, request)?),
        Some(Act::Sweep(_)) => Outcome::Sweep(compact::sweep(draft)?),
        Some(Act::LeaseGrant(request)) => Outcome::LeaseGrant(lease::grant(draft, request, at)?),
        Some(Act::LeaseRevoke(request)) => Outcome::LeaseRevoke(lease::revoke(draft, request)?),
        Some(Act::LeaseRenew(request)) => Outcome::LeaseRenew(lease::renew(draft, request, at)?),
        Some(Act::LeaseCheckpoint(request)) => {
            Outcome::LeaseCheckpoint(lease::checkpoint(draft, request)?)
        }
        Some(Act::LeaseExpire(request)) => Outcome::LeaseExpire(lease::expire(draft, request)?),
        Some(Act::Lock(request)) => Outcome::Lock(queue::lock(draft, request)?),
        Some(Act::Unlock(request)) => Outcome::Unlock(queue::unlock(draft, request)?),
        Some(Act::Campaign(request)) => Outcome::Campaign(queue::campaign(draft, request)?),
        Some(Act::Proclaim(request)) => Outcome::Proclaim(queue::proclaim(draft, request)?),
        Some(Act::Resign(request)) => Outcome::Resign(queue::resign(draft, request)?),
        Some(Act::Import(request)) => Outcome::Import(import::import(draft, request, at.index)?),
        Some(Act::Auth(request)) => Outcome::Auth(auth::carry_out(draft, request)?),
        Some(Act::Recipe(request)) => Outcome::Recipe(recipe::carry_out(draft, request)?),
        None => return Err(Error::KeyNotFound.into()),
    })
}
