//! Which key a request is for.

use clap::ValueEnum;
use kernel::Rng;
use serde::{Deserialize, Serialize};

use crate::Plan;

/// How keys are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Every key alike.
    Uniform,
    /// Few keys often, many seldom.
    Zipfian,
}

/// A stream of keys.
#[derive(Clone, Debug)]
pub struct Keys {
    count: u64,
    zipf: Option<Zipf>,
}

impl Keys {
    /// The keys of a plan. Costs one pass over the number of keys if they are Zipfian.
    #[must_use]
    pub fn new(plan: &Plan) -> Keys {
        let zipf = match plan.distribution {
            Distribution::Uniform => None,
            Distribution::Zipfian => Some(Zipf::new(plan.keys, plan.theta)),
        };
        Keys { count: plan.keys, zipf }
    }

    /// The number of a key, below the number of keys.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        match &self.zipf {
            None => rng.below(self.count),
            // The ranks are scattered, so that popular keys are no neighbours.
            Some(zipf) => scatter(zipf.rank(rng.unit())) % self.count,
        }
    }
}

/// Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly generating billion-record
/// synthetic databases" (SIGMOD 1994), section 3.2: a rank in constant time from one uniform
/// draw, exact for the first two ranks and close for the others.
#[derive(Clone, Debug)]
struct Zipf {
    count: f64,
    theta: f64,
    alpha: f64,
    zeta: f64,
    eta: f64,
}

impl Zipf {
    fn new(count: u64, theta: f64) -> Zipf {
        let zeta = |n: u64| (1..=n).map(|rank| (rank as f64).powf(-theta)).sum::<f64>();
        let (n, all) = (count as f64, zeta(count));
        let eta = (1.0 - (2.0 / n).powf(1.0 - theta)) / (1.0 - zeta(2.min(count)) / all);
        Zipf { count: n, theta, alpha: 1.0 / (1.0 - theta), zeta: all, eta }
    }

    /// The rank, from 0, that a uniform draw from 0..1 stands for.
    fn rank(&self, draw: f64) -> u64 {
        let scaled = draw * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(self.theta) {
            return 1;
        }
        let base = self.eta * draw - self.eta + 1.0;
        let rank = self.count * base.powf(self.alpha);
        (rank as u64).min(self.count as u64 - 1)
    }
}

/// A bijection of 64-bit numbers (the finalizer of SplitMix64).
fn scatter(rank: u64) -> u64 {
    let mut z = rank.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ranks_have_their_share() {
        let zipf = Zipf::new(1_000, 0.99);
        let mut rng = Rng::new(7);
        let mut counts = vec![0u32; 1_000];
        for _ in 0..200_000 {
            counts[zipf.rank(rng.unit()) as usize] += 1;
        }
        let share = |rank: usize| f64::from(counts[rank]) / 200_000.0;
        let expected = |rank: usize| ((rank + 1) as f64).powf(-0.99) / zipf.zeta;
        for rank in [0, 1, 2, 10, 100] {
            let ratio = share(rank) / expected(rank);
            assert!((0.7..1.4).contains(&ratio), "rank {rank}: {ratio}");
        }
    }

    #[test]
    fn no_draw_leaves_the_range() {
        for count in [1, 2, 3, 1_000] {
            let zipf = Zipf::new(count, 0.5);
            for draw in [0.0, 0.3, 0.999_999_999, 1.0 - f64::EPSILON] {
                assert!(zipf.rank(draw) < count, "{count} {draw}");
            }
        }
    }
}
