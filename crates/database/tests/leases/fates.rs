//! What a node says of a keyspace that it has not heard of yet, and of the fate of what is in it.

use contract::{Contract, Program};
use database::{
    Answer, Request,
    api::{Call, Control, Fate},
    message::Body,
};
use kernel::{Duration, RequestId, Ticket};
use layers::{
    coordination::{Act, Ask, StatusRequest, SweepRequest},
    kv::{Command, Put},
};

use crate::stage::{self, Stage, items, read, settings, within};

const PATIENCE: Duration = Duration::from_secs(5);

fn write(keyspace: &str, request_id: &RequestId) -> Request {
    let command = Command::one(Put { key: "k".into(), value: "v".into(), ..Put::default() });
    match within(keyspace, stage::write(&command)) {
        Request::Call(call) => Request::Call(Call { request_id: Some(request_id.clone()), ..call }),
        other => panic!("{other:?}"),
    }
}

/// Whether it waits for a leader, for a majority or for another node.
pub fn a_call_is_answered_by_its_deadline() {
    let mut stage = Stage::new(settings());
    let leader = stage.leader();
    stage.stop((leader + 1) % 3, true);
    stage.cut((leader + 2) % 3, true);
    let mut asked = Vec::new();
    for ms in [0, 200, 1_000] {
        stage.run(ms);
        for node in [leader, (leader + 2) % 3] {
            asked.push(stage.put(node, stage::mutate(Act::Sweep(SweepRequest {}))));
            asked.push(stage.put(node, stage::query(Ask::Status(StatusRequest {}))));
        }
    }
    stage.run(5_250);
    for ticket in asked {
        assert!(stage.answer(ticket).is_some(), "{ticket:?} waits for ever");
    }
}

fn keyspace(stage: &mut Stage, node: usize, control: Control) {
    let made = stage.wait(node, Request::Control { control, request_id: None, timeout: PATIENCE });
    assert!(matches!(made, Answer::Control { changed: true, .. }), "{made:?}");
}

fn late(replicas: u32) -> Control {
    made("late", replicas)
}

fn made(name: &str, replicas: u32) -> Control {
    let contract = Contract { replicas, ..Contract::new(Program::Kv) };
    Control::CreateKeyspace { name: name.into(), contract }
}

/// A majority holds it no more: whoever asks a node that has not heard of the drop is not served.
pub fn a_drop_is_answered_when_nobody_can_serve_what_was_dropped() {
    let mut stage = Stage::new(settings());
    for answered_by in 0..3 {
        keyspace(&mut stage, 0, late(3));
        stage.run(1_000);
        assert_eq!(stage.holders("late"), 3);
        keyspace(&mut stage, answered_by, Control::DropKeyspace { name: "late".into() });
        assert_eq!(stage.holders("late"), 0, "all of them can be heard");
    }
    keyspace(&mut stage, 0, late(3));
    stage.run(1_000);
    stage.cut(2, true);
    keyspace(&mut stage, 0, Control::DropKeyspace { name: "late".into() });
    assert_eq!(stage.holders("late"), 1, "one alone decides nothing");
    keyspace(&mut stage, 1, late(3));
    stage.cut(2, false);
}

/// The only node that holds it has not heard of the drop, and serves whoever asks it.
pub fn a_drop_waits_for_those_who_could_serve_alone() {
    let mut stage = Stage::new(settings());
    keyspace(&mut stage, 0, late(1));
    stage.run(1_000);
    let holder = (0..3).find(|node| stage.holds(*node, "late")).unwrap();
    let other = (holder + 1) % 3;
    stage.cut(holder, true);
    stage.run(1_000);
    let ask = |stage: &mut Stage, control| {
        stage.put(other, Request::Control { control, request_id: None, timeout: PATIENCE })
    };
    let dropped = ask(&mut stage, Control::DropKeyspace { name: "late".into() });
    stage.run(2_000);
    let made = ask(&mut stage, late(1));
    stage.run(2_000);
    assert_eq!((stage.answer(dropped), stage.answer(made)), (None, None));
    stage.run(2_000);
    match stage.answer(dropped) {
        Some(Answer::Failed(failure)) => {
            assert!(failure.text.contains("it is done"), "{failure:?}")
        }
        other => panic!("{other:?}"),
    }
    stage.cut(holder, false);
    stage.run(1_000);
    assert!(matches!(stage.answer(made), Some(Answer::Control { changed: true, .. })));
}

/// It knows a keyspace that was dropped, and not the one of the same name that was made since.
pub fn a_node_that_is_behind_writes_into_the_keyspace_that_is_there_now() {
    let mut stage = Stage::new(settings());
    keyspace(&mut stage, 0, late(3));
    stage.run(1_000);
    stage.cut(2, true);
    keyspace(&mut stage, 0, Control::DropKeyspace { name: "late".into() });
    keyspace(&mut stage, 0, late(3));
    let asked = stage.put(2, write("late", &RequestId::from_random(3)));
    stage.run(1_000);
    assert_eq!(stage.answer(asked), None, "nobody can be asked");
    stage.cut(2, false);
    stage.run(2_000);
    let there = match stage.answer(asked) {
        Some(Answer::Done(done)) => done.shard,
        other => panic!("{other:?}"),
    };
    match stage.wait(0, write("late", &RequestId::from_random(4))) {
        Answer::Done(done) => assert_eq!(done.shard, there),
        other => panic!("{other:?}"),
    }
}

/// It asks twice how far the catalog is, and is told two places in it. At the first it finds the
/// keyspace, and goes on to the shard; at the second nothing has been read yet.
pub fn what_the_catalog_says_twice_is_no_answer_of_a_shard() {
    let mut stage = Stage::new(settings());
    stage.hold(2);
    keyspace(&mut stage, 0, late(3));
    let written = stage.wait(0, write("late", &RequestId::from_random(5)));
    assert!(matches!(written, Answer::Done(_)));
    let read = || within("late", read("k"));
    let asked = stage.put(2, read());
    stage.run(100);
    let then = stage.now_ms;
    keyspace(&mut stage, 0, made("later", 3));
    stage.run(400);
    (0..2).for_each(|node| stage.stop(node, true));
    stage.deliver(2, |_, body| matches!(body, Body::Told(_)));
    stage.deliver(2, |sent, _| sent <= then);
    assert!(stage.holds(2, "late") && !stage.holds(2, "later"), "the first place");
    stage.run(100);
    stage.deliver(2, |_, _| true);
    assert!(stage.holds(2, "later"), "the second place");
    assert_eq!(stage.answer(asked), None, "nobody can be asked");
    (0..2).for_each(|node| stage.stop(node, false));
    stage.hold_no_more(2);
    stage.run(2_000);
    let late = items(stage.answer(asked).expect("an answer"));
    assert_eq!(late, items(stage.wait(0, read())));
    assert_eq!(late[0].value, "v");
}

pub fn a_node_that_is_behind_finds_what_it_has_not_heard_of() {
    let mut stage = Stage::new(settings());
    let (behind, other) = (2, 0);
    stage.cut(behind, true);
    stage.run(3_000);
    keyspace(&mut stage, other, late(3));
    let (done, fenced) = (RequestId::from_random(7), RequestId::from_random(8));
    assert!(matches!(stage.wait(other, write("late", &done)), Answer::Done(_)));

    stage.cut(behind, false);
    let names = [None, Some("late"), Some("never")];
    let fate = |id: &RequestId, keyspace: Option<&str>| Request::Fate {
        id: id.clone(),
        keyspace: keyspace.map(str::to_owned),
        timeout: PATIENCE,
    };
    let [anywhere, there, nowhere] = names.map(|name| stage.put(behind, fate(&done, name)));
    let unseen = stage.put(behind, fate(&fenced, None));
    let call = stage.put(behind, write("late", &RequestId::from_random(9)));
    stage.run(2_000);
    let mut told = |ticket: Ticket| stage.answer(ticket).expect("an answer");
    assert!(matches!(told(anywhere), Answer::Fate(Fate::Done(_))));
    assert!(matches!(told(there), Answer::Fate(Fate::Done(_))));
    assert!(matches!(told(nowhere), Answer::Failed(failure) if failure.text.contains("never")));
    assert!(matches!(told(unseen), Answer::Fate(Fate::NotDone)));
    assert!(matches!(told(call), Answer::Done(_)));
    let late = stage.wait(other, write("late", &fenced));
    assert!(
        matches!(&late, Answer::Failed(failure) if failure.code.name() == "request-cancelled"),
        "{late:?}"
    );
}
