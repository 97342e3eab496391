//! A running hash of what was changed.
//!
//! Replicas that applied the same commands have the same digest, however the commands were cut
//! into batches and whatever generation they are stored under. It tells replicas apart by
//! accident, not against an adversary.

/// What was done to a key. The numbers are hashed: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Change {
    Put = 1,
    Delete = 2,
}

/// A chain of changes as 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

/// Odd, and with ones and zeros well mixed (the fraction of the golden ratio, and of pi).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const FOLD: u64 = 0x243f_6a88_85a3_08d3;

impl Digest {
    /// Goes on from an earlier value; zero is the empty chain.
    #[must_use]
    pub fn new(previous: u64) -> Digest {
        Digest(previous)
    }

    /// The chain so far.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    pub(super) fn add(&mut self, table: u8, change: Change, key: &[u8], value: &[u8]) {
        self.word(u64::from(table) | (change as u64) << 8 | (key.len() as u64) << 16);
        self.bytes(key);
        self.word(value.len() as u64);
        self.bytes(value);
    }

    /// The caller has hashed the length: padding cannot be mistaken for content.
    fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// The two halves of a 128-bit product, folded.
    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ STEP) * u128::from(FOLD);
        self.0 = ((product >> 64) as u64 ^ product as u64).wrapping_add(STEP).rotate_left(23);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Step = (u8, Change, &'static [u8], &'static [u8]);

    fn digest(changes: &[Step]) -> u64 {
        let mut digest = Digest::default();
        for (table, change, key, value) in changes {
            digest.add(*table, *change, key, value);
        }
        digest.value()
    }

    #[test]
    fn the_digest_is_golden() {
        assert_eq!(digest(&[(1, Change::Put, b"key", b"a longer value")]), GOLDEN);
    }

    const GOLDEN: u64 = 0x3a38_a968_9e6b_957d;

    #[test]
    fn order_kind_table_and_borders_count() {
        use Change::{Delete, Put};
        let all: [&[Step]; 8] = [
            &[],
            &[(1, Put, b"a", b"b")],
            &[(1, Put, b"ab", b"")],
            &[(1, Put, b"", b"ab")],
            &[(2, Put, b"a", b"b")],
            &[(1, Delete, b"a", b"b")],
            &[(1, Put, b"a", b"b"), (1, Put, b"c", b"d")],
            &[(1, Put, b"c", b"d"), (1, Put, b"a", b"b")],
        ];
        for (i, one) in all.iter().enumerate() {
            for two in &all[i + 1..] {
                assert_ne!(digest(one), digest(two), "{one:?} {two:?}");
            }
        }
    }
}
