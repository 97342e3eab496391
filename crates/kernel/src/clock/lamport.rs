//! Logical clock (Lamport, "Time, Clocks, and the Ordering of Events", 1978).
//!
//! Two rules: a node counts its events (IR1); who receives a message moves its count past the
//! sender's (IR2). So causes always have smaller numbers than effects. The converse does not
//! hold: a smaller number may mean nothing at all.

use crate::id::NodeId;

/// When an event happened, and where. The node breaks ties, which makes the order total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp {
    /// The count.
    pub time: u64,
    /// Who counted.
    pub node: NodeId,
}

/// The clock of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LamportClock {
    last: Stamp,
}

impl LamportClock {
    /// A clock that has seen nothing.
    #[must_use]
    pub fn new(node: NodeId) -> LamportClock {
        LamportClock { last: Stamp { time: 0, node } }
    }

    /// Stamps a local event or the sending of a message.
    pub fn tick(&mut self) -> Stamp {
        self.last.time = self.last.time.saturating_add(1);
        self.last
    }

    /// Stamps the receipt of a message that was stamped when it was sent.
    pub fn receive(&mut self, sent: Stamp) -> Stamp {
        self.last.time = self.last.time.max(sent.time);
        self.tick()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_later_than_what_was_sent() {
        let mut a = LamportClock::new(NodeId(1));
        let mut b = LamportClock::new(NodeId(2));
        a.tick();
        let sent = a.tick();
        assert_eq!(b.receive(sent), Stamp { time: 3, node: NodeId(2) });
        assert!(a.receive(Stamp { time: 1, node: NodeId(2) }).time == 3, "never back");
    }

    #[test]
    fn ties_are_broken_by_the_node() {
        let (one, two) = (NodeId(1), NodeId(2));
        assert!(Stamp { time: 5, node: one } < Stamp { time: 5, node: two });
        assert!(Stamp { time: 5, node: two } < Stamp { time: 6, node: one });
    }
}
