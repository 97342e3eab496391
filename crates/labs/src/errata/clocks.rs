//! ERR-09: the hybrid clock as published, beside the one that the product runs.

use kernel::{
    Rng, Wall,
    clock::hybrid::{HybridClock, Timestamp},
};
use sim::report::{
    document::{Block, Figure},
    plot::{Kind, Plot, Point, Series},
};

use super::Found;

/// Events in a second, and seconds.
const RATE: u64 = 1_000;
const SECONDS: u64 = 10;
/// A second node's wall clock is ahead by this much, in milliseconds.
const AHEAD_MS: u64 = 5;
/// The offset beyond which a remote stamp is refused, in milliseconds.
const OFFSET_MAX_MS: u64 = 500;

/// `logical = max(logical, physical); logical += 1`, on seconds.
#[derive(Default)]
struct Published {
    logical: f64,
}

impl Published {
    fn tick(&mut self, physical_s: f64) -> f64 {
        self.logical = self.logical.max(physical_s) + 1.0;
        self.logical
    }
}

pub fn run(seed: u64) -> Found {
    let mut found = Found::default();
    let (mut published, mut right, mut remote) =
        (Published::default(), HybridClock::new(OFFSET_MAX_MS), HybridClock::new(OFFSET_MAX_MS));
    let mut rng = Rng::new(seed);
    let (mut bad, mut good): (Vec<Point>, Vec<Point>) = (Vec::new(), Vec::new());
    let (mut worst, mut counter, mut backwards, mut last) = (0.0f64, 0u16, 0u64, Timestamp(0));
    for event in 1..=RATE * SECONDS {
        let true_ms = event * 1_000 / RATE;
        let stamp = right.tick(Wall(true_ms));
        // One event in ten is a message from a node whose clock is ahead.
        if rng.below(10) == 0 {
            let heard = remote.tick(Wall(true_ms + AHEAD_MS));
            let _ = right.observe(Wall(true_ms), heard);
        }
        backwards += u64::from(stamp <= last);
        last = stamp;
        let true_s = true_ms as f64 / 1_000.0;
        let ahead_bad = (published.tick(true_s) - true_s) * 1_000.0;
        let ahead_good = stamp.millis() as f64 - true_ms as f64;
        worst = worst.max(ahead_good);
        counter = counter.max(stamp.counter());
        if event % 250 == 0 {
            bad.push(Point { x: true_s, y: ahead_bad, spread: None });
            good.push(Point { x: true_s, y: ahead_good.max(0.1), spread: None });
        }
    }
    let refused =
        right.observe(Wall(1_000 * SECONDS), Timestamp::new(1_000 * (SECONDS + 3_600), 0)).is_err();
    let set = &mut found.measures;
    set.set("events", (RATE * SECONDS) as f64);
    set.set("published_ahead_ms", bad.last().map_or(0.0, |point| point.y));
    set.set("right_ahead_ms", worst);
    set.set("offset_ms", AHEAD_MS as f64);
    set.set("counter_max", f64::from(counter));
    set.set("backwards", backwards as f64);
    set.set("far_future_refused", f64::from(refused));
    let theory = bad.iter().map(|point| Point {
        x: point.x,
        y: point.x * (RATE as f64 - 1.0) * 1_000.0 + 1_000.0,
        spread: None,
    });
    let series = |name: &str, kind, points| Series { name: name.into(), kind, points };
    let plot = Plot {
        title: "How far the clock runs ahead of true time".into(),
        x: "true time [s]".into(),
        y: "ahead [ms]".into(),
        log: true,
        series: vec![
            series("published", Kind::Points, bad.clone()),
            series("of the product", Kind::Points, good),
            series("theory: one second an event", Kind::Theory, theory.collect()),
        ],
    };
    let caption = "Logarithmic. The published clock gains about a second with every event; the other stays within the \
                   offset of the clocks that it hears."
        .to_owned();
    found.blocks.push(Block::Heading("Ten seconds of a thousand events each".into()));
    found.blocks.push(Block::Figures(vec![Figure {
        name: "ahead".into(),
        caption,
        drawing: plot.draw(),
    }]));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_clock_runs_away_and_the_other_does_not() {
        let measures = run(1).measures;
        let get = |name: &str| measures.get(name).unwrap();
        assert!(
            (get("published_ahead_ms") - 9_991_000.0).abs() < 2_000.0,
            "{}",
            get("published_ahead_ms")
        );
        assert!(get("right_ahead_ms") <= get("offset_ms") && get("backwards") == 0.0);
        assert_eq!(get("far_future_refused"), 1.0);
    }
}
