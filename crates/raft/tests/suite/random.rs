//! Seeds. Each draws a cluster and a world, breaks things for a while, then makes peace and
//! demands progress.

use std::time::Duration;

use kernel::{NodeId, Ticket, limit::Bytes};
use raft::{Change, Membership, Standing};

use crate::cluster::{Cluster, World};

/// How a seed went wrong.
pub fn run(seed: u64) -> Result<Cluster, String> {
    let mut cluster = setting(seed);
    cluster.trace = std::env::var_os("SEED").is_some();
    let mut storm = Storm { tickets: 0, commands: 0, joined: 0, rots: rots(seed, &cluster) };
    for _ in 0..cluster.rng.range(100, 250) {
        storm.strike(&mut cluster);
        let pause = cluster.rng.duration(Duration::ZERO, Duration::from_millis(60));
        cluster.run_for(pause);
        if let Some(violation) = cluster.check.violation.take() {
            return Err(violation);
        }
    }
    peace(&mut cluster)?;
    Ok(cluster)
}

fn setting(seed: u64) -> Cluster {
    let mut rng = kernel::Rng::new(seed).fork("setting");
    let voters = [1, 2, 3, 3, 3, 4, 5][rng.below(7) as usize];
    let (pre_vote, lease, check_quorum) = (rng.chance(0.8), rng.chance(0.7), rng.chance(0.9));
    let window = [1, 4, 256][rng.below(3) as usize];
    let append = [Bytes(40), Bytes(150), Bytes::mib(1)][rng.below(3) as usize];
    let compact_after = [5, 30, u64::MAX][rng.below(3) as usize];
    let mut cluster = Cluster::new(seed, voters, |config| {
        (config.pre_vote, config.lease, config.check_quorum) = (pre_vote, lease, check_quorum);
        config.inflight_messages_max = window;
        config.append_bytes_max = append;
        config.drift_ppm = 300_000;
    });
    for node in cluster.nodes.values_mut() {
        node.drift_ppm = rng.range(0, 600_000) as i64 - 300_000;
        node.compact_after = compact_after;
    }
    cluster.world = World {
        delay: (Duration::from_micros(100), Duration::from_millis(rng.range(1, 40))),
        drop: [0.0, 0.02, 0.15][rng.below(3) as usize],
        repeat: [0.0, 0.1][rng.below(2) as usize],
        disk: (Duration::from_micros(50), Duration::from_millis(rng.range(1, 30))),
        disk_fails: [0.0, 0.0, 0.01][rng.below(3) as usize],
    };
    cluster.start_all();
    cluster
}

/// In a third of the seeds disks lose entries, all of them, each its own. Nobody loses its memory
/// there, nor does the group change: that together is more than is claimed. Of two voters both
/// must agree, so one with a hole that the other has in a snapshot waits for ever.
fn rots(seed: u64, cluster: &Cluster) -> bool {
    cluster.nodes.len() > 2 && kernel::Rng::new(seed).fork("rot").chance(0.33)
}

struct Storm {
    tickets: u64,
    commands: u64,
    joined: u64,
    rots: bool,
}

impl Storm {
    fn strike(&mut self, cluster: &mut Cluster) {
        let ids = cluster.ids();
        let Some(&one) = cluster.rng.pick(&ids) else { return };
        match cluster.rng.below(100) {
            0..=39 => self.propose(cluster),
            40..=54 => self.read(cluster),
            55..=62 if cluster.is_up(one) => cluster.crash(one),
            63..=72 if !cluster.is_up(one) => cluster.start(one),
            73..=75 | 87..=91 if self.rots => rot(cluster),
            73..=75 => self.wipe(cluster, one),
            76..=79 => partition(cluster),
            80..=83 => cluster.cuts.clear(),
            84..=86 => {
                let leader = cluster.leader().unwrap_or(one);
                cluster.call(leader, |raft, now, out| raft.transfer(now, Some(one), out));
            }
            87..=91 => self.change(cluster),
            92..=94 => cluster.nodes.values_mut().for_each(crate::node::Node::flush),
            95..=96 => {
                cluster.slow_disks.clear();
                if cluster.rng.chance(0.5) {
                    cluster.slow_disks.insert(one);
                }
            }
            97 => self.depose(cluster),
            _ => {}
        }
    }

    /// Cuts the leader off and keeps asking it, while the others may elect and commit.
    fn depose(&mut self, cluster: &mut Cluster) {
        let Some(old) = cluster.leader() else { return };
        for other in cluster.ids() {
            cluster.cuts.extend([(old, other), (other, old)]);
        }
        for _ in 0..80 {
            self.tickets += 1;
            cluster.read(old, Ticket(self.tickets));
            self.propose(cluster);
            cluster.run_for(Duration::from_millis(8));
        }
    }

    fn propose(&mut self, cluster: &mut Cluster) {
        for _ in 0..cluster.rng.range(1, 5) {
            self.commands += 1;
            let command = format!("c{}", self.commands);
            for id in cluster.ids() {
                if cluster.raft(id).is_some_and(raft::Raft::is_leader) {
                    // Stale leaders are asked as well.
                    cluster.propose(id, &command);
                }
            }
        }
    }

    fn read(&mut self, cluster: &mut Cluster) {
        for id in cluster.ids() {
            self.tickets += 1;
            cluster.read(id, Ticket(self.tickets));
        }
    }

    /// A wiped disk, but never more of them than the others can bear, nor while the group
    /// changes.
    fn wipe(&mut self, cluster: &mut Cluster, one: NodeId) {
        let Some(group) = agreed(cluster) else { return };
        let left: Vec<NodeId> = sound(cluster).into_iter().filter(|id| *id != one).collect();
        if group.has_majority(|node| left.contains(&node)) {
            cluster.wipe(one);
            cluster.start(one);
        }
    }

    fn change(&mut self, cluster: &mut Cluster) {
        let (Some(leader), Some(group)) = (cluster.leader(), agreed(cluster)) else { return };
        let whole = sound(cluster);
        if !group.nodes().iter().all(|node| whole.contains(node)) {
            return;
        }
        if self.joined < 2 && cluster.rng.chance(0.3) {
            self.joined += 1;
            let id = NodeId(10 + self.joined);
            cluster.add(id, &Membership::default(), &|_| {});
            cluster.start(id);
        }
        let mut ids = cluster.ids();
        cluster.rng.shuffle(&mut ids);
        let voters = cluster.rng.range(1, 5.min(ids.len() as u64)) as usize;
        let learners = ids.split_off(voters);
        let change = Change { voters: ids, learners };
        cluster.call(leader, |raft, now, _| raft.change(now, change));
    }
}

/// Every disk loses some entries, none of which another disk has lost; then some nodes crash.
fn rot(cluster: &mut Cluster) {
    let share = [0.02, 0.1, 0.5][cluster.rng.below(3) as usize];
    let all = cluster.rng.chance(0.5);
    for id in cluster.ids() {
        let held: Vec<(u64, u64)> = cluster.nodes[&id].holds().collect();
        for entry in held {
            let lost = cluster.nodes.values().any(|node| node.has_lost(entry));
            if !lost && cluster.rng.chance(share) {
                cluster.nodes.entry(id).and_modify(|node| assert!(node.rot(entry.0)));
            }
        }
        if (all || cluster.rng.chance(0.5)) && cluster.is_up(id) {
            cluster.crash(id);
            cluster.start(id);
        }
    }
}

fn sound(cluster: &Cluster) -> Vec<NodeId> {
    let ids = cluster.ids().into_iter();
    ids.filter(|id| cluster.nodes[id].durable.standing == Standing::Sound).collect()
}

/// The leader's membership, if all of it whose memory is whole agree and nothing changes.
fn agreed(cluster: &Cluster) -> Option<Membership> {
    let group = cluster.raft(cluster.leader()?)?.membership().clone();
    let agrees = |id: NodeId| cluster.raft(id).is_some_and(|raft| *raft.membership() == group);
    let mut members = sound(cluster).into_iter().filter(|id| group.contains(*id));
    (!group.is_joint() && members.all(agrees)).then_some(group)
}

fn partition(cluster: &mut Cluster) {
    let ids = cluster.ids();
    let side = cluster.rng.bits();
    let one_way = cluster.rng.chance(0.3);
    for a in &ids {
        for b in &ids {
            let crosses = side >> (a.0 % 64) & 1 != side >> (b.0 % 64) & 1;
            if crosses && (!one_way || a < b) {
                cluster.cuts.insert((*a, *b));
            }
        }
    }
}

/// The faults end. Whoever is down comes back; then there must be one leader, and a new command
/// must reach everybody in its group.
fn peace(cluster: &mut Cluster) -> Result<(), String> {
    cluster.cuts.clear();
    cluster.slow_disks.clear();
    cluster.world = World::good();
    for id in cluster.ids().into_iter().filter(|id| !cluster.is_up(*id)).collect::<Vec<_>>() {
        cluster.start(id);
    }
    let seconds = Duration::from_secs;
    if !(0..5).any(|round| serves(cluster, round)) {
        return Err(verdict(cluster, "no new command reaches everybody in peace"));
    }
    let recovered = |c: &Cluster| {
        let Some(leader) = c.leader().and_then(|id| c.raft(id)) else { return false };
        let sound = |id: &NodeId| {
            c.raft(*id).is_some_and(|raft| {
                let status = raft.status();
                status.standing == Standing::Sound && status.lost == 0
            })
        };
        leader.membership().nodes().iter().all(sound)
    };
    if !cluster.run_to(seconds(30), recovered) {
        return Err(verdict(cluster, "not everybody recovered in peace"));
    }
    match cluster.check.violation.take() {
        Some(violation) => Err(violation),
        None => Ok(()),
    }
}

/// Whether a new command reaches everybody in the group.
fn serves(cluster: &mut Cluster, round: u64) -> bool {
    let command = format!("peace {round}");
    cluster.run_for(Duration::from_secs(2));
    let Some(leader) = cluster.leader() else { return false };
    let Some(Ok((index, term))) = cluster.propose(leader, &command) else { return false };
    cluster.run_to(Duration::from_secs(20), |c| {
        let Some(leader) = c.leader().and_then(|id| c.raft(id)) else { return false };
        let group = leader.membership().nodes();
        let has = |id: &NodeId| c.raft(*id).is_some_and(|raft| raft.commit() >= index);
        let kept = c.check.term_of(index) == Some(term);
        kept && group.iter().all(has)
    })
}

fn verdict(cluster: &mut Cluster, text: &str) -> String {
    let state = |id: &NodeId| cluster.raft(*id).map(|raft| format!("{:?}", raft.status()));
    let states: Vec<_> = cluster.ids().iter().filter_map(state).collect();
    cluster.check.violation.take().unwrap_or_else(|| format!("{text}\n{}", states.join("\n")))
}
