//! Reads the changes of the keyspace for the hub.

use std::sync::Arc;

use contract::Consistency;
use kernel::Duration;
use layers::coordination::{Answer, Ask, Caller};

use crate::{Backend, ambient, etcd::serve::Shared};

/// Where this node has no replica, nobody says that there is something new.
const POLL: Duration = Duration::from_millis(20);
/// Where it has one, a look now and then costs nothing.
const LOOK: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(50);

/// Reads for ever, while somebody watches.
pub async fn read<B: Backend>(shared: Arc<Shared<B>>) {
    // It reads for everybody; who may see what was asked when they came.
    let node = Some(Caller::node());
    let mut changes = shared.backend.changes(&shared.keyspace.name);
    loop {
        let Some(position) = shared.hub.position() else {
            shared.hub.wanted().await;
            continue;
        };
        let here = *changes.borrow_and_update() > 0;
        let ask = Ask::Changes(position.request());
        let (level, timeout) = (Consistency::EVENTUAL, shared.limits.timeout_max);
        let page = shared.query(ask, level, &node, timeout).await;
        let more = match page {
            Ok(Answer::Changes(page)) => {
                let more = page.more;
                shared.hub.hand_out(position, page);
                more
            }
            _ => {
                ambient::sleep(PAUSE).await;
                false
            }
        };
        if !more {
            let wait = if here { LOOK } else { POLL };
            // Late, or told, or told that nobody will ever tell: all of it is a reason to look.
            if ambient::within(wait, changes.changed()).await.is_some_and(|told| told.is_err()) {
                ambient::sleep(POLL).await;
            }
        }
    }
}
