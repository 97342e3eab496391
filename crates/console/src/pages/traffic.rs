//! Requests of the whole cluster, second by second, from what all nodes told.

use std::collections::BTreeMap;

use crate::{
    draw::{Line, Scale, lines},
    facts::Second,
    picture::Picture,
    say,
};

/// Seconds that are shown.
const SPAN: usize = 60;
/// Seconds over which the figures beside the charts are taken.
const LATELY: usize = 5;

/// All nodes' requests, added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Oldest first, without gaps; empty if no node told.
    seconds: Vec<Sum>,
}

/// One second of all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    reads: u64,
    writes: u64,
    failed: u64,
    /// Of the slowest node.
    write_p50: Option<u64>,
    write_p99: Option<u64>,
    read_p99: Option<u64>,
}

/// A chart with what stands around it.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows.
    pub title: &'static str,
    /// The value at its upper edge.
    pub top: String,
    /// The value at its lower edge.
    pub bottom: String,
    /// Colours with their names and latest values.
    pub keys: Vec<(&'static str, &'static str, String)>,
    /// The drawing.
    pub svg: String,
}

impl Traffic {
    /// Adds up what all nodes told.
    pub fn of(picture: &Picture) -> Traffic {
        let told = picture.nodes.iter().filter(|node| node.state.answers());
        let told = told.filter_map(|node| node.told());
        let mut sums: BTreeMap<u64, Sum> = BTreeMap::new();
        for second in told.flat_map(|vitals| &vitals.ops) {
            add(sums.entry(second.second).or_default(), second);
        }
        let now = picture.now_ms / 1_000;
        let Some((&last, _)) = sums.range(..now).next_back().or(sums.iter().next_back()) else {
            return Traffic::default();
        };
        // The second that runs is not whole yet.
        let first = last.saturating_sub(SPAN as u64 - 1);
        let seconds = (first..=last).map(|second| sums.get(&second).copied().unwrap_or_default());
        Traffic { seconds: seconds.collect() }
    }

    /// Whether no node told anything.
    pub fn is_unknown(&self) -> bool {
        self.seconds.is_empty()
    }

    /// Per second, lately: reads, writes, and those that failed or were refused.
    pub fn rates(&self) -> (u64, u64, u64) {
        let lately = self.lately();
        let mean = |of: fn(&Sum) -> u64| {
            let all: u64 = lately.iter().map(of).sum();
            all.div_ceil(lately.len().max(1) as u64)
        };
        (mean(|sum| sum.reads), mean(|sum| sum.writes), mean(|sum| sum.failed))
    }

    /// Of writes lately: half and all but one of a hundred were answered within, in microseconds.
    pub fn write_latency(&self) -> (Option<u64>, Option<u64>) {
        let lately = self.lately();
        let worst = |of: fn(&Sum) -> Option<u64>| lately.iter().filter_map(of).max();
        (worst(|sum| sum.write_p50), worst(|sum| sum.write_p99))
    }

    fn lately(&self) -> &[Sum] {
        self.seconds.get(self.seconds.len().saturating_sub(LATELY)..).unwrap_or_default()
    }

    /// The charts; none if no node told.
    pub fn charts(&self) -> Vec<Chart> {
        if self.is_unknown() {
            return Vec::new();
        }
        let (reads, writes, failed) = self.rates();
        let (_, p99) = self.write_latency();
        let value = |of: fn(&Sum) -> Option<u64>| -> Vec<Option<f64>> {
            self.seconds.iter().map(|sum| of(sum).map(|value| value as f64)).collect()
        };
        let throughput = chart(
            "Requests per second",
            say::count,
            linear,
            vec![
                ("a", "writes", say::count(writes), value(|sum| Some(sum.writes))),
                ("b", "reads", say::count(reads), value(|sum| Some(sum.reads))),
                (
                    "c",
                    "failed",
                    say::count(failed),
                    value(|sum| (sum.failed > 0).then_some(sum.failed)),
                ),
            ],
        );
        let last = |of: fn(&Sum) -> Option<u64>| {
            let latest = self.lately().iter().rev().find_map(of);
            latest.map_or_else(|| "none".to_owned(), say::micros)
        };
        let latency = chart(
            "Latency, of the slowest node",
            say::micros,
            powers,
            vec![
                (
                    "a",
                    "write p99",
                    p99.map_or_else(|| "none".into(), say::micros),
                    value(|sum| sum.write_p99),
                ),
                ("d", "write p50", last(|sum| sum.write_p50), value(|sum| sum.write_p50)),
                ("b", "read p99", last(|sum| sum.read_p99), value(|sum| sum.read_p99)),
            ],
        );
        vec![throughput, latency]
    }
}

fn add(sum: &mut Sum, second: &Second) {
    let of = |all: &BTreeMap<String, Option<u64>>, op: &str| all.get(op).copied().flatten();
    sum.reads += second.reads;
    sum.writes += second.writes;
    sum.failed += second.errors + second.refused;
    sum.write_p50 = sum.write_p50.max(of(&second.p50_us, "write"));
    sum.write_p99 = sum.write_p99.max(of(&second.p99_us, "write"));
    sum.read_p99 = sum.read_p99.max(of(&second.p99_us, "read"));
}

type Series = (&'static str, &'static str, String, Vec<Option<f64>>);

fn chart(
    title: &'static str,
    say: fn(u64) -> String,
    scale: fn(&[f64]) -> (u64, u64, Scale),
    series: Vec<Series>,
) -> Chart {
    let all: Vec<f64> = series.iter().flat_map(|(.., values)| values).flatten().copied().collect();
    let (bottom, top, scale) = scale(&all);
    let drawn: Vec<Line<'_>> =
        series.iter().map(|(class, .., values)| Line { class, values }).collect();
    let names: Vec<String> =
        series.iter().map(|(_, name, now, _)| format!("{name} {now}")).collect();
    let label = format!("{title}, the last minute; now {}", names.join(", "));
    let svg = lines(&label, &drawn, scale);
    let keys = series.into_iter().map(|(class, name, now, _)| (class, name, now)).collect();
    Chart { title, top: say(top), bottom: say(bottom), keys, svg }
}

/// From zero to a round figure.
fn linear(values: &[f64]) -> (u64, u64, Scale) {
    let top = ceiling(values.iter().fold(0.0, |a: f64, b| a.max(*b)) as u64);
    (0, top, Scale::To(top as f64))
}

/// Between the powers of ten around all values: one slow second hides no others.
fn powers(values: &[f64]) -> (u64, u64, Scale) {
    let least = values.iter().fold(f64::INFINITY, |a: f64, b| a.min(*b));
    let most = values.iter().fold(0.0, |a: f64, b| a.max(*b));
    let (mut low, mut high) = (100_u64, 10_000_u64);
    while least.is_finite() && low > 10 && least < low as f64 {
        low /= 10;
    }
    while least.is_finite() && low < 1_000_000 && least >= low as f64 * 10.0 {
        low *= 10;
    }
    high = high.max(low * 10);
    while high < 1_000_000_000 && most > high as f64 {
        high *= 10;
    }
    (low, high, Scale::Powers(low as f64, high as f64))
}

/// The next round figure: 1, 2 or 5 and zeros.
fn ceiling(value: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [1, 2, 5] {
            let round = power.saturating_mul(step);
            if round >= value {
                return round.max(10);
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::Vitals,
        picture::{Node, State},
    };

    fn node(seconds: &[(u64, u64, u64)]) -> Node {
        let second = |(second, writes, p99): &(u64, u64, u64)| Second {
            second: *second,
            writes: *writes,
            p99_us: BTreeMap::from([("write".into(), (*p99 > 0).then_some(*p99))]),
            ..Second::default()
        };
        let ops = seconds.iter().map(second).collect();
        let vitals = Some(Ok(Vitals { ops, ..Vitals::default() }));
        Node { state: State::Live, vitals, ..Node::default() }
    }

    #[test]
    fn nodes_are_added_up_and_the_slowest_is_shown() {
        let nodes = vec![node(&[(98, 10, 900), (99, 20, 0), (100, 5, 9)]), node(&[(99, 30, 700)])];
        let picture = Picture { nodes, now_ms: 100_500, ..Picture::default() };
        let traffic = Traffic::of(&picture);
        let writes: Vec<u64> = traffic.seconds.iter().map(|sum| sum.writes).collect();
        assert_eq!((writes.len(), &writes[58..]), (60, &[10, 50][..]), "not the running second");
        assert_eq!(traffic.rates(), (0, 12, 0));
        assert_eq!(traffic.write_latency(), (None, Some(900)));
        assert_eq!(traffic.charts()[0].top, "50");
        assert!(Traffic::of(&Picture::default()).is_unknown());
    }

    #[test]
    fn latencies_lie_between_powers_of_ten() {
        let edges = |values: &[f64]| {
            let (low, high, _) = powers(values);
            (low, high)
        };
        assert_eq!(edges(&[]), (100, 10_000));
        assert_eq!(edges(&[2_000.0, 250_000.0]), (1_000, 1_000_000));
        assert_eq!(edges(&[30.0]), (10, 10_000));
        assert_eq!(edges(&[5e6]), (1_000_000, 10_000_000));
    }

    #[test]
    fn scales_end_at_round_figures() {
        assert_eq!([0, 9, 11, 21, 501, 1_000].map(ceiling), [10, 10, 20, 50, 1_000, 1_000]);
        assert!(ceiling(u64::MAX) >= u64::MAX / 2);
    }
}
