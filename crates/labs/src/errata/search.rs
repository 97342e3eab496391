//! Breadth first through everything that may happen, so that the first failure found is a shortest.

use std::collections::BTreeSet;

use super::{
    act::{Action, Subject, bit},
    laws::Laws,
    pseudo::Pseudo,
};

/// What may happen, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// Replicas.
    pub nodes: u8,
    /// Steps that are given: the search begins behind them.
    pub stage: &'static [Action],
    /// Steps at most, with those.
    pub depth: usize,
    /// Elections at most.
    pub elections: usize,
    /// Writes at most.
    pub writes: usize,
    /// Whether candidates may be heard by nobody.
    pub alone: bool,
    /// Empty messages.
    pub beats: bool,
    /// Late copies.
    pub late: bool,
    /// Crashes.
    pub crashes: bool,
    /// Reads.
    pub reads: bool,
    /// Leaders that give up.
    pub gives_up: bool,
}

impl Default for Space {
    fn default() -> Space {
        let (beats, late, crashes, reads, gives_up) = (false, false, false, false, false);
        Space {
            nodes: 3,
            stage: &[],
            depth: 7,
            elections: 2,
            writes: 2,
            alone: false,
            beats,
            late,
            crashes,
            reads,
            gives_up,
        }
    }
}

/// States looked at, at most.
const STATES_MAX: usize = 400_000;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// The shortest schedule that breaks a law, and the law; none if nothing was found.
    pub broken: Option<(Vec<Action>, String)>,
    /// Different states that were looked at.
    pub states: usize,
    /// Whether all within the depth were looked at.
    pub whole: bool,
}

struct Node {
    group: Pseudo,
    laws: Laws,
    path: Vec<Action>,
}

/// Searches a group within a space.
#[must_use]
pub fn search(start: &Pseudo, space: Space) -> Searched {
    let actions = actions(space);
    let mut seen: BTreeSet<(Pseudo, Laws)> = BTreeSet::new();
    let mut first = Node { group: start.clone(), laws: Laws::default(), path: Vec::new() };
    for action in space.stage {
        let told = first.group.act(*action, &mut Vec::new()).flatten();
        first.path.push(*action);
        if let Err(law) = first.laws.look(&first.group.views(), told) {
            return Searched { broken: Some((first.path, law)), states: 0, whole: true };
        }
    }
    let mut edge = vec![first];
    for _ in space.stage.len()..space.depth {
        let mut next = Vec::new();
        for node in &edge {
            for action in &actions {
                if !allowed(space, node, *action) {
                    continue;
                }
                let (mut group, mut laws) = (node.group.clone(), node.laws.clone());
                let Some(told) = group.act(*action, &mut Vec::new()) else { continue };
                let judged = laws.look(&group.views(), told);
                let path = || node.path.iter().copied().chain([*action]).collect::<Vec<_>>();
                if let Err(law) = judged {
                    let states = seen.len();
                    return Searched { broken: Some((path(), law)), states, whole: true };
                }
                if seen.len() >= STATES_MAX {
                    return Searched { broken: None, states: seen.len(), whole: false };
                }
                if seen.insert((group.clone(), laws.clone())) {
                    next.push(Node { group, laws, path: path() });
                }
            }
        }
        edge = next;
    }
    Searched { broken: None, states: seen.len(), whole: true }
}

fn allowed(space: Space, node: &Node, action: Action) -> bool {
    let count = |like: fn(&Action) -> bool| node.path.iter().filter(|a| like(a)).count();
    node.group.may(action)
        && match action {
            Action::Elect { .. } => count(|a| matches!(a, Action::Elect { .. })) < space.elections,
            Action::Write { .. } => count(|a| matches!(a, Action::Write { .. })) < space.writes,
            Action::Late { .. } => count(|a| matches!(a, Action::Late { .. })) < 1,
            Action::Crash { .. } => count(|a| matches!(a, Action::Crash { .. })) < 1,
            _ => true,
        }
}

/// Every step that a space knows. Only the smallest sets of voters are tried: more help nobody to
/// break anything.
fn actions(space: Space) -> Vec<Action> {
    let mut all = Vec::new();
    let needed = usize::from(space.nodes) / 2;
    for node in 1..=space.nodes {
        for voters in 0..1u8 << space.nodes {
            let size = voters.count_ones() as usize;
            let wanted = if space.alone { size <= needed } else { size == needed };
            if wanted && voters & bit(node) == 0 {
                all.push(Action::Elect { node, voters });
            }
        }
        all.push(Action::Write { node });
        let others = (1..=space.nodes).filter(|other| *other != node);
        for to in others {
            all.push(Action::Replicate { from: node, to });
            if space.beats {
                all.push(Action::Beat { from: node, to });
            }
            if space.reads {
                all.push(Action::Read { node, reach: bit(to) });
            }
        }
        if space.reads {
            all.push(Action::Read { node, reach: 0 });
        }
        if space.crashes {
            all.push(Action::Crash { node });
        }
        if space.gives_up {
            all.push(Action::GiveUp { node });
        }
    }
    if space.late {
        all.extend((0..space.depth as u8).map(|message| Action::Late { message }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errata::pseudo::Flaw;

    #[test]
    fn a_shortest_schedule_is_found_and_none_where_there_is_none() {
        let space = Space { crashes: true, writes: 0, depth: 4, ..Space::default() };
        let flawed = search(&Pseudo::new(3, Some(Flaw::Forgets)), space);
        let (path, law) = flawed.broken.unwrap();
        assert!(law.starts_with("Election Safety"), "{law}");
        assert_eq!(path.len(), 3, "vote, crash, vote again: {path:?}");
        let right = search(&Pseudo::new(3, None), space);
        assert_eq!((right.broken, right.whole), (None, true));
        assert!(right.states > 50);
    }
}
