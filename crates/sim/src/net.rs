//! The network: one link for each ordered pair of nodes.
//!
//! ```text
//!   send ─▶ cut? ─▶ queue full? ─▶ lost? ─▶ transmit ─▶ travel ─▶ arrive (again if duplicated)
//!                                           len/rate    base + jitter + tail
//! ```
//!
//! A link delivers in order, as a connection does, except for frames that chance lets overtake.
//! A cut link carries nothing, not even what was under way. A link that was slow and is healed starts
//! anew, as a connection does: what waited in it for bandwidth that is no longer short is lost. Node 0 stands for the clients: its
//! links have a quality of their own and can be cut like any other.

use kernel::{Duration, Instant, NodeId, Rng};
use serde::{Deserialize, Serialize};

use crate::{audit::Lost, json};

/// How good a link is. Chances are in parts per million.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Every frame takes at least this long.
    #[serde(with = "json::duration")]
    pub base: Duration,
    /// Up to this much more, uniformly.
    #[serde(with = "json::duration")]
    pub jitter: Duration,
    /// How many frames are in the heavy tail.
    pub tail_ppm: u32,
    /// Up to this much more for those.
    #[serde(with = "json::duration")]
    pub tail: Duration,
    /// How many frames are lost.
    pub loss_ppm: u32,
    /// How many frames arrive twice.
    pub duplicate_ppm: u32,
    /// How many frames may overtake others.
    pub reorder_ppm: u32,
    /// Bandwidth; zero is unlimited.
    pub bytes_per_second: u64,
    /// Bytes under way at a time; frames beyond are lost.
    pub queue_bytes: u64,
}

impl Default for Quality {
    /// A good network within one region.
    fn default() -> Self {
        Quality {
            base: Duration::from_micros(150),
            jitter: Duration::from_micros(100),
            tail_ppm: 1_000,
            tail: Duration::from_millis(5),
            loss_ppm: 0,
            duplicate_ppm: 0,
            reorder_ppm: 0,
            bytes_per_second: 125_000_000,
            queue_bytes: 16 << 20,
        }
    }
}

/// A link that comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flap {
    pub(crate) since: Instant,
    pub(crate) up: Duration,
    pub(crate) down: Duration,
}

impl Flap {
    fn is_down(self, now: Instant) -> bool {
        let period = (self.up + self.down).as_nanos().max(1);
        now.since(self.since).as_nanos() % period < self.down.as_nanos()
    }
}

/// One direction between two nodes.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) quality: Quality,
    pub(crate) cut: bool,
    pub(crate) flaps: Vec<Flap>,
    sent_until: Instant,
    last_arrival: Instant,
    queued: u64,
    /// Frames with smaller numbers were under way when the link started anew.
    begins: u64,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Lost(Lost),
    Arrives { at: Instant, again: Option<Instant> },
}

/// All links of a world.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    side: usize,
    links: Vec<Link>,
    peers: Quality,
    clients: Quality,
    rng: Rng,
}

impl Link {
    fn new(quality: Quality) -> Link {
        Link {
            quality,
            cut: false,
            flaps: Vec::new(),
            sent_until: Instant::ZERO,
            last_arrival: Instant::ZERO,
            queued: 0,
            begins: 0,
        }
    }

    /// Starts anew: nothing that was sent before frame `next` arrives any more.
    pub(crate) fn renew(&mut self, now: Instant, next: u64) {
        self.begins = next;
        self.sent_until = self.sent_until.min(now);
        self.last_arrival = self.last_arrival.min(now);
    }

    /// Whether the link carries anything now.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        !self.cut && !self.flaps.iter().any(|flap| flap.is_down(now))
    }

    fn route(&mut self, now: Instant, bytes: u64, rng: &mut Rng) -> Route {
        if !self.is_open(now) {
            return Route::Lost(Lost::Cut);
        }
        if self.queued + bytes > self.quality.queue_bytes {
            return Route::Lost(Lost::Queue);
        }
        if hit(rng, self.quality.loss_ppm) {
            return Route::Lost(Lost::Loss);
        }
        let rate = self.quality.bytes_per_second;
        let transmit = (bytes * 1_000_000_000).checked_div(rate).unwrap_or(0);
        self.sent_until = self.sent_until.max(now) + Duration::from_nanos(transmit);
        self.queued += bytes;
        let mut at = self.sent_until + self.travel(rng);
        if !hit(rng, self.quality.reorder_ppm) {
            at = at.max(self.last_arrival);
            self.last_arrival = at;
        }
        let again = hit(rng, self.quality.duplicate_ppm).then(|| {
            self.queued += bytes;
            self.sent_until + self.travel(rng) + self.travel(rng)
        });
        Route::Arrives { at, again }
    }

    fn travel(&self, rng: &mut Rng) -> Duration {
        let near = self.quality.base + rng.duration(Duration::ZERO, self.quality.jitter);
        match hit(rng, self.quality.tail_ppm) {
            true => near + rng.duration(Duration::ZERO, self.quality.tail),
            false => near,
        }
    }
}

/// True with a chance in parts per million; draws nothing where the chance is zero.
pub(crate) fn hit(rng: &mut Rng, ppm: u32) -> bool {
    ppm != 0 && rng.below(1_000_000) < u64::from(ppm)
}

impl Net {
    /// Links between `nodes` nodes and the clients.
    pub(crate) fn new(nodes: u64, peers: &Quality, clients: &Quality, rng: Rng) -> Net {
        let side = nodes as usize + 1;
        let mut net =
            Net { side, links: Vec::new(), peers: peers.clone(), clients: clients.clone(), rng };
        net.links = (0..side * side).map(|i| Link::new(net.usual(i).clone())).collect();
        net
    }

    fn usual(&self, index: usize) -> &Quality {
        let client = index < self.side || index.is_multiple_of(self.side);
        if client { &self.clients } else { &self.peers }
    }

    /// From the next reset on, no frame between nodes is late by more than this.
    pub(crate) fn bound_tail(&mut self, tail: Duration) {
        self.peers.tail = self.peers.tail.min(tail);
    }

    /// Ends every fault on every link.
    pub(crate) fn reset(&mut self) {
        for index in 0..self.links.len() {
            let usual = self.usual(index).clone();
            let link = &mut self.links[index];
            (link.quality, link.cut) = (usual, false);
            link.flaps.clear();
        }
    }

    /// The link from one node to another; node 0 stands for the clients.
    pub(crate) fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.links[from.0 as usize * self.side + to.0 as usize]
    }

    /// Decides what becomes of a frame.
    pub(crate) fn route(&mut self, now: Instant, from: NodeId, to: NodeId, bytes: u64) -> Route {
        let link = &mut self.links[from.0 as usize * self.side + to.0 as usize];
        link.route(now, bytes, &mut self.rng)
    }

    /// Every link starts anew.
    pub(crate) fn renew(&mut self, now: Instant, next: u64) {
        self.links.iter_mut().for_each(|link| link.renew(now, next));
    }

    /// Takes a frame off its link; whether the link let it through.
    pub(crate) fn arrive(
        &mut self,
        now: Instant,
        (from, to): (NodeId, NodeId),
        frame: u64,
        bytes: u64,
    ) -> bool {
        let link = self.link(from, to);
        link.queued = link.queued.saturating_sub(bytes);
        link.is_open(now) && frame >= link.begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(change: impl FnOnce(&mut Quality)) -> Link {
        let mut quality = Quality { tail_ppm: 0, bytes_per_second: 0, ..Quality::default() };
        change(&mut quality);
        Link::new(quality)
    }

    fn arrivals(link: &mut Link, count: u64) -> Vec<(Instant, Option<Instant>)> {
        let mut rng = Rng::new(7);
        (0..count)
            .filter_map(|i| match link.route(Instant(i * 10_000), 100, &mut rng) {
                Route::Arrives { at, again } => Some((at, again)),
                Route::Lost(_) => None,
            })
            .collect()
    }

    #[test]
    fn a_good_link_delivers_everything_in_order_and_in_time() {
        let all = arrivals(&mut link(|_| ()), 1_000);
        assert_eq!(all.len(), 1_000);
        assert!(all.is_sorted());
        for (i, (at, again)) in all.iter().enumerate() {
            let travel = at.since(Instant(i as u64 * 10_000));
            assert!((150_000..=250_000).contains(&(travel.as_nanos() as u64)), "{travel:?}");
            assert_eq!(*again, None);
        }
    }

    #[test]
    fn chances_are_kept() {
        let lost = 1_000 - arrivals(&mut link(|q| q.loss_ppm = 300_000), 1_000).len();
        assert!((250..350).contains(&lost), "{lost} of 300 lost");
        let twice = arrivals(&mut link(|q| q.duplicate_ppm = 200_000), 1_000);
        let twice = twice.iter().filter(|(_, again)| again.is_some()).count();
        assert!((150..250).contains(&twice), "{twice} of 200 repeated");
        let mixed = arrivals(&mut link(|q| q.reorder_ppm = 500_000), 1_000);
        assert!(!mixed.is_sorted());
        let tail = arrivals(
            &mut link(|q| (q.tail_ppm, q.tail) = (100_000, Duration::from_secs(1))),
            1_000,
        );
        assert!(tail.iter().any(|(at, _)| at.0 > 100_000_000));
    }

    #[test]
    fn a_tail_that_is_bound_is_no_longer_than_that() {
        let peers =
            Quality { tail_ppm: 500_000, tail: Duration::from_secs(1), ..Quality::default() };
        let mut net = Net::new(2, &peers, &Quality::default(), Rng::new(7));
        let longest = |net: &mut Net, from: u64| {
            let travel = |i: u64| {
                let now = Instant(i * 2_000_000_000);
                match net.route(now, NodeId(1), NodeId(2), 100) {
                    Route::Arrives { at, .. } => at.since(now),
                    Route::Lost(why) => panic!("{why:?}"),
                }
            };
            (from..from + 100).map(travel).max()
        };
        assert!(longest(&mut net, 0) > Some(Duration::from_millis(500)));
        net.bound_tail(Duration::from_millis(60));
        net.reset();
        assert!(longest(&mut net, 100) < Some(Duration::from_millis(61)));
    }

    #[test]
    fn bandwidth_delays_and_the_queue_is_bounded() {
        let mut slow = link(|q| (q.bytes_per_second, q.queue_bytes) = (1_000, 250));
        let all = arrivals(&mut slow, 10);
        assert_eq!(all.len(), 2, "a third frame would not fit the queue");
        assert!(all[1].0.since(all[0].0) >= Duration::from_millis(99));
    }

    #[test]
    fn a_flapping_link_comes_and_goes() {
        let mut link = link(|_| ());
        let ms = Duration::from_millis;
        link.flaps.push(Flap { since: Instant(0), up: ms(30), down: ms(10) });
        let open: Vec<bool> =
            [0, 9, 10, 39, 40, 55].map(|at| link.is_open(Instant::ZERO + ms(at))).to_vec();
        assert_eq!(open, [false, false, true, true, false, true]);
        link.flaps.push(Flap { since: Instant(0), up: ms(1), down: ms(60) });
        assert!(!link.is_open(Instant::ZERO + ms(55)), "two that flap are down if either is");
    }
}
