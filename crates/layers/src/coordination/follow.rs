//! What the leader of a keyspace follows, for the price of a look at one byte.
//!
//! ```text
//!   applied: command, reply ─▶ lease_changes ─▶ the leader's clock
//! ```
//!
//! The leader counts the time of leases, so it has to know which there are. Nearly all commands have
//! nothing to do with leases, and none of them is decoded again: envelopes hold one message, and
//! the first byte of an envelope tells which.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;

use super::wire::{Act, Answer, Command, LeaseRecord, Outcome, QueryReply, Reply};

/// The first byte of an envelope with a message under this tag, which is less than 16.
const fn first(tag: u8) -> u8 {
    tag << 3 | 2
}

const COMPACTED: u8 = first(5);
const SWEPT: u8 = first(6);
const GRANTED: u8 = first(7);
const REVOKED: u8 = first(8);
const RENEWED: u8 = first(9);
const EXPIRED: u8 = first(11);
/// Tag 17 takes two bytes; no other tag begins with the first one.
const IMPORTED: u8 = 0x80 | first(17 - 16);
const RENEW: u8 = first(9);
const TIME_TO_LIVE: u8 = first(5);
const KEEP_ALIVE: u8 = first(11);

/// What an applied command changed about leases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LeaseChange {
    /// The lease was made, or has its whole time again.
    Live(LeaseRecord),
    /// There is no such lease any more.
    Ended(i64),
    /// An import is finished: the records say which leases there are.
    Imported,
}

/// What a command changed about leases, by its place in the log and its reply. A checkpoint is none: it says what the leader
/// knew before.
#[must_use]
pub fn lease_changes(index: u64, command: &Bytes, reply: &Bytes) -> Vec<LeaseChange> {
    if !matches!(reply.first(), Some(&(GRANTED | REVOKED | RENEWED | EXPIRED | IMPORTED))) {
        return Vec::new();
    }
    let outcome = Reply::read(reply).ok().and_then(|reply| reply.outcome);
    let whole =
        |id, ttl, renewal| LeaseChange::Live(LeaseRecord { id, ttl, remaining_ttl: ttl, renewal });
    match outcome {
        Some(Outcome::LeaseGrant(granted)) => Vec::from([whole(granted.id, granted.ttl, index)]),
        Some(Outcome::LeaseRevoke(_)) => match Command::decode(command.clone()) {
            Ok(Command { act: Some(Act::LeaseRevoke(request)), .. }) => {
                Vec::from([LeaseChange::Ended(request.id)])
            }
            _ => Vec::new(),
        },
        Some(Outcome::LeaseRenew(renewed)) => {
            let found = renewed.leases.into_iter().filter(|lease| lease.ttl > 0);
            found.map(|lease| whole(lease.id, lease.ttl, lease.renewal)).collect()
        }
        Some(Outcome::LeaseExpire(expired)) => {
            expired.ids.into_iter().map(LeaseChange::Ended).collect()
        }
        Some(Outcome::Import(imported)) if imported.finished => Vec::from([LeaseChange::Imported]),
        _ => Vec::new(),
    }
}

/// Whether something compacted is left to sweep, by the reply to a command that looked.
#[must_use]
pub fn unswept(reply: &Bytes) -> Option<bool> {
    if !matches!(reply.first(), Some(&(COMPACTED | SWEPT))) {
        return None;
    }
    match Reply::read(reply).ok()?.outcome? {
        Outcome::Compaction(response) => Some(!response.swept),
        Outcome::Sweep(response) => Some(!response.swept),
        _ => None,
    }
}

/// Whether a command renews leases and asks for nothing else.
#[must_use]
pub fn renews(command: &[u8]) -> bool {
    command.first() == Some(&RENEW)
}

/// Whether a query keeps leases alive.
#[must_use]
pub fn keeps_alive(query: &[u8]) -> bool {
    query.first() == Some(&KEEP_ALIVE)
}

/// The answer to a query for which time matters: only the leader, which counts it, can give it.
#[must_use]
pub fn timed(reply: &Bytes) -> Option<Answer> {
    match reply.first() {
        Some(&(TIME_TO_LIVE | KEEP_ALIVE)) => QueryReply::read(reply).ok()?.answer,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coordination::{
        Ask, CompactionResponse, Error, ImportResponse, LeaseExpireResponse, LeaseGrantResponse,
        LeaseKeepAlive, LeaseRenewRequest, LeaseRenewResponse, LeaseRevokeRequest,
        LeaseRevokeResponse, PutRequest, PutResponse, Query, RangeResponse, ResponseHeader,
        SweepResponse,
    };

    fn changes(act: Act, outcome: Outcome) -> Vec<LeaseChange> {
        let reply = Reply { error: None, outcome: Some(outcome) };
        let command = Command::new(act).encode_to_vec();
        lease_changes(6, &command.into(), &reply.encode_to_vec().into())
    }

    #[test]
    fn a_reply_says_which_leases_live_and_which_have_ended() {
        let header = ResponseHeader::at(3);
        let act = Act::LeaseRevoke(LeaseRevokeRequest { id: 7 });
        let granted = Outcome::LeaseGrant(LeaseGrantResponse { header, id: -5, ttl: 9 });
        let live = LeaseRecord { id: -5, ttl: 9, remaining_ttl: 9, renewal: 6 };
        assert_eq!(changes(act.clone(), granted), [LeaseChange::Live(live)]);
        let revoked = Outcome::LeaseRevoke(LeaseRevokeResponse { header });
        assert_eq!(changes(act.clone(), revoked), [LeaseChange::Ended(7)]);
        let kept = |id, ttl| LeaseKeepAlive { id, ttl, renewal: 4, ..LeaseKeepAlive::default() };
        let leases = Vec::from([kept(1, 8), kept(2, 0)]);
        let renewed = Outcome::LeaseRenew(LeaseRenewResponse { header, leases });
        let live = LeaseRecord { id: 1, ttl: 8, remaining_ttl: 8, renewal: 4 };
        assert_eq!(changes(act.clone(), renewed), [LeaseChange::Live(live)]);
        let expired = Outcome::LeaseExpire(LeaseExpireResponse { header, ids: Vec::from([3, 4]) });
        assert_eq!(changes(act.clone(), expired), [LeaseChange::Ended(3), LeaseChange::Ended(4)]);
        let piece = |finished| Outcome::Import(ImportResponse { header, done: 1, finished });
        assert_eq!(changes(act.clone(), piece(false)), []);
        assert_eq!(changes(act, piece(true)), [LeaseChange::Imported]);
    }

    #[test]
    fn what_has_nothing_to_do_with_leases_changes_none() {
        let put = Outcome::Put(PutResponse::default());
        assert_eq!(changes(Act::Put(PutRequest::default()), put), []);
        let refused = Reply { error: Some(Error::LeaseNotFound as i32), outcome: None };
        let command = Command::new(Act::LeaseRevoke(LeaseRevokeRequest { id: 7 }));
        let bytes = (command.encode_to_vec().into(), refused.encode_to_vec().into());
        assert_eq!(lease_changes(6, &bytes.0, &bytes.1), []);
        assert_eq!(lease_changes(6, &bytes.0, &Bytes::new()), []);
    }

    #[test]
    fn a_reply_says_whether_a_sweep_goes_on() {
        let reply = |outcome| Reply { error: None, outcome: Some(outcome) }.encode_to_vec().into();
        let header = ResponseHeader::at(3);
        for swept in [false, true] {
            let compacted = Outcome::Compaction(CompactionResponse { header, swept });
            assert_eq!(unswept(&reply(compacted)), Some(!swept));
            assert_eq!(
                unswept(&reply(Outcome::Sweep(SweepResponse { header, swept }))),
                Some(!swept)
            );
        }
        assert_eq!(unswept(&reply(Outcome::Put(PutResponse::default()))), None);
    }

    #[test]
    fn one_byte_tells_a_keep_alive() {
        let request = LeaseRenewRequest { ids: Vec::from([1]) };
        let command = Command::new(Act::LeaseRenew(request.clone())).encode_to_vec();
        let query = Query::from(Ask::LeaseKeepAlive(request)).encode_to_vec();
        assert!(renews(&command) && keeps_alive(&query));
        assert!(!renews(&query) && !renews(&[]) && !keeps_alive(&command) && !keeps_alive(&[]));
        let reply = |answer| QueryReply { error: None, answer: Some(answer) }.encode_to_vec();
        let kept = Answer::LeaseKeepAlive(LeaseRenewResponse::default());
        assert_eq!(timed(&reply(kept.clone()).into()), Some(kept));
        assert_eq!(timed(&reply(Answer::Range(RangeResponse::default())).into()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(command: Vec<u8>, mut reply: Vec<u8>, first in 0u8..=255) {
            reply.insert(0, first);
            let (command, reply) = (Bytes::from(command), Bytes::from(reply));
            let _ = (lease_changes(6, &command, &reply), timed(&reply), unswept(&reply));
        }
    }
}
