//! The evidence on an answer, as an RFC 9651 dictionary.

use alloc::string::String;
use core::fmt::Write;

use kernel::{Incarnation, NodeId, Version};

use crate::{Consistency, Durability};

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The level that was met.
    pub consistency: Consistency,
    /// The version of the value (or of the newest write that the answer reflects).
    pub version: Version,
    /// An upper bound of how old the answer may be, in milliseconds; `None` if unknown.
    pub staleness_ms: Option<u64>,
    /// Who answered.
    pub replica: NodeId,
    /// How many replicas were known to hold the write when it was acknowledged; 0 for reads.
    pub acks: u32,
    /// On what they hold it.
    pub durability: Durability,
    /// Which history.
    pub incarnation: Incarnation,
}

impl Receipt {
    /// The value of the `Quorate-Receipt` header.
    #[must_use]
    pub fn header(&self) -> String {
        let mut text = String::with_capacity(128);
        let _ = write!(text, "level={}, version=\"{}\"", self.consistency.level, self.version);
        if let Some(staleness) = self.staleness_ms {
            let _ = write!(text, ", staleness={staleness}");
        }
        let _ = write!(text, ", replica=\"{}\"", self.replica);
        if self.acks > 0 {
            let _ = write!(text, ", acks={}, durability={}", self.acks, self.durability.name());
        }
        let _ = write!(text, ", incarnation={}", self.incarnation.0);
        if self.consistency.read_your_writes {
            text.push_str(", read-your-writes");
        }
        if self.consistency.monotonic_reads {
            text.push_str(", monotonic-reads");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::clock::hybrid::Timestamp;

    #[test]
    fn a_receipt_is_a_dictionary() {
        let receipt = Receipt {
            consistency: Consistency::LINEARIZABLE,
            version: Version { incarnation: Incarnation(1), timestamp: Timestamp(255), index: 7 },
            staleness_ms: Some(0),
            replica: NodeId(2),
            acks: 2,
            durability: Durability::Disk,
            incarnation: Incarnation(1),
        };
        assert_eq!(
            receipt.header(),
            "level=linearizable, version=\"1-ff-7\", staleness=0, replica=\"n2\", acks=2, \
             durability=disk, incarnation=1"
        );
        let read = Receipt {
            acks: 0,
            staleness_ms: None,
            consistency: Consistency::parse("monotonic").unwrap(),
            ..receipt
        };
        assert_eq!(
            read.header(),
            "level=eventual, version=\"1-ff-7\", replica=\"n2\", incarnation=1, monotonic-reads"
        );
    }
}
