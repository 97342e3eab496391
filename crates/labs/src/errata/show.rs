//! A schedule for people: as a table of states after every step, and as a diagram.

use bytes::Bytes;
use kernel::{Instant, NodeId};
use sim::{
    audit::{Record, Recorder, State, What},
    report::{
        document::Block,
        spacetime::{Diagram, Player},
    },
};

use super::act::{Action, Said, Subject, View};

/// Between two steps.
const STEP_NS: u64 = 1_000_000_000;
/// Between two messages of one step.
const MESSAGE_NS: u64 = 1_000_000;

/// What every replica is after every step.
pub fn table(subject: &mut dyn Subject, path: &[Action]) -> Block {
    let nodes = subject.views().len();
    let head = ["step".to_owned(), "what happens".to_owned()];
    let head = head.into_iter().chain((1..=nodes).map(|node| format!("n{node}"))).collect();
    let mut rows = Vec::new();
    for (step, action) in (1..).zip(path) {
        let taken = subject.act(*action, &mut Vec::new());
        let text = if taken.is_some() { action.to_string() } else { format!("{action}: refused") };
        let views = subject.views();
        rows.push([step.to_string(), text].into_iter().chain(views.iter().map(words)).collect());
    }
    Block::Table { head, rows }
}

/// A replica in a cell: role, term, the terms of its log, `‖` behind what it knows to be committed.
fn words(view: &View) -> String {
    let role = if view.leads {
        "**leads**"
    } else if view.stands {
        "stands"
    } else {
        "follows"
    };
    let mut log = String::new();
    for (i, (term, _)) in view.log.iter().enumerate() {
        if i == view.commit && i > 0 {
            log.push_str(" ‖");
        }
        log.push_str(&format!(" {term}"));
    }
    if view.commit > 0 && view.commit == view.log.len() {
        log.push_str(" ‖");
    }
    let log = if log.is_empty() { " empty".to_owned() } else { log };
    format!("{role} t{}, log{log}", view.term)
}

/// The schedule as a diagram; `broken` is the law that its last step breaks.
pub fn player(
    name: &str,
    subject: &mut dyn Subject,
    path: &[Action],
    broken: Option<&str>,
) -> Player {
    let mut recorder = Recorder::new(100_000);
    let mut frame = 0;
    let mut add = |recorder: &mut Recorder, at: u64, node: u8, what: What| {
        recorder.add(Record { at: Instant(at), node: NodeId(u64::from(node)), what });
    };
    for (node, view) in (1..).zip(subject.views()) {
        show(&mut recorder, 0, node, &view, &mut add);
    }
    let mut taken = 0;
    for action in path {
        let mut said: Vec<Said> = Vec::new();
        if subject.act(*action, &mut said).is_none() {
            continue;
        }
        taken += 1;
        let mut at = taken * STEP_NS;
        let (actor, sent) = actor(*action, &said);
        add(
            &mut recorder,
            at,
            actor,
            What::Injected { fault: format!("{taken}. {action}"), lasting: false },
        );
        if matches!(action, Action::Crash { .. }) {
            add(&mut recorder, at, actor, What::Crashed { power: true });
            add(&mut recorder, at + MESSAGE_NS, actor, What::Booted(1));
        }
        for one in sent {
            at += MESSAGE_NS;
            let (from, to, bytes) =
                (one.from, NodeId(u64::from(one.to)), Bytes::from(one.text.clone()));
            add(&mut recorder, at, from, What::Sent { to, frame, bytes });
            at += MESSAGE_NS;
            add(
                &mut recorder,
                at,
                one.to,
                What::Delivered { from: NodeId(u64::from(from)), frame },
            );
            frame += 1;
        }
        at += MESSAGE_NS;
        for (node, view) in (1..).zip(subject.views()) {
            show(&mut recorder, at, node, &view, &mut add);
        }
        if let (Some(law), true) = (broken, taken as usize == path.len()) {
            let mark = What::Mark(law.split(':').next().unwrap_or(law).to_owned() + " is broken");
            add(&mut recorder, at, actor, mark);
        }
    }
    let label = |bytes: &Bytes| Some(String::from_utf8_lossy(bytes).into_owned());
    let nodes = subject.views().len() as u64;
    Diagram { label: &label, rows: 400, ..Diagram::default() }.player(name, nodes, &recorder)
}

fn show(
    recorder: &mut Recorder,
    at: u64,
    node: u8,
    view: &View,
    add: &mut impl FnMut(&mut Recorder, u64, u8, What),
) {
    let role = if view.leads {
        "leader"
    } else if view.stands {
        "candidate"
    } else {
        "follower"
    };
    let terms: Vec<String> = view.log.iter().map(|(term, _)| term.to_string()).collect();
    let facts = vec![
        ("role", role.to_owned()),
        ("term", view.term.to_string()),
        ("log (terms)", terms.join(" ")),
        ("commit", view.commit.to_string()),
    ];
    add(recorder, at, node, What::State(State { of: String::new(), facts }));
    add(recorder, at, node, What::Role(format!("{role} t{}", view.term)));
}

/// Who takes a step, and the messages of it.
fn actor(action: Action, said: &[Said]) -> (u8, &[Said]) {
    let node = match action {
        Action::Elect { node, .. }
        | Action::Write { node }
        | Action::Crash { node }
        | Action::Read { node, .. }
        | Action::GiveUp { node } => node,
        Action::Replicate { from, .. } | Action::Beat { from, .. } => from,
        Action::Late { .. } => said.first().map_or(1, |said| said.to),
    };
    (node, said)
}
