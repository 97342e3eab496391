//! Who may be harmed: the budget that keeps faults within what is claimed to be survived.
//!
//! Two budgets, each a minority of the copies:
//!
//! - *lasting*: nodes whose synced data may be lost or damaged (wiped, rotten, lied to), or that
//!   stay dead in the end. Nobody knows when such a node is whole again, so the victims are
//!   chosen once for the whole run.
//! - *passing*: nodes that are down or stopped at one time. Everyone may be hit, but only a
//!   minority at once; a power cut, which hits all at once, is the exception, and loses
//!   nothing that was synced.
//!
//! There is one exception: in some runs all disks rot, each at places of which other nodes hold whole
//! copies (`apart.rs`). Nothing else is lost there for good, and nobody stays dead.
//!
//! Links, clocks and slow or full disks lose nothing and are not limited.

use std::collections::BTreeSet;

use kernel::{Duration, Instant, NodeId, Rng};

use crate::{
    fault::{Family, Fault},
    options::Options,
    plan::Plan,
};

/// The budgets of one run.
#[derive(Clone, Debug)]
pub struct Atlas {
    budget: usize,
    victims: Vec<NodeId>,
    apart: bool,
    out: Vec<(NodeId, Instant, Instant)>,
}

impl Atlas {
    /// Draws the victims of lasting damage.
    #[must_use]
    pub fn new(options: &Options, rng: &mut Rng) -> Atlas {
        let apart = !options.faults.corrupt.is_zero() && rng.fork("apart").chance(0.3);
        let mut nodes: Vec<NodeId> = (1..=options.nodes).map(NodeId).collect();
        rng.shuffle(&mut nodes);
        nodes.truncate(options.budget() as usize);
        nodes.sort_unstable();
        Atlas { budget: nodes.len(), victims: nodes, apart, out: Vec::new() }
    }

    /// Who may suffer lasting damage.
    #[must_use]
    pub fn victims(&self) -> &[NodeId] {
        &self.victims
    }

    /// Whether all disks may rot, at places apart, and nothing else is lost for good.
    #[must_use]
    pub fn apart(&self) -> bool {
        self.apart
    }

    /// Takes a node out for a while if a minority at most is then out at any time.
    pub fn take_out(&mut self, node: NodeId, at: Instant, lasts: Duration) -> bool {
        let until = at + lasts;
        let others: BTreeSet<NodeId> = self
            .out
            .iter()
            .filter(|(other, from, to)| *other != node && *from < until && at < *to)
            .map(|(other, ..)| *other)
            .collect();
        let fits = others.len() < self.budget;
        if fits {
            self.out.push((node, at, until));
        }
        fits
    }
}

/// Checks that a plan stays within what is claimed.
///
/// # Errors
/// The first excess, for people.
pub fn check(plan: &Plan) -> Result<(), String> {
    let budget = plan.options.budget() as usize;
    let mut harmed: BTreeSet<NodeId> = plan.dead.iter().copied().collect();
    let lasting = plan.schedule.iter().filter(|s| s.fault.family() == Family::Damage);
    harmed.extend(lasting.filter_map(|strike| strike.fault.node()));
    let apart = |fault: &Fault| matches!(fault, Fault::RotApart { .. });
    if !harmed.is_empty() && plan.schedule.iter().any(|strike| apart(&strike.fault)) {
        return Err(format!("all disks rot, and {harmed:?} suffer other lasting damage"));
    }
    if harmed.len() > budget {
        return Err(format!("{harmed:?} suffer lasting damage, at most {budget} may"));
    }
    for strike in &plan.schedule {
        let out: BTreeSet<NodeId> = plan
            .schedule
            .iter()
            .filter_map(|other| outage(other.at, &other.fault))
            .filter(|(_, from, to)| *from <= strike.at && strike.at < *to)
            .map(|(node, ..)| node)
            .collect();
        if out.len() > budget {
            return Err(format!("{out:?} are out at {}, at most {budget} may", strike.at));
        }
    }
    Ok(())
}

/// Which node a fault takes out, and from when to when.
fn outage(at: Instant, fault: &Fault) -> Option<(NodeId, Instant, Instant)> {
    let (node, lasts) = match fault {
        Fault::Crash { node, restart_after }
        | Fault::Kill { node, restart_after }
        | Fault::Wipe { node, restart_after } => (*node, restart_after.unwrap_or(Duration::MAX)),
        Fault::Pause { node, lasts } => (*node, *lasts),
        _ => return None,
    };
    Some((node, at, at + lasts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Strike;

    const SECOND: Duration = Duration::from_secs(1);

    fn plan(faults: Vec<Fault>) -> Plan {
        let at = |i| Instant::ZERO + SECOND * i as u32;
        let schedule =
            faults.into_iter().enumerate().map(|(i, fault)| Strike { at: at(i), fault }).collect();
        Plan { schedule, ..Plan::calm(1, Options::calm(3)) }
    }

    fn crash(node: u64, seconds: u32) -> Fault {
        Fault::Crash { node: NodeId(node), restart_after: Some(SECOND * seconds) }
    }

    #[test]
    fn a_minority_goes_out_at_a_time() {
        let mut atlas = Atlas::new(&Options::calm(5), &mut Rng::new(1));
        let at = Instant::ZERO + SECOND;
        assert!(atlas.take_out(NodeId(1), at, SECOND));
        assert!(atlas.take_out(NodeId(2), at, SECOND));
        assert!(atlas.take_out(NodeId(1), at, SECOND), "it is out already");
        assert!(!atlas.take_out(NodeId(3), at, SECOND));
        assert!(atlas.take_out(NodeId(3), at + SECOND, SECOND), "the others are back");
    }

    #[test]
    fn the_check_finds_an_excess_of_outage() {
        assert_eq!(check(&plan(vec![crash(1, 1), crash(2, 1), crash(3, 9)])), Ok(()));
        let error = check(&plan(vec![crash(1, 2), crash(2, 1)])).unwrap_err();
        assert!(error.contains("are out at 1."), "{error}");
    }

    #[test]
    fn the_check_finds_an_excess_of_damage() {
        let rot = || Fault::RotApart { pick: 0, restart_after: SECOND };
        assert_eq!(check(&plan(vec![rot(), crash(1, 1), rot()])), Ok(()));
        let with = |fault| check(&plan(vec![rot(), fault]));
        assert!(with(Fault::LostWrite { node: NodeId(1), pick: 0 }).is_err());
        let lie = |node| Fault::LostWrite { node: NodeId(node), pick: 0 };
        assert_eq!(check(&plan(vec![lie(1), lie(1)])), Ok(()));
        assert!(check(&plan(vec![lie(1), lie(2)])).is_err());
        let mut dead = plan(vec![lie(1)]);
        dead.dead = vec![NodeId(2)];
        assert!(check(&dead).is_err(), "the dead count");
    }
}
