//! Which seeds and which scenes run when.

use std::time::Duration;

use crate::{cluster::Cluster, random::run, traps::TRAPS};

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

#[test]
fn no_trap_closes_on_the_real_code() {
    for (name, trap) in TRAPS {
        assert_eq!(trap(), Ok(()), "{name}");
    }
}

/// What [`raft::Config::new`] promises: from a crash of the leader to a leader that serves.
#[test]
fn a_crashed_leader_is_replaced_in_300_to_500_milliseconds_as_a_rule() {
    let mut gaps: Vec<Duration> = (0..50).map(gap_after_crash).collect();
    gaps.sort_unstable();
    println!("median {:?}, worst {:?}", gaps[25], gaps[49]);
    let millis = Duration::from_millis;
    assert!((millis(250)..millis(500)).contains(&gaps[25]), "median {:?}", gaps[25]);
    assert!(gaps[44] < millis(550) && gaps[49] < millis(1_200), "{gaps:?}");
}

fn gap_after_crash(seed: u64) -> Duration {
    let mut cluster = Cluster::new(seed, 3, |_| {});
    cluster.start_all();
    let serves =
        |c: &Cluster| c.leader().and_then(|id| c.raft(id)).is_some_and(raft::Raft::ready_to_serve);
    assert!(cluster.run_to(Duration::from_secs(5), serves));
    cluster.run_for(Duration::from_millis(300));
    let old = cluster.leader().expect("somebody leads");
    cluster.crash(old);
    let crashed = cluster.now;
    assert!(cluster.run_to(Duration::from_secs(5), serves));
    cluster.now.since(crashed)
}

#[test]
fn a_seed_decides_everything() {
    let trace = |seed| {
        let cluster = run(seed).expect("it is one of the good seeds");
        let notes = cluster.nodes.values().map(|node| format!("{:?}", node.notes));
        (cluster.now, notes.collect::<Vec<_>>())
    };
    for seed in [1, 2, 3, 5, 8] {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

/// `cargo test -p quorate-raft --features marks marks`
#[cfg(feature = "marks")]
#[test]
fn the_seeds_reach_every_mark_and_break_no_assertion() {
    for seed in 0..300 {
        assert!(run(seed).is_ok(), "seed {seed}");
    }
    let reached = kernel::mark::ledger::reached();
    let marks = [
        "raft: a follower has lost its memory",
        "raft: a heartbeat shows that an append was lost",
        "raft: a leader without a majority steps down",
        "raft: a piece of a snapshot came twice or too early",
        "raft: a piece of a snapshot is sent again",
        "raft: a voter stays with its leader",
        "raft: an entry that a disk had lost came back",
        "raft: an entry that no majority can hold was given up",
    ];
    for mark in marks {
        assert!(reached.contains_key(mark), "never reached: {mark}");
    }
    assert_eq!(kernel::mark::ledger::broken().len(), 0);
}
