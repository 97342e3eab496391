//! The same schedule for our replicas and for those of raft-rs: proposals over links that lose
//! messages, leaders that are cut off with entries nobody else has, new leaders. Both must
//! commit the same commands in the same order on every node.

use kernel::{NodeId, Rng};

use crate::{oracle::Oracle, stage::Stage};

/// Both groups, told the same.
struct Pair {
    ours: Stage,
    theirs: Oracle,
    size: u64,
    leader: u64,
    count: u64,
    rng: Rng,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let rng = Rng::new(seed);
        let size = if seed.is_multiple_of(3) { 5 } else { 3 };
        let mut ours = Stage::new(size, |config| {
            (config.pre_vote, config.check_quorum, config.lease) = (false, false, false);
        });
        ours.start_all();
        let mut pair = Pair { ours, theirs: Oracle::new(size), size, leader: 1, count: 0, rng };
        pair.elect(1, None);
        pair
    }

    fn ids(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.size
    }

    /// Lets everything arrive but what goes to or from `cut`, and a share that is lost.
    fn settle(&mut self, cut: Option<u64>, loss: f64) {
        let reaches = |from: u64, to: u64| cut != Some(from) && cut != Some(to);
        let mut losses = self.rng.fork(&format!("loss {}", self.count));
        while let Some((from, to, message)) = self.ours.wire.pop_front() {
            if reaches(from.0, to.0) && !losses.chance(loss) {
                self.ours.handle(to, kernel::Event::Message { from, message });
            }
        }
        self.theirs.settle(|from, to| reaches(from, to) && !losses.chance(loss));
    }

    fn elect(&mut self, id: u64, cut: Option<u64>) {
        self.leader = id;
        self.ours.campaign(NodeId(id));
        self.theirs.campaign(id);
        self.settle(cut, 0.0);
        assert!(self.ours.raft(NodeId(id)).is_leader());
    }

    fn propose(&mut self, at: u64) {
        self.count += 1;
        let command = format!("c{}", self.count);
        self.ours.propose(NodeId(at), &command).expect("it leads");
        self.theirs.propose(at, &command);
    }

    fn heartbeat(&mut self) {
        self.ours.heartbeat(NodeId(self.leader));
        self.theirs.heartbeat(self.leader);
    }

    /// No losses any more: everybody gets everything.
    fn heal(&mut self) {
        for _ in 0..20 {
            self.heartbeat();
            self.settle(None, 0.0);
        }
        for id in self.ids() {
            let (last, commit) = self.theirs.ends(id);
            assert_eq!(last, commit, "raft-rs: node {id}");
            let raft = self.ours.raft(NodeId(id));
            assert_eq!(raft.last_index(), raft.commit(), "ours: node {id}");
        }
    }

    /// Proposals over lossy links.
    fn lossy(&mut self) {
        let loss = self.rng.unit() / 2.0;
        for _ in 0..self.rng.range(1, 20) {
            self.propose(self.leader);
            if self.rng.chance(0.5) {
                self.settle(None, loss);
            }
            if self.rng.chance(0.2) {
                self.heartbeat();
            }
        }
    }

    /// The leader is cut off with entries that nobody else gets, and another one takes over.
    fn deposed(&mut self) {
        let old = self.leader;
        for _ in 0..self.rng.range(0, 5) {
            self.propose(old);
        }
        self.settle(Some(old), 0.0);
        let others: Vec<u64> = self.ids().filter(|id| *id != old).collect();
        let new = *self.rng.pick(&others).unwrap_or(&old);
        self.elect(new, Some(old));
        for _ in 0..self.rng.range(0, 5) {
            self.propose(new);
        }
    }
}

#[test]
fn both_libraries_commit_the_same_commands_in_the_same_order() {
    let mut compared = 0;
    for seed in 0..60 {
        println!("seed {seed}");
        let mut pair = Pair::new(seed);
        for _ in 0..12 {
            if pair.rng.chance(0.5) {
                pair.lossy()
            } else {
                pair.deposed()
            }
            pair.heal();
        }
        for id in pair.ids() {
            let ours = pair.ours.committed[&NodeId(id)].iter().filter(|entry| entry.kind == 0);
            let ours: Vec<Vec<u8>> = ours.map(|entry| entry.data.to_vec()).collect();
            assert_eq!(ours, pair.theirs.committed(id), "seed {seed}, node {id}");
            compared += ours.len();
        }
    }
    assert!(compared > 5_000, "{compared} commands were compared");
}
