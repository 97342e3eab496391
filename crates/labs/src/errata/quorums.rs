//! ERR-07 as a table: what is taken for a majority, for every size, and whether two of them can be
//! apart.

use sim::report::document::Block;

use super::{Found, pseudo::Flaw, raft};

/// Sizes that are looked at.
const SIZES: std::ops::RangeInclusive<u32> = 1..=9;

/// The fewest votes that more than half of the others are.
fn published(nodes: u32) -> u32 {
    let peers = nodes - 1;
    (1..=nodes).find(|votes| votes * 2 > peers).unwrap_or(nodes)
}

/// The fewest votes that any two of meet.
fn majority(nodes: u32) -> u32 {
    nodes / 2 + 1
}

/// Whether two groups of this size can have nobody in common.
fn apart(nodes: u32, votes: u32) -> bool {
    let groups: Vec<u32> = (0..1u32 << nodes).filter(|group| group.count_ones() == votes).collect();
    groups.iter().any(|one| groups.iter().any(|other| one & other == 0))
}

pub fn run() -> Found {
    let mut found = raft::of(Flaw::HalfIsEnough);
    let (mut rows, mut wrong, mut right) = (Vec::new(), 0, 0);
    for nodes in SIZES {
        let (half, most) = (published(nodes), majority(nodes));
        let (bad, good) = (apart(nodes, half), !apart(nodes, most));
        wrong += u32::from(bad);
        right += u32::from(good);
        let word = |bad: bool| if bad { "**two leaders**" } else { "meet" };
        rows.push(vec![
            nodes.to_string(),
            half.to_string(),
            word(bad).to_owned(),
            most.to_string(),
            word(!good).to_owned(),
        ]);
    }
    found.measures.set("sizes", f64::from(*SIZES.end()));
    found.measures.set("sizes_wrong", f64::from(wrong));
    found.measures.set("sizes_right", f64::from(right));
    let head =
        ["nodes", "votes, published", "any two of them", "votes, ⌊n/2⌋ + 1", "any two of them"];
    let head = head.map(str::to_owned).to_vec();
    found.blocks.insert(0, Block::Table { head, rows });
    found.blocks.insert(0, Block::Heading("Every size up to nine".into()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_an_even_number_is_no_majority() {
        let wrong: Vec<u32> = SIZES.filter(|nodes| apart(*nodes, published(*nodes))).collect();
        assert_eq!(wrong, [2, 4, 6, 8]);
        let mut sizes = SIZES;
        assert!(sizes.all(|nodes| !apart(nodes, majority(nodes))));
    }
}
