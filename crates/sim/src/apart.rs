//! Rot on all disks at different places: which copy is rotten where.
//!
//! ```text
//!   n1   a  ░  c  d        b has rotted on n1, c on n2, a on n3:
//!   n2   a  b  ░  d        of each, a copy is whole
//!   n3   ░  b  c
//! ```
//!
//! The simulator does not know what a copy is. The machines name what lies on their disks
//! ([`crate::machine::Copied`]), and nothing rots on two disks at a time. What was repaired lies
//! elsewhere: a place that its node does not name any more is of no interest to anybody.

use std::collections::BTreeMap;

use kernel::NodeId;

use crate::machine::Copied;

/// The rotten places of all disks.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    /// By name: the place of the copy that has rotted.
    rotten: BTreeMap<u64, (NodeId, String, u64)>,
}

impl Apart {
    /// What the disks hold for good now; `None` of a node that is down, or of which some is not
    /// synced.
    pub(crate) fn look(&mut self, ids: &[NodeId], copies: &[Option<Vec<Copied>>]) {
        self.rotten.retain(|name, (node, file, offset)| {
            let at = ids.iter().position(|id| id == node);
            let Some(Some(copies)) = at.and_then(|at| copies.get(at)) else { return true };
            let same = |copy: &Copied| copy.file == *file && copy.offset == *offset;
            copies.iter().any(|copy| same(copy) && copy.names.contains(name))
        });
    }

    /// Whether nothing of a copy has rotted anywhere.
    pub(crate) fn spares(&self, copy: &Copied) -> bool {
        copy.names.iter().all(|name| !self.rotten.contains_key(name))
    }

    /// A copy has rotted.
    pub(crate) fn rotten(&mut self, node: NodeId, copy: &Copied) {
        let place = || (node, copy.file.clone(), copy.offset);
        self.rotten.extend(copy.names.iter().map(|name| (*name, place())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(names: &[u64], offset: u64) -> Copied {
        Copied { names: names.to_vec(), file: "log".into(), offset, len: 8 }
    }

    #[test]
    fn nothing_rots_twice_until_it_lies_elsewhere() {
        let (a, b) = (NodeId(1), NodeId(2));
        let mut apart = Apart::default();
        assert!(apart.spares(&copy(&[1, 2], 0)));
        apart.rotten(a, &copy(&[1, 2], 0));
        assert!(!apart.spares(&copy(&[2, 3], 8)) && apart.spares(&copy(&[3], 8)));
        let held = vec![copy(&[1, 2], 0)];
        apart.look(&[a, b], &[Some(held.clone()), None]);
        apart.look(&[a, b], &[None, Some(vec![])]);
        assert!(!apart.spares(&copy(&[2], 8)), "the node is down, or still needs it");
        apart.look(&[a, b], &[Some(vec![copy(&[1], 0), copy(&[2], 16)]), None]);
        assert!(apart.spares(&copy(&[2], 8)) && !apart.spares(&copy(&[1], 8)));
    }
}
