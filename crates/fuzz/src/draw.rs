//! Values for samples: small numbers that meet each other, and now and then extreme ones.

use bytes::Bytes;
use kernel::{Incarnation, Rng, Version, clock::hybrid::Timestamp};

/// Numbers at which arithmetic goes wrong.
const EXTREME: [u64; 12] = [
    0,
    1,
    127,
    128,
    u16::MAX as u64,
    i32::MAX as u64,
    u32::MAX as u64,
    u32::MAX as u64 + 1,
    1 << 62,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// Mostly below `usual`, sometimes extreme.
pub fn number(rng: &mut Rng, usual: u64) -> u64 {
    match rng.below(12) {
        0 => extreme(rng),
        _ => rng.below(usual),
    }
}

/// An extreme number.
pub fn extreme(rng: &mut Rng) -> u64 {
    rng.pick(&EXTREME).copied().unwrap_or(0)
}

/// One of two.
pub fn coin(rng: &mut Rng) -> bool {
    rng.below(2) == 0
}

/// Up to `max` random bytes.
pub fn noise(rng: &mut Rng, max: u64) -> Vec<u8> {
    let length = rng.below(max + 1);
    (0..length).map(|_| rng.bits() as u8).collect()
}

/// As [`noise`].
pub fn bytes(rng: &mut Rng, max: u64) -> Bytes {
    noise(rng, max).into()
}

/// A short key; keys of different samples often are the same.
pub fn key(rng: &mut Rng) -> Bytes {
    match rng.below(8) {
        0 => bytes(rng, 32),
        n => format!("key-{n}").into_bytes().into(),
    }
}

/// One of a few words.
pub fn word(rng: &mut Rng, words: &[&str]) -> String {
    rng.pick(words).map_or_else(String::new, |word| (*word).to_owned())
}

/// Several of something.
pub fn many<T>(rng: &mut Rng, max: u64, mut one: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let count = rng.below(max + 1);
    (0..count).map(|_| one(rng)).collect()
}

/// A version near the beginning of a history.
pub fn version(rng: &mut Rng) -> Version {
    Version {
        incarnation: Incarnation(number(rng, 3)),
        timestamp: Timestamp(number(rng, 1 << 40)),
        index: number(rng, 100),
    }
}

/// A version as it is sent; sometimes none.
pub fn version_bytes(rng: &mut Rng) -> Bytes {
    if coin(rng) { Bytes::new() } else { Bytes::copy_from_slice(&version(rng).to_bytes()) }
}
