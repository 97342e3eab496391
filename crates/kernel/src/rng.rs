//! Randomness from one seed.
//!
//! One seed decides a whole run. Every consumer derives its own stream with a salt, so that a
//! draw added in one place does not shift the draws of another. The generator is xoshiro256**
//! (Blackman and Vigna, 2018) seeded by SplitMix64; it is our own because committed seeds must
//! mean the same run for ever, whatever a library does.

use core::time::Duration;

/// A deterministic stream of random numbers. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        let mut mix = seed;
        Rng { state: core::array::from_fn(|_| splitmix(&mut mix)) }
    }

    /// An independent stream for the consumer that `salt` names. Does not advance this stream.
    #[must_use]
    pub fn fork(&self, salt: &str) -> Rng {
        let mut mix = self.state[0] ^ self.state[2].rotate_left(17);
        for byte in salt.bytes() {
            mix = splitmix(&mut mix) ^ u64::from(byte);
        }
        Rng::new(splitmix(&mut mix))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// 128 random bits.
    pub fn bits128(&mut self) -> u128 {
        (u128::from(self.bits()) << 64) | u128::from(self.bits())
    }

    /// Uniform in `0..bound`; zero if the bound is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply-shift (Lemire 2019); the bias is below 2^-32 for every bound we use.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in `low..=high`; `low` if the range is empty.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p` (clamped to 0..=1).
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `low..=high`.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.range(nanos(low), nanos(high)))
    }

    /// A random element; `None` of an empty slice.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// A random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let mut rng = Rng::new(42);
        assert_eq!([rng.bits(), rng.bits()], [1546998764402558742, 6990951692964543102]);
    }

    #[test]
    fn a_fork_neither_disturbs_nor_repeats_its_parent() {
        let mut rng = Rng::new(7);
        let mut same = rng.clone();
        let mut network = rng.fork("network");
        let mut disk = rng.fork("disk");
        assert_eq!(rng.bits(), same.bits());
        assert_ne!(network.bits(), disk.bits());
    }

    #[test]
    fn bounds_hold() {
        let mut rng = Rng::new(1);
        for _ in 0..10_000 {
            assert!(rng.below(7) < 7);
            assert!((3..=5).contains(&rng.range(3, 5)));
            assert!((0.0..1.0).contains(&rng.unit()));
        }
        assert_eq!(rng.below(0), 0);
        assert!(!rng.chance(0.0));
        assert!(rng.chance(1.0));
    }
}
