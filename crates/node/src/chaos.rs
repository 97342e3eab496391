//! Faults that can be injected into a running node, where its configuration allows it.
//!
//! ```text
//!   links      cut frames to or from peers, both ways or one way; delay what arrives
//!   disk       wait before every sync; no room for another file
//!   clock      shift the wall clock that the process sees
//!   replicas   apply nothing of a keyspace; throw away the snapshots that arrive
//! ```
//!
//! Killing and pausing are done to the operating system's process, not here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use database::api::Faults;
use kernel::{Duration, NodeId};

use crate::room;

/// A change of the faults in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Drop frames to and from these peers, in the directions given; replaces earlier cuts of
    /// the same peers.
    Cut {
        /// Which peers.
        peers: BTreeSet<NodeId>,
        /// Drop what goes to them.
        outgoing: bool,
        /// Drop what comes from them.
        incoming: bool,
    },
    /// Hold what arrives from these peers for so long; zero ends it.
    Delay {
        /// Which peers.
        peers: BTreeSet<NodeId>,
        /// How long.
        by: Duration,
    },
    /// Wait so long before every sync of the journal; zero ends it.
    SlowDisk {
        /// How long.
        by: Duration,
    },
    /// The disk has no room: no byte is free, no file can be made.
    FullDisk,
    /// Apply nothing that is committed in this keyspace.
    StuckApply {
        /// Which keyspace.
        keyspace: String,
    },
    /// Throw away every snapshot that is sent to this node, when it is whole.
    LostSnapshots,
    /// Shift the wall clock by so many milliseconds; zero ends it.
    Skew {
        /// How far, either way.
        by_ms: i64,
    },
    /// End all faults.
    Heal,
}

impl Fault {
    /// The name, as the interface has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Cut { .. } => "partition",
            Fault::Delay { .. } => "slow",
            Fault::SlowDisk { .. } => "slow-disk",
            Fault::FullDisk => "full-disk",
            Fault::StuckApply { .. } => "stuck-apply",
            Fault::LostSnapshots => "lost-snapshots",
            Fault::Skew { .. } => "skew",
            Fault::Heal => "heal",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |peers: &BTreeSet<NodeId>| {
            peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        match self {
            Fault::Cut { peers, outgoing: true, incoming: true } => {
                write!(f, "nothing goes to or comes from {}", names(peers))
            }
            Fault::Cut { peers, outgoing: true, .. } => {
                write!(f, "nothing goes to {}", names(peers))
            }
            Fault::Cut { peers, incoming: true, .. } => {
                write!(f, "nothing comes from {}", names(peers))
            }
            Fault::Cut { peers, .. } => write!(f, "the links with {} are whole", names(peers)),
            Fault::Delay { peers, by } => {
                write!(f, "what comes from {} is {} ms late", names(peers), by.as_millis())
            }
            Fault::SlowDisk { by } => write!(f, "the disk is {} ms slower", by.as_millis()),
            Fault::FullDisk => f.write_str("the disk is full"),
            Fault::StuckApply { keyspace } => write!(f, "nothing of {keyspace} is applied"),
            Fault::LostSnapshots => f.write_str("snapshots that arrive are thrown away"),
            Fault::Skew { by_ms } => write!(f, "the clock is {by_ms} ms off"),
            Fault::Heal => f.write_str("none: all faults end"),
        }
    }
}

/// The faults in force. Costs one relaxed load where there are none.
#[derive(Debug, Default)]
pub struct Chaos {
    /// Whether any link has a fault.
    links: AtomicBool,
    rules: Mutex<Rules>,
    sync_delay_us: AtomicU64,
    full_disk: AtomicBool,
    skew_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct Rules {
    outgoing: BTreeSet<NodeId>,
    incoming: BTreeSet<NodeId>,
    delay: BTreeMap<NodeId, Duration>,
    process: Faults,
}

impl Chaos {
    /// Changes the faults in force; what the process is to be told of them.
    pub fn inject(&self, fault: Fault) -> Faults {
        let mut rules = self.rules();
        match fault {
            Fault::Cut { peers, outgoing, incoming } => {
                for peer in peers {
                    set(&mut rules.outgoing, peer, outgoing);
                    set(&mut rules.incoming, peer, incoming);
                }
            }
            Fault::Delay { peers, by } => {
                for peer in peers {
                    rules.delay.insert(peer, by);
                }
                rules.delay.retain(|_, by| !by.is_zero());
            }
            Fault::SlowDisk { by } => {
                let us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
                self.sync_delay_us.store(us, Relaxed);
            }
            Fault::FullDisk => self.full_disk.store(true, Relaxed),
            Fault::StuckApply { keyspace } => {
                rules.process.stuck.insert(keyspace);
            }
            Fault::LostSnapshots => rules.process.lost_snapshots = true,
            Fault::Skew { by_ms } => self.skew_ms.store(by_ms, Relaxed),
            Fault::Heal => {
                *rules = Rules::default();
                self.sync_delay_us.store(0, Relaxed);
                self.full_disk.store(false, Relaxed);
                self.skew_ms.store(0, Relaxed);
            }
        }
        let quiet =
            rules.outgoing.is_empty() && rules.incoming.is_empty() && rules.delay.is_empty();
        self.links.store(!quiet, Relaxed);
        rules.process.clone()
    }

    /// Whether frames to this peer are dropped.
    #[must_use]
    pub fn cuts_to(&self, peer: NodeId) -> bool {
        self.links.load(Relaxed) && self.rules().outgoing.contains(&peer)
    }

    /// Whether frames from this peer are dropped.
    #[must_use]
    pub fn cuts_from(&self, peer: NodeId) -> bool {
        self.links.load(Relaxed) && self.rules().incoming.contains(&peer)
    }

    /// How long frames from this peer are held; `None` if they are not.
    #[must_use]
    pub fn delay_from(&self, peer: NodeId) -> Option<Duration> {
        if !self.links.load(Relaxed) {
            return None;
        }
        self.rules().delay.get(&peer).copied()
    }

    /// How long a sync of the journal waits first.
    #[must_use]
    pub fn sync_delay(&self) -> Duration {
        Duration::from_micros(self.sync_delay_us.load(Relaxed))
    }

    /// Whether the disk is to have no room.
    #[must_use]
    pub fn full_disk(&self) -> bool {
        self.full_disk.load(Relaxed)
    }

    /// What the disk under a path says is free.
    #[must_use]
    pub fn free_bytes(&self, path: &Path) -> Option<u64> {
        if self.full_disk() { Some(0) } else { room::free_bytes(path) }
    }

    /// How far the wall clock is off, in milliseconds.
    #[must_use]
    pub fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Relaxed)
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set(peers: &mut BTreeSet<NodeId>, peer: NodeId, member: bool) {
    if member {
        peers.insert(peer);
    } else {
        peers.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_begin_change_and_end() {
        let chaos = Chaos::default();
        let two = NodeId(2);
        let peers = BTreeSet::from([two]);
        assert!(!chaos.cuts_to(two));
        chaos.inject(Fault::Cut { peers: peers.clone(), outgoing: true, incoming: false });
        assert!(chaos.cuts_to(two) && !chaos.cuts_from(two) && !chaos.cuts_to(NodeId(3)));
        chaos.inject(Fault::Cut { peers: peers.clone(), outgoing: false, incoming: true });
        assert!(!chaos.cuts_to(two) && chaos.cuts_from(two));
        chaos.inject(Fault::Delay { peers: peers.clone(), by: Duration::from_millis(9) });
        assert_eq!(chaos.delay_from(two), Some(Duration::from_millis(9)));
        chaos.inject(Fault::Delay { peers, by: Duration::ZERO });
        assert_eq!(chaos.delay_from(two), None);
        chaos.inject(Fault::SlowDisk { by: Duration::from_millis(3) });
        chaos.inject(Fault::Skew { by_ms: -5 });
        assert_eq!((chaos.sync_delay(), chaos.skew_ms()), (Duration::from_millis(3), -5));
        chaos.inject(Fault::StuckApply { keyspace: "carts".into() });
        let told = chaos.inject(Fault::LostSnapshots);
        assert!(told.stuck.contains("carts") && told.lost_snapshots, "faults add up");
        chaos.inject(Fault::FullDisk);
        assert_eq!(chaos.free_bytes(Path::new("/")), Some(0));
        assert_eq!(chaos.inject(Fault::Heal), Faults::default());
        assert!(!chaos.full_disk());
        assert!(!chaos.cuts_from(two) && chaos.sync_delay().is_zero() && chaos.skew_ms() == 0);
    }
}
