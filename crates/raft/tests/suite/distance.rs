//! Links whose way there and back is longer than the time between two heartbeats: whenever an answer
//! comes, a later round is under way already.

use kernel::{Event, NodeId};
use raft::Body;

use crate::stage::Stage;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);

/// Rounds of the leader on links that take a whole period, one way.
fn rounds(stage: &mut Stage, count: usize) {
    let mut late = std::mem::take(&mut stage.wire);
    for _ in 0..count {
        stage.heartbeat(N1);
        let young = std::mem::take(&mut stage.wire);
        for (from, to, message) in std::mem::replace(&mut late, young) {
            stage.handle(to, Event::Message { from, message });
        }
    }
    late.append(&mut stage.wire);
    stage.wire = late;
}

#[test]
fn an_append_that_is_lost_is_sent_again() {
    let mut stage = Stage::led(3, |_| {});
    rounds(&mut stage, 4);
    let (index, _) = stage.propose(N1, "x").unwrap();
    // The entry, and then the word of its commit.
    for _ in 0..4 {
        stage
            .wire
            .retain(|(_, to, message)| *to != N2 || !matches!(message.body, Some(Body::Append(_))));
        rounds(&mut stage, 1);
    }
    rounds(&mut stage, 12);
    assert_eq!(stage.raft(N2).commit(), index);
}

#[test]
fn a_probe_that_is_lost_is_sent_again() {
    let mut stage = Stage::new(3, |_| {});
    stage.start_all();
    stage.crash(N2);
    stage.campaign(N1);
    stage.settle();
    rounds(&mut stage, 4);
    stage.start(N2);
    rounds(&mut stage, 12);
    assert!(stage.raft(N1).is_leader());
    assert_eq!(stage.raft(N2).commit(), stage.raft(N1).commit());
}
