//! Whom a strike or a client means: resolved when it happens, since only then it is known who leads.

use kernel::NodeId;

use crate::plan::Scenario;

/// The nodes of a group, by name. `first` is the side of `on` where `rest` stands for all others.
///
/// # Errors
/// If there is no such group.
pub fn nodes(
    name: &str,
    scenario: &Scenario,
    leader: NodeId,
    first: &[NodeId],
) -> Result<Vec<NodeId>, String> {
    let all: Vec<NodeId> = (1..=scenario.nodes).map(NodeId).collect();
    let followers = || all.iter().copied().filter(|node| *node != leader);
    let group = match name {
        "all" => all.clone(),
        "clients" => vec![NodeId::NONE],
        "leader" => vec![leader],
        "leader+1" => [leader].into_iter().chain(followers().take(1)).collect(),
        "follower" => followers().take(1).collect(),
        "followers" => followers().collect(),
        "rest" => all.iter().copied().filter(|node| !first.contains(node)).collect(),
        name => match (name.strip_prefix("zone:"), name.strip_prefix('n')) {
            (Some(zone), _) => zoned(scenario, zone),
            (_, Some(number)) => {
                let node = number.parse().map(NodeId).unwrap_or(NodeId::NONE);
                all.into_iter().filter(|other| *other == node).collect()
            }
            _ => Vec::new(),
        },
    };
    if group.is_empty() {
        Err(format!("'{name}' is nobody in {}", scenario.name))
    } else {
        Ok(group)
    }
}

fn zoned(scenario: &Scenario, zone: &str) -> Vec<NodeId> {
    let labelled = (1..=scenario.nodes).map(NodeId).zip(&scenario.zones);
    labelled.filter(|(_, label)| *label == zone).map(|(node, _)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_resolved_by_who_leads() {
        let zones = ["a", "a", "b", "b", "b"].map(str::to_owned).to_vec();
        let scenario = Scenario { nodes: 5, zones, ..Scenario::default() };
        let of = |name| {
            nodes(name, &scenario, NodeId(2), &[NodeId(2), NodeId(1)])
                .map(|all| all.into_iter().map(|node| node.0).collect::<Vec<_>>())
        };
        assert_eq!(of("leader"), Ok(vec![2]));
        assert_eq!(of("leader+1"), Ok(vec![2, 1]));
        assert_eq!(of("rest"), Ok(vec![3, 4, 5]));
        assert_eq!(of("zone:a"), Ok(vec![1, 2]));
        assert_eq!(of("followers"), Ok(vec![1, 3, 4, 5]));
        assert_eq!(of("n4"), Ok(vec![4]));
        for nobody in ["n9", "zone:c", "boss"] {
            assert!(of(nobody).unwrap_err().contains(nobody));
        }
    }
}
