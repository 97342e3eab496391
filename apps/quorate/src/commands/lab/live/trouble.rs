//! What happens to the cluster of a lab on real processes.

use client::document::{Chaos as Fault, Direction};

use crate::{bench::traffic, dev::Children, exit::Failure};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The leader is cut off from both others.
    CutLeader,
    /// The leader is killed (kill -9) while it replicates, and started again.
    KillLeader,
    /// The leader and a follower are cut off from the three others.
    CutMinority,
}

impl Trouble {
    /// What happens in a lab; none if it runs in the simulator only.
    pub fn of(lab: &str) -> Option<Trouble> {
        match lab {
            "resilience" => Some(Trouble::CutLeader),
            "raft-leader-failure" => Some(Trouble::KillLeader),
            "raft-minority-leader" => Some(Trouble::CutMinority),
            _ => None,
        }
    }

    /// Of how many nodes the cluster is.
    pub fn nodes(self) -> u16 {
        match self {
            Trouble::CutLeader | Trouble::KillLeader => 3,
            Trouble::CutMinority => 5,
        }
    }

    /// The contract of the keyspace: all nodes have a replica.
    pub fn contract(self) -> &'static str {
        match self {
            Trouble::CutLeader | Trouble::KillLeader => "",
            Trouble::CutMinority => "replicas = 5",
        }
    }

    /// For the picture.
    pub fn title(self) -> &'static str {
        match self {
            Trouble::CutLeader => "Three processes, the leader cut off",
            Trouble::KillLeader => "Three processes, the leader killed and started again",
            Trouble::CutMinority => "Five processes, the leader and a follower cut off",
        }
    }

    /// To whom it happens.
    pub fn strikes(self, leader: u16, all: impl Iterator<Item = u16>) -> Vec<u16> {
        let follower = all.filter(|node| *node != leader).take(match self {
            Trouble::CutLeader | Trouble::KillLeader => 0,
            Trouble::CutMinority => 1,
        });
        [leader].into_iter().chain(follower).collect()
    }

    /// What happened, beside the picture.
    pub fn says(self, struck: &[u16]) -> String {
        let names: Vec<String> = struck.iter().map(|node| format!("n{node}")).collect();
        match self {
            Trouble::CutLeader | Trouble::CutMinority => format!("cut off: {}", names.join(", ")),
            Trouble::KillLeader => format!("killed: {}", names.join(", ")),
        }
    }

    /// It begins.
    pub async fn begin(self, children: &mut Children, struck: &[u16]) -> Result<(), Failure> {
        if self == Trouble::KillLeader {
            for node in struck {
                children.kill(*node).await?;
            }
            return Ok(());
        }
        let layout = children.layout();
        let others = layout.numbers().filter(|node| !struck.contains(node));
        let nodes: Vec<String> = others.map(|node| format!("n{node}")).collect();
        let cut = Fault::Partition { nodes, direction: Direction::Both };
        for node in struck {
            traffic::connect(&[layout.http(*node)]).control().chaos(&cut).await?;
        }
        Ok(())
    }

    /// It ends.
    pub async fn end(self, children: &mut Children, struck: &[u16]) -> Result<(), Failure> {
        for node in struck {
            match self {
                Trouble::KillLeader => children.spawn(*node)?,
                Trouble::CutLeader | Trouble::CutMinority => {
                    let address = children.layout().http(*node);
                    traffic::connect(&[address]).control().chaos(&Fault::Heal).await?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use labs::catalogue;

    use super::*;

    #[test]
    fn the_labs_that_say_so_have_a_live_form_and_no_others() {
        for plan in catalogue::all().unwrap() {
            assert_eq!(plan.live, Trouble::of(&plan.name).is_some(), "{}", plan.name);
            assert_eq!(plan.live, plan.claim.iter().any(|claim| claim.live), "{}", plan.name);
        }
    }

    #[test]
    fn a_minority_is_struck() {
        for trouble in [Trouble::CutLeader, Trouble::KillLeader, Trouble::CutMinority] {
            for leader in 1..=trouble.nodes() {
                let struck = trouble.strikes(leader, 1..=trouble.nodes());
                assert!(
                    struck[0] == leader && struck.len() < usize::from(trouble.nodes()).div_ceil(2)
                );
                assert!(struck.iter().all(|node| (1..=trouble.nodes()).contains(node)));
            }
        }
    }
}
