//! Swarm testing: every parameter of a run is drawn from its seed (Groce et al., 2012).
//!
//! A run with all faults on finds less than many runs with some faults off: a crash every
//! second hides what only a long calm shows. So each family is on by the toss of a coin, and
//! rates and latencies vary by orders of magnitude. Each group of parameters has its own stream,
//! so that a new parameter leaves the others of old seeds as they were.

use kernel::{Duration, Rng};

use crate::{
    net::Quality,
    options::{ClockOptions, DiskOptions, Options, ProcessOptions, Rates},
};

/// The options of a seed.
#[must_use]
pub fn draw(seed: u64) -> Options {
    let rng = Rng::new(seed).fork("swarm");
    let (nodes, replicas) = size(&mut rng.fork("size"));
    Options {
        nodes,
        replicas,
        network: quality(&mut rng.fork("network")),
        clients: Quality::default(),
        disk: disk(&mut rng.fork("disk")),
        clock: clock(&mut rng.fork("clock")),
        process: ProcessOptions {
            cost: scaled(&mut rng.fork("process"), Duration::from_micros(1), 50),
            inbox: 10_000,
        },
        faults: rates(&mut rng.fork("faults")),
        safety: Duration::from_secs(rng.fork("safety").range(10, 30)),
        liveness: Duration::from_secs(20),
    }
}

fn size(rng: &mut Rng) -> (u64, u64) {
    let nodes = rng.range(3, 7);
    (nodes, if nodes >= 5 && rng.chance(0.5) { 5 } else { 3 })
}

fn quality(rng: &mut Rng) -> Quality {
    let base = scaled(rng, Duration::from_micros(50), 400);
    Quality {
        base,
        jitter: scaled(rng, base / 10, 20),
        tail_ppm: sometimes(rng, 20_000),
        tail: scaled(rng, base, 50),
        loss_ppm: sometimes(rng, 30_000),
        duplicate_ppm: sometimes(rng, 30_000),
        reorder_ppm: sometimes(rng, 100_000),
        bytes_per_second: scaled(rng, Duration::from_nanos(1_000_000), 1_000).as_nanos() as u64,
        queue_bytes: 8 << 20,
    }
}

fn disk(rng: &mut Rng) -> DiskOptions {
    let sync = scaled(rng, Duration::from_micros(20), 500);
    DiskOptions {
        sync,
        jitter: scaled(rng, sync / 10, 20),
        bytes_per_second: 20_000_000 << rng.below(7),
        capacity: 0,
    }
}

fn clock(rng: &mut Rng) -> ClockOptions {
    ClockOptions {
        skew: scaled(rng, Duration::from_micros(100), 10_000),
        drift_ppm: rng.range(0, 200) as i64,
    }
}

fn rates(rng: &mut Rng) -> Rates {
    let mut family = |fastest_ms: u64| match rng.chance(0.5) {
        true => scaled(rng, Duration::from_millis(fastest_ms), 30),
        false => Duration::ZERO,
    };
    Rates {
        crash: family(400),
        pause: family(400),
        partition: family(400),
        degrade: family(400),
        disk: family(400),
        wipe: family(2_000),
        corrupt: family(400),
        clock: family(400),
    }
}

/// Between `low` and `low * factor`, every order of magnitude as likely as every other.
fn scaled(rng: &mut Rng, low: Duration, factor: u32) -> Duration {
    let doublings = u64::from(factor.max(2).ilog2());
    let step = low * (1 << rng.below(doublings));
    rounded(rng.duration(step, step * 2))
}

/// To three significant digits: plans are read by people.
fn rounded(duration: Duration) -> Duration {
    let nanos = duration.as_nanos() as u64;
    let unit = 10u64.pow(nanos.max(1).ilog10().saturating_sub(2));
    Duration::from_nanos(nanos / unit * unit)
}

/// Off in half of all runs, else up to `most`.
fn sometimes(rng: &mut Rng, most: u64) -> u32 {
    if rng.chance(0.5) { rng.range(0, most) as u32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_always_means_the_same() {
        assert_eq!(draw(42), draw(42));
        assert_ne!(draw(42), draw(43));
    }

    #[test]
    fn durations_are_rounded_for_people() {
        let rounded = |nanos| rounded(Duration::from_nanos(nanos)).as_nanos();
        assert_eq!(
            [0, 7, 999, 1_239, 5_717_213_889].map(rounded),
            [0, 7, 999, 1_230, 5_710_000_000]
        );
    }

    #[test]
    fn a_thousand_seeds_cover_the_ground_and_stay_in_it() {
        let all: Vec<Options> = (0..1_000).map(draw).collect();
        let sizes: BTreeSet<_> = all.iter().map(|o| (o.nodes, o.replicas)).collect();
        assert_eq!(sizes, [(3, 3), (4, 3), (5, 3), (5, 5), (6, 3), (6, 5), (7, 3), (7, 5)].into());
        for options in &all {
            assert!(options.budget() >= 1);
            assert!((10_000..=40_000_000).contains(&options.network.base.as_nanos()));
            assert!(options.network.loss_ppm <= 30_000);
            assert!(options.disk.sync <= Duration::from_millis(10));
            assert!(
                options
                    .faults
                    .list()
                    .iter()
                    .all(|(_, every)| { every.is_zero() || *every >= Duration::from_millis(399) })
            );
        }
        for family in 0..8 {
            let on = all.iter().filter(|o| !o.faults.list()[family].1.is_zero()).count();
            assert!((400..600).contains(&on), "family {family} is on in {on} of 1000");
        }
    }
}
