//! What a node says of a keyspace that it has not heard of yet, and of the fate of what is in it.

use contract::{Contract, Program};
use database::{
    Answer, Request,
    api::{Call, Control, Fate},
};
use kernel::{Duration, RequestId, Ticket};
use layers::{
    coordination::{Act, Ask, StatusRequest, SweepRequest},
    kv::{Command, Put},
};

use crate::stage::{self, Stage, settings};

const PATIENCE: Duration = Duration::from_secs(5);

fn write(keyspace: &str, request_id: &RequestId) -> Request {
    let command = Command::one(Put { key: "k".into(), value: "v".into(), ..Put::default() });
    let Request::Call(call) = stage::write(&command) else { panic!("a write is a call") };
    Request::Call(Call { keyspace: keyspace.into(), request_id: Some(request_id.clone()), ..call })
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

pub fn a_node_that_is_behind_finds_what_it_has_not_heard_of() {
    let mut stage = Stage::new(settings());
    let (behind, other) = (2, 0);
    stage.cut(behind, true);
    stage.run(3_000);
    let contract = Contract { replicas: 3, ..Contract::new(Program::Kv) };
    let control = Control::CreateKeyspace { name: "late".into(), contract };
    let made = stage.wait(other, Request::Control { control, request_id: None, timeout: PATIENCE });
    assert!(matches!(made, Answer::Control { changed: true, .. }), "{made:?}");
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
