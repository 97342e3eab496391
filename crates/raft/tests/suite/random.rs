//! Seeds. Each draws a cluster and a world, breaks things for a while, then makes peace and
//! demands progress.

use std::time::Duration;

use kernel::{NodeId, Ticket};
use raft::{Change, Membership, Standing};

use crate::cluster::{Cluster, World};

/// How a seed went wrong.
pub fn run(seed: u64) -> Result<Cluster, String> {
    let mut cluster = setting(seed);
    cluster.trace = std::env::var_os("SEED").is_some();
    let mut storm = Storm { tickets: 0, commands: 0, joined: 0 };
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
    let compact_after = [5, 30, u64::MAX][rng.below(3) as usize];
    let mut cluster = Cluster::new(seed, voters, |config| {
        (config.pre_vote, config.lease, config.check_quorum) = (pre_vote, lease, check_quorum);
        config.inflight_messages_max = window;
        config.drift_ppm = 100_000;
    });
    for node in cluster.nodes.values_mut() {
        node.drift_ppm = rng.range(0, 200_000) as i64 - 100_000;
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

struct Storm {
    tickets: u64,
    commands: u64,
    joined: u64,
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
            _ => {}
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
    let mut rounds = 0;
    let index = loop {
        if !cluster.run_to(seconds(20), |c| c.leader().is_some()) {
            return Err(verdict(cluster, "no leader in peace"));
        }
        let leader = cluster.leader().unwrap_or_default();
        if let Some(Ok((index, _))) = cluster.propose(leader, "peace") {
            break index;
        }
        cluster.run_for(Duration::from_millis(100));
        rounds += 1;
        if rounds > 100 {
            return Err(verdict(cluster, "no leader accepts a command in peace"));
        }
    };
    let caught_up = |c: &Cluster| {
        let Some(leader) = c.leader().and_then(|id| c.raft(id)) else { return false };
        let nodes = leader.membership().nodes();
        let done = |id: &NodeId| c.raft(*id).is_some_and(|raft| raft.commit() >= index);
        leader.commit() >= index && nodes.iter().all(done)
    };
    if !cluster.run_to(seconds(30), caught_up) {
        return Err(verdict(cluster, "not everybody caught up in peace"));
    }
    let recovered = |c: &Cluster| {
        let Some(leader) = c.leader().and_then(|id| c.raft(id)) else { return false };
        let sound =
            |id: &NodeId| c.raft(*id).is_some_and(|raft| raft.status().standing == Standing::Sound);
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

fn verdict(cluster: &mut Cluster, text: &str) -> String {
    let state = |id: &NodeId| cluster.raft(*id).map(|raft| format!("{:?}", raft.status()));
    let states: Vec<_> = cluster.ids().iter().filter_map(state).collect();
    cluster.check.violation.take().unwrap_or_else(|| format!("{text}\n{}", states.join("\n")))
}

#[test]
fn three_hundred_seeds_keep_the_five_properties_and_then_make_progress() {
    let (mut committed, mut reads) = (0, 0);
    for seed in 0..300 {
        println!("seed {seed}");
        match run(seed) {
            Ok(cluster) => {
                committed += cluster.check.committed_index();
                reads += cluster.check.reads_done;
            }
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    assert!(committed > 10_000 && reads > 1_000, "{committed} commits, {reads} reads");
}
/// `SEED=17 cargo test -p quorate-raft replay -- --nocapture` prints everything that happens.
#[test]
fn replay_a_seed() {
    let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) else { return };
    if let Err(violation) = run(seed) {
        panic!("seed {seed}: {violation}");
    }
}

/// `SOAK=1000..9000 cargo test --release -p quorate-raft soak -- --nocapture` runs many seeds.
#[test]
fn soak_many_seeds() {
    let Ok(range) = std::env::var("SOAK") else { return };
    let mut ends = range.split("..").map(|end| end.parse::<u64>().expect("SOAK=first..last"));
    let (first, last) = (ends.next().unwrap_or(0), ends.next().unwrap_or(0));
    let wrong = (first..last).filter_map(|seed| run(seed).err().map(|text| (seed, text)));
    let wrong: Vec<_> = wrong.map(|(seed, text)| format!("seed {seed}: {text}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
