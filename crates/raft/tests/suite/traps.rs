//! Scenes for bugs that seeds meet too rarely. Each says what went wrong.

use std::time::Duration;

use kernel::{NodeId, Ticket, limit::Bytes};
use raft::{Append, Body, Change, Entry, Membership, Record, Start};

use crate::stage::Stage;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const N4: NodeId = NodeId(4);

type Trap = fn() -> Result<(), String>;

/// Every scene.
pub const TRAPS: [(&str, Trap); 9] = [
    ("a tail that was not compared is not committed", clamp),
    ("a majority for an entry of an old term commits nothing", old_term),
    ("a log with a gap is not whole", gap),
    ("a lease on a slow clock ends before fast clocks let a voter vote", lease),
    ("who starts again goes by the membership in its log", membership),
    ("who starts again inside the joint phase needs both halves", joint),
    ("who never started does not vote", stranger),
    ("what is lost on the way is sent again", lost),
    ("a promotion does not begin anew with the followers", promotion),
];

fn ensure(holds: bool, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text.into()) }
}

/// A follower has entries 2 and 3 of term 1. The leader of term 3 has shown it only entry 2, and
/// has committed its own entry 3.
fn clamp() -> Result<(), String> {
    let mut stage = Stage::new(3, |_| {});
    stage.give_log(N1, &[1, 1, 1]);
    stage.give_term(N1, 3, NodeId::NONE);
    stage.start_all();
    let entries = vec![Entry::command(2, 1, "2of1".into())];
    let append = Append { prev_index: 1, prev_term: 1, commit: 3, entries, ..Append::default() };
    stage.send(2, N1, 3, Body::Append(append));
    ensure(stage.raft(N1).commit() == 2, "entry 3 was not compared")
}

/// Figure 8 of the paper, up to the moment before the crash.
fn old_term() -> Result<(), String> {
    let mut stage = Stage::new(3, |config| {
        (config.pre_vote, config.append_bytes_max) = (false, Bytes(1));
    });
    stage.give_log(N1, &[1, 2]);
    stage.give_log(N2, &[1]);
    stage.give_term(N1, 2, NodeId::NONE);
    stage.start_all();
    stage.advance(Duration::from_millis(300));
    stage.campaign(N1);
    while stage.deliver_one(|from, to| from != N3 && to != N3) {
        let raft = stage.raft(N1);
        ensure(raft.commit() == 0 || raft.commit() == 3, "entry 2 is of an old term")?;
    }
    ensure(stage.raft(N1).commit() == 3, "the leader's own entry commits both")
}

/// The journal has lost entry 2 and does not know it.
fn gap() -> Result<(), String> {
    let mut start = Start::joining();
    start.replay(Record::Append { entries: vec![Entry::command(1, 1, "1of1".into())] });
    ensure(start.connects(2), "entry 2 goes on from entry 1")?;
    ensure(!start.connects(3), "entry 3 does not")
}

/// The leader's clock loses a fifth, the voters' clocks gain a fifth, as the bound allows.
fn lease() -> Result<(), String> {
    let mut stage = Stage::new(3, |config| {
        (config.pre_vote, config.lease, config.drift_ppm) = (false, true, 200_000);
    });
    for (id, drift) in [(N1, -200_000), (N2, 200_000), (N3, 200_000)] {
        stage.nodes.entry(id).and_modify(|node| node.drift_ppm = drift);
    }
    stage.start_all();
    stage.campaign(N1);
    stage.settle();
    stage.heartbeat(N1);
    stage.settle();
    let read = |stage: &mut Stage, ticket| {
        let _ = stage.call(N1, |raft, now, out| raft.read_index(now, Ticket(ticket), out));
        stage.reads.iter().any(|(done, index)| *done == Ticket(ticket) && index.is_some())
    };
    ensure(read(&mut stage, 1), "a fresh lease answers at once")?;
    stage.cuts.extend([(N1, N2), (N1, N3), (N2, N1), (N3, N1)]);
    stage.advance(Duration::from_millis(215));
    stage.campaign(N2);
    stage.settle();
    stage.propose(N2, "new").map_err(|refusal| format!("nobody leads: {refusal:?}"))?;
    stage.settle();
    ensure(!read(&mut stage, 2), "the old leader answers from a lease that has ended")
}

/// One of three leaves; another one starts again.
fn membership() -> Result<(), String> {
    let mut stage = Stage::led(3, |_| {});
    change(&mut stage, &[N1, N2], &[])?;
    stage.settle();
    stage.crash(N2);
    stage.start(N2);
    let two: Vec<NodeId> = stage.raft(N2).membership().voters().collect();
    ensure(two == [N1, N2], "the membership of before the change")
}

/// Node 2 crashes when it has nothing of a change but its joint entry, and the leader is gone.
fn joint() -> Result<(), String> {
    let mut stage = Stage::led(3, |config| config.pre_vote = false);
    follower(&mut stage)?;
    change(&mut stage, &[N1, N2, N4], &[])?;
    stage.wire.retain(|(from, to, _)| (*from, *to) == (N1, N2));
    stage.deliver_one(|_, _| true);
    stage.wire.clear();
    stage.crash(N1);
    stage.crash(N2);
    stage.start(N2);
    ensure(stage.raft(N2).membership().is_joint(), "the joint entry is forgotten")?;
    let mut leads_without = |missing: &[NodeId]| {
        stage.cuts = missing.iter().flat_map(|node| [(N2, *node), (*node, N2)]).collect();
        stage.advance(Duration::from_millis(300));
        stage.campaign(N2);
        stage.settle();
        stage.raft(N2).is_leader()
    };
    ensure(!leads_without(&[N3]), "of the old voters there was only one of three")?;
    ensure(!leads_without(&[N4]), "of the new voters there was only one of three")?;
    ensure(leads_without(&[]), "there are two of three on both sides")?;
    let voters: Vec<NodeId> = stage.raft(N2).membership().voters().collect();
    ensure(voters == [N1, N2, N4], "the change is not brought to its end")
}

/// A fourth is asked for that nobody has heard of.
fn stranger() -> Result<(), String> {
    let mut stage = Stage::led(3, |_| {});
    let changed = change(&mut stage, &[N1, N2, N3, N4], &[]);
    ensure(changed.is_err(), "it votes, and half of the four are two")
}

/// What node 2 is sent of an entry does not arrive, and nothing else comes to be sent.
fn lost() -> Result<(), String> {
    let mut stage = Stage::led(3, |_| {});
    stage.cuts.insert((N1, N2));
    let (index, _) = stage.propose(N1, "x").map_err(|refusal| format!("{refusal:?}"))?;
    stage.settle();
    stage.cuts.clear();
    for _ in 0..4 {
        stage.heartbeat(N1);
        stage.settle();
    }
    ensure(stage.raft(N1).is_leader(), "the leader leads on")?;
    ensure(stage.raft(N2).commit() == index, "node 2 never learns of the entry")
}

/// A fourth node follows, then votes.
fn promotion() -> Result<(), String> {
    let mut stage = Stage::led(3, |_| {});
    follower(&mut stage)?;
    let before = matched(&stage, N4);
    ensure(before > 0, "the learner follows")?;
    change(&mut stage, &[N1, N2, N3, N4], &[])?;
    ensure(matched(&stage, N4) >= before, "what it holds is forgotten as it is promoted")
}

/// Node 4 comes as a learner, and catches up.
fn follower(stage: &mut Stage) -> Result<(), String> {
    stage.add(N4, &Membership::default());
    stage.start(N4);
    change(stage, &[N1, N2, N3], &[N4])?;
    for _ in 0..3 {
        stage.settle();
        stage.heartbeat(N1);
    }
    stage.settle();
    Ok(())
}

fn change(stage: &mut Stage, voters: &[NodeId], learners: &[NodeId]) -> Result<(), String> {
    let change = Change { voters: voters.into(), learners: learners.into() };
    let changed = stage.call(N1, |raft, now, _| raft.change(now, change));
    changed.map(drop).map_err(|refusal| format!("refused: {refusal:?}"))
}

fn matched(stage: &Stage, node: NodeId) -> u64 {
    let peers = stage.raft(N1).status().peers;
    peers.into_iter().find(|peer| peer.node == node).map_or(0, |peer| peer.matched)
}
