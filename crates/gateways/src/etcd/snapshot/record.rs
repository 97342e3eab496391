//! What etcd keeps in its buckets.
//!
//! ```text
//!   key     revision 8 │ '_' │ sub 8 │ 't' if removed   → KeyValue; of a removal the key alone
//!   lease   id 8                                        → Lease: id, seconds granted, seconds left
//!   meta    scheduledCompactRev, finishedCompactRev     → a revision, as above
//! ```
//!
//! Numbers in keys are big-endian, so keys come in the order of revisions, and leases by id, the
//! negative ones last. Messages have the numbers of ours: `KeyValue` and `LeaseRecord` read them.

use bytes::{BufMut, Bytes};
use layers::coordination::{KeyValue, LeaseRecord};
use prost::Message;

/// Revisions by revision.
pub const KEYS: &[u8] = b"key";
/// Leases by id.
pub const LEASES: &[u8] = b"lease";
/// Numbers of the store.
pub const META: &[u8] = b"meta";
/// Users, who are not taken over.
pub const USERS: &[u8] = b"authUsers";
/// Up to where a compaction was asked for.
pub const SCHEDULED: &[u8] = b"scheduledCompactRev";
/// Up to where one was carried out.
pub const FINISHED: &[u8] = b"finishedCompactRev";
/// The buckets that an etcd 3.5 makes, by name.
pub const BUCKETS: [&[u8]; 10] = [
    b"alarm",
    b"auth",
    b"authRoles",
    USERS,
    b"cluster",
    KEYS,
    LEASES,
    b"members",
    b"members_removed",
    META,
];

/// Bytes of a revision that is no removal.
const REVISION: usize = 17;

/// A place in the order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    pub main: i64,
    pub sub: i64,
    /// Whether the key was removed there.
    pub removed: bool,
}

impl Revision {
    /// Reads a revision; none if it is not one.
    pub fn parse(bytes: &[u8]) -> Option<Revision> {
        let (main, rest) = bytes.split_first_chunk::<8>()?;
        let (sub, rest) = rest.strip_prefix(b"_")?.split_first_chunk::<8>()?;
        let removed = match rest {
            b"" => false,
            b"t" => true,
            _ => return None,
        };
        let number = |bytes: &[u8; 8]| i64::try_from(u64::from_be_bytes(*bytes)).ok();
        Some(Revision { main: number(main)?, sub: number(sub)?, removed })
    }

    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(REVISION + 1);
        out.put_i64(self.main);
        out.put_u8(b'_');
        out.put_i64(self.sub);
        if self.removed {
            out.put_u8(b't');
        }
        out
    }
}

/// Reads what stands under a revision.
pub fn key_value(bytes: Bytes) -> Option<KeyValue> {
    KeyValue::decode(bytes).ok()
}

/// Reads a lease. One that was never checkpointed has the whole time left.
pub fn lease(bytes: Bytes) -> Option<LeaseRecord> {
    let record = LeaseRecord::decode(bytes).ok()?;
    let remaining_ttl = if record.remaining_ttl > 0 { record.remaining_ttl } else { record.ttl };
    Some(LeaseRecord { remaining_ttl, renewal: 0, ..record })
}

/// A lease as etcd keeps it: no time left is the whole time, and none at all is the shortest.
pub fn lease_bytes(record: &LeaseRecord) -> Vec<u8> {
    let whole = record.remaining_ttl >= record.ttl;
    let remaining_ttl = if whole { 0 } else { record.remaining_ttl.max(1) };
    LeaseRecord { remaining_ttl, renewal: 0, ..*record }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn revisions_are_golden() {
        let mut revision = Revision { main: 258, sub: 3, removed: false };
        let bytes = b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03";
        assert_eq!(revision.bytes(), bytes);
        assert_eq!(Revision::parse(bytes), Some(revision));
        revision.removed = true;
        assert_eq!(revision.bytes(), [&bytes[..], b"t"].concat());
        assert_eq!(Revision::parse(&revision.bytes()), Some(revision));
    }

    #[test]
    fn leases_are_golden() {
        let record = LeaseRecord { id: 5, ttl: 60, remaining_ttl: 7, renewal: 3 };
        assert_eq!(lease_bytes(&record), [8, 5, 16, 60, 24, 7]);
        let whole = LeaseRecord { remaining_ttl: 60, ..record };
        assert_eq!(lease_bytes(&whole), [8, 5, 16, 60]);
        assert_eq!(lease(lease_bytes(&whole).into()), Some(LeaseRecord { renewal: 0, ..whole }));
        let over = LeaseRecord { remaining_ttl: 0, ..record };
        assert_eq!(lease_bytes(&over), [8, 5, 16, 60, 24, 1]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_handled(bytes: Vec<u8>) {
            if let Some(revision) = Revision::parse(&bytes) {
                prop_assert_eq!(revision.bytes(), &bytes[..]);
            }
            let _ = (key_value(bytes.clone().into()), lease(bytes.into()));
        }
    }
}
