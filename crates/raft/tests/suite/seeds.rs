//! Which seeds run when.

use crate::random::run;

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
