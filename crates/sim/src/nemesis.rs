//! The nemesis: draws a schedule of faults from options, within what is claimed.
//!
//! Each family strikes on its own stream, so that switching one off leaves the others as they
//! were. Faults strike during the safety phase; the plan names the minority that stays dead in
//! the liveness phase, in which everything else is healed ([`crate::World::heal_all_but`]).

mod draw;

use kernel::{Duration, Instant, NodeId, Rng};

use crate::{
    atlas::Atlas,
    options::Options,
    plan::{Plan, Strike},
    swarm,
};
use draw::Draw;

/// The plan of a seed with all parameters drawn from it.
#[must_use]
pub fn swarm(seed: u64) -> Plan {
    plan(seed, swarm::draw(seed))
}

/// The plan of a seed with these options.
#[must_use]
pub fn plan(seed: u64, options: Options) -> Plan {
    let rng = Rng::new(seed).fork("nemesis");
    let mut atlas = Atlas::new(&options, &mut rng.fork("atlas"));
    let mut schedule = Vec::new();
    for (family, every) in options.faults.list() {
        let rng = rng.fork(family);
        strikes(family, every, &options, &mut Draw::new(&options, rng), &mut atlas, &mut schedule);
    }
    schedule.sort_by_key(|strike| strike.at);
    let mortal = if atlas.apart() { &[][..] } else { atlas.victims() };
    let dead = dead(&options, mortal, &mut rng.fork("dead"));
    Plan { seed, options, schedule, dead }
}

/// Lets one family strike, at random intervals of the given mean.
fn strikes(
    family: &str,
    every: Duration,
    options: &Options,
    draw: &mut Draw,
    atlas: &mut Atlas,
    schedule: &mut Vec<Strike>,
) {
    if every.is_zero() {
        return;
    }
    let end = Instant::ZERO + options.safety;
    let mut at = Instant::ZERO;
    loop {
        let wait = draw.rng.range(1_000, 2 * every.as_micros() as u64);
        at = at + Duration::from_micros(wait);
        if at >= end {
            return;
        }
        let fault = match family {
            "crash" => draw.crash(at, atlas),
            "pause" => draw.pause(at, atlas),
            "partition" => Some(draw.partition()),
            "degrade" => Some(draw.degrade()),
            "disk" => Some(draw.disk()),
            "wipe" => draw.wipe(at, atlas),
            "corrupt" => draw.corrupt(atlas),
            _ => Some(draw.clock()),
        };
        schedule.extend(fault.map(|fault| Strike { at, fault }));
    }
}

/// In a third of all runs some victims stay dead.
fn dead(options: &Options, victims: &[NodeId], rng: &mut Rng) -> Vec<NodeId> {
    let crashes = !options.faults.crash.is_zero() && rng.below(3) == 0;
    let count = if crashes { rng.below(victims.len() as u64 + 1) } else { 0 };
    victims[..count as usize].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{atlas, fault::Family};
    use std::collections::BTreeMap;

    #[test]
    fn a_thousand_seeds_stay_within_what_is_claimed() {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for seed in 0..1_000 {
            let plan = swarm(seed);
            assert_eq!(atlas::check(&plan), Ok(()), "seed {seed}");
            assert!(plan.schedule.is_sorted_by_key(|strike| strike.at));
            for strike in &plan.schedule {
                assert!(strike.at < Instant::ZERO + plan.options.safety);
                let name = strike.fault.to_string();
                *kinds.entry(name.split(' ').next().unwrap().to_owned()).or_default() += 1;
            }
        }
        assert_eq!(kinds.len(), 21, "every fault but restart is drawn: {kinds:?}");
        assert!(kinds.values().all(|count| *count > 100), "{kinds:?}");
    }

    #[test]
    fn switching_a_family_off_leaves_the_others() {
        let mut options = swarm::draw(1);
        options.faults.clock = Duration::from_secs(1);
        options.faults.partition = Duration::from_secs(1);
        let all = plan(1, options.clone());
        options.faults.clock = Duration::ZERO;
        let mut without = all.clone();
        without.schedule.retain(|strike| strike.fault.family() != Family::Clock);
        assert!(without.schedule.len() < all.schedule.len());
        assert_eq!(plan(1, options).schedule, without.schedule);
    }

    #[test]
    fn a_plan_survives_json_both_ways() {
        for seed in 0..100 {
            let plan = swarm(seed);
            assert_eq!(Plan::from_json(&plan.to_json()), Ok(plan));
        }
        let error = Plan::from_json("{\"seed\": 1}").unwrap_err();
        assert!(error.contains("missing field"), "{error}");
    }
}
