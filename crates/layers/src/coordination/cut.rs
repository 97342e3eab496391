//! Where history is cut: after a forced recovery, some of what had been answered never was.
//!
//! ```text
//!   kept   … 99 100 │ 101 102 103        lost, with locks, leases and watches that saw it
//!                   └───────────▶ 100 + a million millions    the new history goes on here
//! ```
//!
//! Nothing that a client holds from before may be taken for something of the new history.
//!
//! - *Revisions* go on far above all that can have been lost, so none is given twice: a fencing
//!   token, a compare or a sequential number of the lost part fits nothing.
//! - *Leases* end, with all their keys: whoever held something lives through an outage of which
//!   nobody can say how it ended. So no holder of before holds, and every token is greater than all
//!   before it, whatever was lost.
//! - *Everything before is compacted*: a watch that goes on from there, or from the lost part, is
//!   told so, and its client reads anew. That is what clients do with a restored etcd, too.
//! - *Logins* end. Users and passwords stay as they are here.

use alloc::vec::Vec;

use kernel::{
    Incarnation,
    bug::{Bug, planted},
};
use store::{engine::EngineError, view::View};

use super::{
    auth,
    draft::Draft,
    error::Stop,
    keys, lease,
    limits::CUT_REVISIONS,
    look::{Live, Pages},
};

/// Cuts history: what follows is of this incarnation.
pub(crate) fn cut(view: &mut dyn View, next: Incarnation) -> Result<(), EngineError> {
    let mut live = Live(view);
    let mut draft = Draft::open(&mut live)?;
    if draft.before().incarnation >= next.0 || planted(Bug::CutForgotten) {
        return Ok(());
    }
    match sever(&mut draft, next) {
        Ok(()) => draft.finish().write(live.0),
        Err(Stop::Engine(error)) => Err(error),
        // Nothing here is refused.
        Err(Stop::Refused(_)) => Ok(()),
    }
}

fn sever(draft: &mut Draft<'_>, next: Incarnation) -> Result<(), Stop> {
    let meta = draft.touch();
    meta.revision = meta.revision.saturating_add(CUT_REVISIONS);
    let mut leases = Vec::new();
    let mut pages = Pages::new(keys::leases_after(0));
    while let Some((raw, _)) = pages.next(draft.base())? {
        leases.extend(keys::parse_lease(&raw));
    }
    for id in leases {
        lease::end(draft, id)?;
    }
    auth::cut(draft)?;
    let revision = draft.revision();
    let meta = draft.touch();
    (meta.incarnation, meta.cut, meta.compacted) = (next.0, revision, revision);
    Ok(())
}
