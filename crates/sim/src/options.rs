//! Everything that a run depends on besides its schedule of faults.

use std::fmt;

use kernel::Duration;
use serde::{Deserialize, Serialize};

use crate::{json, net::Quality};

/// How the world is made. [`Options::calm`] is a good starting point for tests of one fault,
/// [`crate::swarm::draw`] draws everything from a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// How many nodes, numbered from 1.
    pub nodes: u64,
    /// The smallest number of copies of anything that must survive: it bounds how many nodes
    /// may be damaged.
    pub replicas: u64,
    /// Links between nodes.
    pub network: Quality,
    /// Links between clients and nodes.
    pub clients: Quality,
    /// Disks.
    pub disk: DiskOptions,
    /// Clocks.
    pub clock: ClockOptions,
    /// Processing.
    pub process: ProcessOptions,
    /// Which faults the nemesis injects, and how often.
    pub faults: Rates,
    /// How long faults are injected.
    #[serde(with = "json::duration")]
    pub safety: Duration,
    /// How long the world runs healed afterwards.
    #[serde(with = "json::duration")]
    pub liveness: Duration,
}

/// How disks behave without faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskOptions {
    /// A sync takes at least this long.
    #[serde(with = "json::duration")]
    pub sync: Duration,
    /// Up to this much more, uniformly.
    #[serde(with = "json::duration")]
    pub jitter: Duration,
    /// And this much for each byte of work; zero is unlimited.
    pub bytes_per_second: u64,
    /// Size; creating beyond it is refused. Zero is unlimited.
    pub capacity: u64,
}

/// How clocks differ without faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOptions {
    /// Wall clocks are off by up to this much, either way.
    #[serde(with = "json::duration")]
    pub skew: Duration,
    /// Crystals are off by up to this much, either way.
    pub drift_ppm: i64,
}

/// How processes behave without faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessOptions {
    /// Processor time of one input: while a node is busy, inputs gather for the next batch.
    #[serde(with = "json::duration")]
    pub cost: Duration,
    /// Frames that a paused or busy node keeps; later ones are lost.
    pub inbox: usize,
}

/// Mean time between two faults of a family, over the whole cluster; zero switches it off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Crashes, kills and power cuts.
    #[serde(with = "json::duration")]
    pub crash: Duration,
    /// Pauses.
    #[serde(with = "json::duration")]
    pub pause: Duration,
    /// Cuts, one-way cuts and flapping.
    #[serde(with = "json::duration")]
    pub partition: Duration,
    /// Slow and lossy links.
    #[serde(with = "json::duration")]
    pub degrade: Duration,
    /// Slow, stalled, full and unreadable disks.
    #[serde(with = "json::duration")]
    pub disk: Duration,
    /// Wipes of disks.
    #[serde(with = "json::duration")]
    pub wipe: Duration,
    /// Rot, lost and misdirected writes.
    #[serde(with = "json::duration")]
    pub corrupt: Duration,
    /// Drift, jumps and freezes of clocks.
    #[serde(with = "json::duration")]
    pub clock: Duration,
}

impl Options {
    /// Good hardware and no faults.
    #[must_use]
    pub fn calm(nodes: u64) -> Options {
        Options {
            nodes,
            replicas: nodes,
            network: Quality::default(),
            clients: Quality::default(),
            disk: DiskOptions {
                sync: Duration::from_micros(500),
                jitter: Duration::from_micros(500),
                bytes_per_second: 500_000_000,
                capacity: 0,
            },
            clock: ClockOptions { skew: Duration::from_millis(5), drift_ppm: 50 },
            process: ProcessOptions { cost: Duration::from_micros(5), inbox: 10_000 },
            faults: Rates::default(),
            safety: Duration::from_secs(30),
            liveness: Duration::from_secs(30),
        }
    }

    /// How many nodes may lose what they promised to keep: a minority of the copies.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.replicas.min(self.nodes).saturating_sub(1) / 2
    }
}

impl Rates {
    /// Name and mean time between faults of every family.
    #[must_use]
    pub fn list(&self) -> [(&'static str, Duration); 8] {
        [
            ("crash", self.crash),
            ("pause", self.pause),
            ("partition", self.partition),
            ("degrade", self.degrade),
            ("disk", self.disk),
            ("wipe", self.wipe),
            ("corrupt", self.corrupt),
            ("clock", self.clock),
        ]
    }
}

impl fmt::Display for Options {
    /// A short table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = json::show;
        let (net, disk, clock) = (&self.network, &self.disk, &self.clock);
        writeln!(
            f,
            "nodes      {}, copies {}, may be damaged {}",
            self.nodes,
            self.replicas,
            self.budget()
        )?;
        writeln!(f, "phases     safety {}, liveness {}", show(self.safety), show(self.liveness))?;
        writeln!(
            f,
            "network    {} + {}, tail {} ppm of {}, loss {}, repeat {}, reorder {} ppm",
            show(net.base),
            show(net.jitter),
            net.tail_ppm,
            show(net.tail),
            net.loss_ppm,
            net.duplicate_ppm,
            net.reorder_ppm,
        )?;
        writeln!(f, "disk       sync {} + {}", show(disk.sync), show(disk.jitter))?;
        writeln!(f, "clock      skew {}, drift {} ppm", show(clock.skew), clock.drift_ppm)?;
        write!(f, "faults    ")?;
        for (name, every) in self.faults.list() {
            if !every.is_zero() {
                write!(f, " {name}/{}", show(every))?;
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minority_of_the_copies_may_be_damaged() {
        let budget = |nodes, replicas| Options { replicas, ..Options::calm(nodes) }.budget();
        assert_eq!([budget(3, 3), budget(4, 4), budget(5, 5), budget(7, 7)], [1, 1, 2, 3]);
        assert_eq!([budget(5, 3), budget(1, 1), budget(3, 9)], [1, 0, 1]);
    }

    #[test]
    fn the_table_is_short() {
        let mut options = Options::calm(5);
        options.faults.crash = Duration::from_secs(3);
        let table = options.to_string();
        assert_eq!(table.lines().count(), 6);
        assert!(table.ends_with("faults     crash/3s\n"), "{table}");
    }
}
