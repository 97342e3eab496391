//! Brings the hub what changes in the keyspace: as the replica here tells it, or by reading.
//!
//! ```text
//!   replica ── told: revisions 7, 8 ──▶ hub at 7        goes on where the hub is: handed out
//!           ── told: revision 12 ─────▶ hub at 9        does not, or nothing was told: a page is read
//! ```
//!
//! What is told needs no look at the replica's state, so watches cost its worker next to nothing.

use std::sync::Arc;

use contract::Consistency;
use kernel::Duration;
use layers::coordination::{Answer, Ask, Caller};

use super::{PAUSE, hub::Position};
use crate::{Backend, ambient, etcd::serve::Shared};

/// Where this node has no replica, nobody says that there is something new.
const POLL: Duration = Duration::from_millis(20);
/// Where it has one, a look now and then costs nothing, and finds what was not told.
const LOOK: Duration = Duration::from_secs(1);

/// Reads for ever, while somebody watches.
pub async fn read<B: Backend>(shared: Arc<Shared<B>>) {
    let (backend, keyspace) = (&shared.backend, &shared.keyspace.name);
    let mut changes = backend.changes(keyspace);
    // Up to which index everything is handed out, and whether there may be more than is told.
    let (mut done, mut look) = (0, true);
    loop {
        let Some(position) = shared.hub.position() else {
            backend.watched(keyspace, false);
            shared.hub.wanted().await;
            backend.watched(keyspace, true);
            look = true;
            continue;
        };
        let applied = *changes.borrow_and_update();
        let known = applied > 0 && applied == done && !look || {
            let (upto, told) = backend.told(keyspace);
            done = upto;
            told.is_some_and(|stretch| shared.hub.tell(stretch))
        };
        let more = !known && page(&shared, position).await;
        look = more || {
            let wait = if applied > 0 { LOOK } else { POLL };
            let word = ambient::within(wait, changes.changed()).await;
            // Told that nobody will ever tell: that is no reason to look all the time.
            if word.as_ref().is_some_and(Result::is_err) {
                ambient::sleep(POLL).await;
            }
            !matches!(word, Some(Ok(())))
        };
    }
}

/// Reads a page and hands it out; says whether there is one more to read at once.
async fn page<B: Backend>(shared: &Shared<B>, position: Position) -> bool {
    let ask = Ask::Changes(position.request());
    let (level, timeout) = (Consistency::EVENTUAL, shared.limits.timeout_max);
    // It reads for everybody; who may see what was asked when they came.
    match shared.query(ask, level, &Some(Caller::node()), timeout).await {
        Ok(Answer::Changes(page)) => {
            let more = page.more;
            // One that came too late may have said that auth changed: it is asked for again.
            !shared.hub.hand_out(position, page) || more
        }
        _ => {
            ambient::sleep(PAUSE).await;
            true
        }
    }
}
