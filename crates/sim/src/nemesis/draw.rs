//! One random fault of each family.

use kernel::{Duration, Instant, NodeId, Rng};

use crate::{
    atlas::Atlas,
    disk::Place,
    fault::{Between, Fault},
    options::Options,
};

pub(super) struct Draw {
    pub(super) rng: Rng,
    nodes: Vec<NodeId>,
}

impl Draw {
    pub(super) fn new(options: &Options, rng: Rng) -> Draw {
        Draw { rng, nodes: (1..=options.nodes).map(NodeId).collect() }
    }

    fn node(&mut self) -> NodeId {
        self.rng.pick(&self.nodes).copied().unwrap_or(NodeId(1))
    }

    fn victim(&mut self, atlas: &Atlas) -> Option<NodeId> {
        self.rng.pick(atlas.victims()).copied()
    }

    fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.rng.range(low, high))
    }

    pub(super) fn crash(&mut self, at: Instant, atlas: &mut Atlas) -> Option<Fault> {
        let (node, after) = (self.node(), self.millis(1, 3_000));
        let restart_after = Some(after);
        match self.rng.below(10) {
            0 => Some(Fault::PowerCut { restart_after: after }),
            kind => atlas.take_out(node, at, after).then_some(match kind {
                1..=3 => Fault::Kill { node, restart_after },
                _ => Fault::Crash { node, restart_after },
            }),
        }
    }

    pub(super) fn pause(&mut self, at: Instant, atlas: &mut Atlas) -> Option<Fault> {
        let (node, lasts) = (self.node(), self.millis(10, 5_000));
        atlas.take_out(node, at, lasts).then_some(Fault::Pause { node, lasts })
    }

    pub(super) fn wipe(&mut self, at: Instant, atlas: &mut Atlas) -> Option<Fault> {
        if atlas.apart() {
            return None;
        }
        let (node, after) = (self.victim(atlas)?, self.millis(100, 3_000));
        let fits = atlas.take_out(node, at, after);
        fits.then_some(Fault::Wipe { node, restart_after: Some(after) })
    }

    pub(super) fn partition(&mut self) -> Fault {
        let lasts = self.millis(50, 5_000);
        let links = self.between();
        match self.rng.below(4) {
            0 => {
                let (up, down) = (self.millis(5, 500), self.millis(5, 500));
                Fault::Flap { links, up, down, lasts }
            }
            _ => Fault::Cut { links, lasts },
        }
    }

    pub(super) fn degrade(&mut self) -> Fault {
        let (links, lasts) = (self.between(), self.millis(100, 5_000));
        match self.rng.below(2) {
            0 => Fault::Slow {
                links,
                delay: self.millis(1, 300),
                bytes_per_second: 10_000 << self.rng.below(12),
                lasts,
            },
            _ => Fault::Lossy {
                links,
                loss_ppm: self.rng.below(400_000) as u32,
                duplicate_ppm: self.rng.below(400_000) as u32,
                reorder_ppm: self.rng.below(400_000) as u32,
                lasts,
            },
        }
    }

    /// Two halves, one node against the rest, or two nodes; one way in a third of all cases.
    fn between(&mut self) -> Between {
        let mut nodes = self.nodes.clone();
        self.rng.shuffle(&mut nodes);
        let at = match self.rng.below(2) {
            0 => 1,
            _ => self.rng.range(1, nodes.len().saturating_sub(1).max(1) as u64) as usize,
        };
        let at = at.min(nodes.len());
        let (left, right) = nodes.split_at_mut(at);
        let one = right.len().min(1);
        let right = if self.rng.below(4) == 0 { &mut right[..one] } else { right };
        left.sort_unstable();
        right.sort_unstable();
        match self.rng.below(3) {
            0 => Between::one_way(left, right),
            _ => Between::both(left, right),
        }
    }

    pub(super) fn disk(&mut self) -> Fault {
        let (node, lasts) = (self.node(), self.millis(100, 5_000));
        match self.rng.below(4) {
            0 => Fault::SlowDisk { node, delay: self.millis(1, 200), lasts },
            1 => Fault::StallDisk { node, lasts },
            2 => Fault::FullDisk { node, lasts },
            _ => Fault::ReadErrors { node, ppm: self.rng.below(200_000) as u32, lasts },
        }
    }

    pub(super) fn corrupt(&mut self, atlas: &Atlas) -> Option<Fault> {
        if atlas.apart() {
            let (pick, restart_after) = (self.rng.bits(), self.millis(1, 1_500));
            return (pick % 3 == 0).then_some(Fault::RotApart { pick, restart_after });
        }
        let (node, pick) = (self.victim(atlas)?, self.rng.bits());
        Some(match self.rng.below(8) {
            0 => Fault::FailedSync { node },
            1 | 2 => Fault::LostWrite { node, pick },
            3 | 4 => Fault::MisdirectedWrite { node, pick },
            _ => Fault::BitRot { node, place: Place { pick, ..Place::default() } },
        })
    }

    pub(super) fn clock(&mut self) -> Fault {
        let (node, lasts) = (self.node(), self.millis(100, 10_000));
        let signed = |rng: &mut Rng, most: u64| rng.range(0, 2 * most) as i64 - most as i64;
        match self.rng.below(3) {
            // Lease safety rests on a declared drift bound, so the nemesis stays well below it.
            0 => Fault::Drift { node, ppm: signed(&mut self.rng, 5_000), lasts },
            1 => Fault::Jump { node, millis: signed(&mut self.rng, 60_000) },
            _ => Fault::Freeze { node, lasts },
        }
    }
}
