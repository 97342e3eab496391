//! Calls that want to be refused, or ended, where nobody leads.
//!
//! A client says so by the header `hasleader`: a controller that watches would rather watch through
//! another node than wait at one that is cut off and hears of nothing. Calls that do not say so wait
//! for a leader as long as they may, streams without end.

use hyper::HeaderMap;
use tokio::sync::watch;

use crate::etcd::{facts::Facts, failure, grpc::Status};

/// So many looks in a row have to find no leader: an election passes between two.
const LOOKS: u32 = 2;

/// Whether a call asks for a leader.
pub fn is_required(headers: &HeaderMap) -> bool {
    headers.get("hasleader").is_some_and(|value| value == "true")
}

/// Whether somebody leads the keyspace, as the node looks at it now and then.
#[derive(Debug, Default)]
pub struct Leader {
    /// Looks in a row that found nobody.
    without: watch::Sender<u32>,
}

impl Leader {
    /// Takes note of a look. A keyspace that is not there yet lacks nobody.
    pub fn saw(&self, facts: &Facts) {
        let none = facts.shard.is_some() && facts.leader == 0;
        let without = if none { self.without.borrow().saturating_add(1) } else { 0 };
        self.without.send_replace(without);
    }

    /// Whether nobody leads.
    pub fn is_lost(&self) -> bool {
        *self.without.borrow() >= LOOKS
    }

    /// Waits until nobody leads; so calls end then that ask for a leader.
    pub async fn lost(&self) -> Status {
        // It cannot end otherwise: the sender is ours.
        let _ = self.without.subscribe().wait_for(|without| *without >= LOOKS).await;
        failure::no_leader()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ShardId;

    #[test]
    fn it_is_lost_when_two_looks_in_a_row_find_nobody() {
        let leader = Leader::default();
        let facts = |shard, leader| Facts { shard, leader, ..Facts::default() };
        let (led, unled) = (facts(Some(ShardId(1)), 3), facts(Some(ShardId(1)), 0));
        for (seen, lost) in [(&unled, false), (&led, false), (&unled, false), (&unled, true)] {
            leader.saw(seen);
            assert_eq!(leader.is_lost(), lost);
        }
        leader.saw(&led);
        assert!(!leader.is_lost());
        for _ in 0..3 {
            leader.saw(&facts(None, 0));
            assert!(!leader.is_lost(), "a keyspace that is not made yet");
        }
    }

    #[test]
    fn a_call_says_that_it_wants_a_leader() {
        let mut headers = HeaderMap::new();
        assert!(!is_required(&headers));
        headers.insert("hasleader", hyper::header::HeaderValue::from_static("true"));
        assert!(is_required(&headers));
    }
}
