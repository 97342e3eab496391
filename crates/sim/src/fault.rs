//! Faults as data: each has a name, can be written down, and composes with every other.
//!
//! A fault is either an event (a crash, a flipped bit) or a condition that lasts. Conditions are
//! kept in a list; what a link, disk or clock does is computed from all conditions that hold, so
//! that the end of one never undoes another.

use kernel::{Duration, NodeId};
use serde::{Deserialize, Serialize};

use crate::{disk::Place, json};

/// Links between two groups of nodes. Node 0 stands for the clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// Senders.
    #[serde(with = "json::nodes")]
    pub from: Vec<NodeId>,
    /// Receivers.
    #[serde(with = "json::nodes")]
    pub to: Vec<NodeId>,
    /// Whether the links back are meant, too.
    pub both_ways: bool,
}

impl Between {
    /// All links between two groups.
    #[must_use]
    pub fn both(from: &[NodeId], to: &[NodeId]) -> Between {
        Between { from: from.to_vec(), to: to.to_vec(), both_ways: true }
    }

    /// The links from one group to another, not those back.
    #[must_use]
    pub fn one_way(from: &[NodeId], to: &[NodeId]) -> Between {
        Between { from: from.to_vec(), to: to.to_vec(), both_ways: false }
    }

    /// Every link meant, in order.
    pub fn links(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let pairs = self.from.iter().flat_map(|from| self.to.iter().map(|to| (*from, *to)));
        pairs.filter(|(from, to)| from != to).flat_map(|(from, to)| {
            [(from, to), (to, from)].into_iter().take(1 + usize::from(self.both_ways))
        })
    }
}

/// Something that goes wrong. `lasts` counts from the injection; healing ends it earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields `node` and `lasts` mean the same everywhere")]
pub enum Fault {
    /// Power is lost on one machine: memory and unsynced sectors are gone.
    Crash {
        #[serde(with = "json::node")]
        node: NodeId,
        /// How long until it starts again; never if absent.
        #[serde(with = "json::maybe_duration", default)]
        restart_after: Option<Duration>,
    },
    /// The process dies; what it wrote stays in the page cache.
    Kill {
        #[serde(with = "json::node")]
        node: NodeId,
        /// How long until it starts again; never if absent.
        #[serde(with = "json::maybe_duration", default)]
        restart_after: Option<Duration>,
    },
    /// Power is lost everywhere at once.
    PowerCut {
        /// How long until all start again.
        #[serde(with = "json::duration")]
        restart_after: Duration,
    },
    /// The machine crashes and its disk is replaced by an empty one.
    Wipe {
        #[serde(with = "json::node")]
        node: NodeId,
        /// How long until it starts again; never if absent.
        #[serde(with = "json::maybe_duration", default)]
        restart_after: Option<Duration>,
    },
    /// A node that is down starts.
    Restart {
        #[serde(with = "json::node")]
        node: NodeId,
    },
    /// The process stands still (SIGSTOP); inputs queue up.
    Pause {
        #[serde(with = "json::node")]
        node: NodeId,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Links carry nothing.
    Cut {
        links: Between,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Links go down and come back again and again.
    Flap {
        links: Between,
        /// How long they carry.
        #[serde(with = "json::duration")]
        up: Duration,
        /// How long they do not; this comes first.
        #[serde(with = "json::duration")]
        down: Duration,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Links become slow.
    Slow {
        links: Between,
        /// This much later.
        #[serde(with = "json::duration")]
        delay: Duration,
        /// At most this bandwidth; zero leaves it.
        bytes_per_second: u64,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Links lose, repeat and reorder; chances in parts per million are added to the usual.
    Lossy {
        links: Between,
        loss_ppm: u32,
        duplicate_ppm: u32,
        reorder_ppm: u32,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Every sync takes this much longer.
    SlowDisk {
        #[serde(with = "json::node")]
        node: NodeId,
        /// This much longer.
        #[serde(with = "json::duration")]
        delay: Duration,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// No sync completes.
    StallDisk {
        #[serde(with = "json::node")]
        node: NodeId,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Creating and writing files is refused.
    FullDisk {
        #[serde(with = "json::node")]
        node: NodeId,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// Reads fail by chance.
    ReadErrors {
        #[serde(with = "json::node")]
        node: NodeId,
        /// How many, in parts per million.
        ppm: u32,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// A durable bit flips.
    BitRot {
        #[serde(with = "json::node")]
        node: NodeId,
        /// Where.
        place: Place,
    },
    /// Every disk rots, each where another copy is whole, and then power is lost everywhere.
    RotApart {
        /// Decides where.
        pick: u64,
        /// How long until all start again.
        #[serde(with = "json::duration")]
        restart_after: Duration,
    },
    /// The next sync writes one sector to a wrong place.
    MisdirectedWrite {
        #[serde(with = "json::node")]
        node: NodeId,
        /// Decides which sector, and where to.
        pick: u64,
    },
    /// The next sync lies about one sector.
    LostWrite {
        #[serde(with = "json::node")]
        node: NodeId,
        /// Decides which sector.
        pick: u64,
    },
    /// The next sync fails, and the unsynced writes are gone.
    FailedSync {
        #[serde(with = "json::node")]
        node: NodeId,
    },
    /// The crystal runs fast or slow: both clocks of the node and its timers follow.
    Drift {
        #[serde(with = "json::node")]
        node: NodeId,
        /// Added to the usual drift.
        ppm: i64,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
    /// The wall clock jumps.
    Jump {
        #[serde(with = "json::node")]
        node: NodeId,
        /// How far, either way.
        millis: i64,
    },
    /// The wall clock stands still.
    Freeze {
        #[serde(with = "json::node")]
        node: NodeId,
        #[serde(with = "json::duration")]
        lasts: Duration,
    },
}

/// Which part of the world a fault belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Crashes, kills, pauses.
    Process,
    /// Links.
    Network,
    /// Slow, stalled, full and unreadable disks: nothing that was synced is lost.
    Disk,
    /// Wipes, rot, lost and misdirected writes, failed syncs: synced data is lost.
    Damage,
    /// Clocks.
    Clock,
}

impl Fault {
    /// The node that it strikes; `None` if it strikes links or everybody.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Fault::Crash { node, .. }
            | Fault::Kill { node, .. }
            | Fault::Wipe { node, .. }
            | Fault::Restart { node }
            | Fault::Pause { node, .. }
            | Fault::SlowDisk { node, .. }
            | Fault::StallDisk { node, .. }
            | Fault::FullDisk { node, .. }
            | Fault::ReadErrors { node, .. }
            | Fault::BitRot { node, .. }
            | Fault::MisdirectedWrite { node, .. }
            | Fault::LostWrite { node, .. }
            | Fault::FailedSync { node }
            | Fault::Drift { node, .. }
            | Fault::Jump { node, .. }
            | Fault::Freeze { node, .. } => Some(*node),
            Fault::PowerCut { .. }
            | Fault::RotApart { .. }
            | Fault::Cut { .. }
            | Fault::Flap { .. }
            | Fault::Slow { .. }
            | Fault::Lossy { .. } => None,
        }
    }

    /// The links that it strikes.
    #[must_use]
    pub fn between(&self) -> Option<&Between> {
        match self {
            Fault::Cut { links, .. }
            | Fault::Flap { links, .. }
            | Fault::Slow { links, .. }
            | Fault::Lossy { links, .. } => Some(links),
            _ => None,
        }
    }

    /// How long the condition lasts; `None` if the fault is an event.
    #[must_use]
    pub fn lasts(&self) -> Option<Duration> {
        match self {
            Fault::Pause { lasts, .. }
            | Fault::Cut { lasts, .. }
            | Fault::Flap { lasts, .. }
            | Fault::Slow { lasts, .. }
            | Fault::Lossy { lasts, .. }
            | Fault::SlowDisk { lasts, .. }
            | Fault::StallDisk { lasts, .. }
            | Fault::FullDisk { lasts, .. }
            | Fault::ReadErrors { lasts, .. }
            | Fault::Drift { lasts, .. }
            | Fault::Freeze { lasts, .. } => Some(*lasts),
            _ => None,
        }
    }

    /// Which family it belongs to.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Fault::Crash { .. }
            | Fault::Kill { .. }
            | Fault::PowerCut { .. }
            | Fault::Restart { .. }
            | Fault::Pause { .. } => Family::Process,
            Fault::Cut { .. } | Fault::Flap { .. } | Fault::Slow { .. } | Fault::Lossy { .. } => {
                Family::Network
            }
            Fault::SlowDisk { .. }
            | Fault::StallDisk { .. }
            | Fault::FullDisk { .. }
            | Fault::ReadErrors { .. } => Family::Disk,
            Fault::Wipe { .. }
            | Fault::BitRot { .. }
            | Fault::RotApart { .. }
            | Fault::MisdirectedWrite { .. }
            | Fault::LostWrite { .. }
            | Fault::FailedSync { .. } => Family::Damage,
            Fault::Drift { .. } | Fault::Jump { .. } | Fault::Freeze { .. } => Family::Clock,
        }
    }
}

impl std::fmt::Display for Fault {
    /// The name, where it strikes, how much and how long: `cut n1,n2 <-> n3 for 2s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = serde_json::to_value(self).unwrap_or_default();
        f.write_str(value["fault"].as_str().unwrap_or("fault"))?;
        if let Some(node) = self.node() {
            write!(f, " {node}")?;
        }
        if let Some(links) = self.between() {
            let list = |nodes: &[NodeId]| {
                nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            };
            let arrow = if links.both_ways { "<->" } else { "->" };
            write!(f, " {} {arrow} {}", list(&links.from), list(&links.to))?;
        }
        self.show_amount(f)?;
        match self.lasts() {
            Some(lasts) if lasts < Duration::MAX => write!(f, " for {}", json::show(lasts)),
            _ => Ok(()),
        }
    }
}

impl Fault {
    fn show_amount(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = json::show;
        match self {
            Fault::Crash { restart_after: Some(after), .. }
            | Fault::Kill { restart_after: Some(after), .. }
            | Fault::Wipe { restart_after: Some(after), .. }
            | Fault::PowerCut { restart_after: after }
            | Fault::RotApart { restart_after: after, .. } => {
                write!(f, ", back in {}", show(*after))
            }
            Fault::Flap { up, down, .. } => write!(f, " down {} up {}", show(*down), show(*up)),
            Fault::Slow { delay, .. } | Fault::SlowDisk { delay, .. } => {
                write!(f, " by {}", show(*delay))
            }
            Fault::Drift { ppm, .. } => write!(f, " {ppm:+} ppm"),
            Fault::Jump { millis, .. } => write!(f, " {millis:+} ms"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn faults_read_like_sentences() {
        let cases = [
            (Fault::Crash { node: A, restart_after: Some(SECOND) }, "crash n1, back in 1s"),
            (Fault::Kill { node: A, restart_after: None }, "kill n1"),
            (Fault::Jump { node: B, millis: -5 }, "jump n2 -5 ms"),
            (Fault::Drift { node: B, ppm: 5, lasts: SECOND }, "drift n2 +5 ppm for 1s"),
            (Fault::Freeze { node: B, lasts: Duration::MAX }, "freeze n2"),
        ];
        for (fault, text) in cases {
            assert_eq!(fault.to_string(), text);
        }
        let links = Between::one_way(&[A], &[B]);
        let fault = Fault::Slow { links, delay: SECOND / 2, bytes_per_second: 0, lasts: SECOND };
        assert_eq!(fault.to_string(), "slow n1 -> n2 by 500ms for 1s");
    }

    #[test]
    fn links_between_groups_are_named_once_and_never_to_oneself() {
        let c = NodeId(3);
        let links = |between: Between| between.links().collect::<Vec<_>>();
        assert_eq!(links(Between::one_way(&[A, B], &[B, c])), [(A, B), (A, c), (B, c)]);
        assert_eq!(links(Between::both(&[A], &[B])), [(A, B), (B, A)]);
    }
}
