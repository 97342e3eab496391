//! A histogram of durations in fixed memory: eight buckets per power of two, from one microsecond
//! to more than a minute. A percentile is off by at most a sixteenth of itself.

/// Buckets: the first eight are a microsecond each, then eight per doubling.
const BUCKETS: usize = 8 * 24;

/// Counts by duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u32; BUCKETS],
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: [0; BUCKETS], total: 0 }
    }
}

fn bucket(us: u64) -> usize {
    if us < 8 {
        return us as usize;
    }
    let octave = us.ilog2() as usize - 3;
    let within = (us >> octave) as usize - 8;
    (8 + octave * 8 + within).min(BUCKETS - 1)
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    if bucket < 8 {
        return bucket as u64;
    }
    let (octave, within) = ((bucket - 8) / 8, (bucket - 8) % 8);
    let low = (8 + within as u64) << octave;
    low + (1 << octave) / 2
}

impl Histogram {
    /// Counts a duration in microseconds.
    pub fn record(&mut self, us: u64) {
        if let Some(count) = self.counts.get_mut(bucket(us)) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Histogram::default();
    }

    /// How many were counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The duration within which so many thousandths were, in microseconds; `None` if none was
    /// counted.
    #[must_use]
    pub fn quantile(&self, thousandths: u64) -> Option<u64> {
        let rank = (self.total * thousandths).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(middle(bucket));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_near_the_true_one(
            mut all in proptest::collection::vec(0u64..60_000_000, 1..400),
            thousandths in 1u64..=1000,
        ) {
            let mut histogram = Histogram::default();
            all.iter().for_each(|us| histogram.record(*us));
            all.sort_unstable();
            let rank = (all.len() as u64 * thousandths).div_ceil(1000).max(1) as usize;
            let (truth, told) = (all[rank - 1], histogram.quantile(thousandths).unwrap());
            prop_assert!(told.abs_diff(truth) <= truth / 16 + 1, "{told} for {truth}");
        }
    }

    #[test]
    fn sums_are_as_if_counted_together() {
        let (mut a, mut b, mut both) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for us in (0..30).map(|n| 1u64 << n) {
            a.record(us);
            b.record(us * 3);
            both.record(us);
            both.record(us * 3);
        }
        a.add(&b);
        assert_eq!(a, both);
        assert_eq!(Histogram::default().quantile(990), None);
        let middles: Vec<u64> = (0..BUCKETS).map(middle).collect();
        assert!(middles.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
