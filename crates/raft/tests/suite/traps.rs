//! Scenes for bugs that seeds meet too rarely. Each says what went wrong.

use std::time::Duration;

use kernel::{NodeId, Ticket, limit::Bytes};
use raft::{Append, Body, Change, Entry, Record, Start};

use crate::stage::Stage;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

type Trap = fn() -> Result<(), String>;

/// Every scene.
pub const TRAPS: [(&str, Trap); 6] = [
    ("a tail that was not compared is not committed", clamp),
    ("a majority for an entry of an old term commits nothing", old_term),
    ("a log with a gap is not whole", gap),
    ("a lease on a slow clock ends before fast clocks let a voter vote", lease),
    ("who starts again goes by the membership in its log", membership),
    ("who never started does not vote", stranger),
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
    let change = Change { voters: vec![N1, N2], learners: vec![] };
    let changed = stage.call(N1, |raft, now, _| raft.change(now, change));
    changed.map_err(|refusal| format!("refused: {refusal:?}"))?;
    stage.settle();
    stage.crash(N2);
    stage.start(N2);
    let two: Vec<NodeId> = stage.raft(N2).membership().voters().collect();
    ensure(two == [N1, N2], "the membership of before the change")
}

/// A fourth is asked for that nobody has heard of.
fn stranger() -> Result<(), String> {
    let mut stage = Stage::led(3, |_| {});
    let change = Change { voters: vec![N1, N2, N3, NodeId(4)], learners: vec![] };
    let changed = stage.call(N1, |raft, now, _| raft.change(now, change));
    ensure(changed.is_err(), "it votes, and half of the four are two")
}
