//! Pages from made-up pictures: what is shown, what is not answered, and that nothing a user named
//! can become markup.

use std::collections::BTreeMap;

use client::document::{Cluster, Keyspace, Keyspaces, Node, Replica, ReplicaLog, Shard};

use super::*;
use crate::{
    facts::{
        Alarm, Alert, Doctor, Event, Events, Finding, Objective, Request, Second, Severity, Slo,
        Span, Vitals,
    },
    form::Form,
    picture::{Heard, Picture},
    stage::{Action, Bench, Process, Scene},
};

/// A name that does damage wherever it is not escaped.
const HOSTILE: &str = "\"><img src=x onerror=alert(1)>'&amp;<script>";

/// Three nodes and a keyspace of this name; everything that can carry text carries `text`.
fn picture(keyspace: &str, text: &str) -> Picture {
    let heard = ["n1", "n2", "n3"].map(|node| (node.to_owned(), heard(node, keyspace, text)));
    let action = Action {
        at_ms: 99_000,
        node: text.into(),
        kind: text.into(),
        text: text.into(),
        gap_ms: Some(840),
    };
    let process = |node: &str| Process {
        node: node.into(),
        pid: Some(7),
        paused: node == "n2",
        faults: vec![text.into()],
    };
    let bench = Bench {
        running: true,
        begun: true,
        verdict: "valid".into(),
        reason: text.into(),
        gap_ms: 840,
        pulse: vec![3, 0, 4],
        ..Bench::default()
    };
    let processes = ["n1", "n2", "n3"].map(process).into();
    let scene = Scene { processes, bench, actions: vec![action] };
    let picture = Picture::of("n1", &BTreeMap::from(heard), 100_000);
    Picture { chaos: true, scene: Some(Ok(scene)), ..picture }
}

fn heard(node: &str, keyspace: &str, text: &str) -> Heard {
    let member = |id: &str| Node {
        id: id.into(),
        http: format!("h{text}:1"),
        labels: BTreeMap::from([("zone".into(), text.into()), (text.into(), text.into())]),
        silent_ms: Some(0),
        ..Node::default()
    };
    let replica = |id: &str| Replica {
        node: id.into(),
        role: if id == "n1" { "leader" } else { "follower" }.into(),
        applied_index: 40,
        lag_ms: Some(3),
        log: Some(ReplicaLog { term: 2, first_index: 1, commit_index: 41, last_index: 42 }),
        fetching: id == "n3",
    };
    let nodes = || ["n1", "n2", "n3"];
    let shard = Shard {
        leaving: Vec::new(),
        id: "s2".into(),
        keyspace: keyspace.into(),
        leader: Some("n1".into()),
        term: 2,
        commit_index: 41,
        bytes: 2_048,
        replicas: nodes().map(replica).into(),
    };
    let cluster = Cluster {
        cluster: format!("{text}0123456789"),
        node: node.into(),
        nodes: nodes().map(member).into(),
        shards: vec![shard],
        ..Cluster::default()
    };
    let contract = serde_json::json!({ "program": "kv", "replicas": 3, "read": text, text: text });
    let keyspaces = vec![Keyspace {
        id: "k1".into(),
        name: keyspace.into(),
        contract,
        shards: vec!["s2".into()],
    }];
    let mut heard = Heard::default();
    heard.cluster.note(Ok(cluster), 100_000);
    heard.keyspaces.note(Ok(Keyspaces { keyspaces }), 100_000);
    heard.vitals.note(Ok(vitals(text)), 100_000);
    let finding = Finding {
        severity: Severity::Warning,
        node: Some(text.into()),
        text: text.into(),
        evidence: vec![text.into()],
        command: Some(text.into()),
        ..Finding::default()
    };
    heard.doctor.note(Ok(Doctor { findings: vec![finding] }), 100_000);
    let alert =
        Alert { severity: "page".into(), long: text.into(), firing: true, ..Alert::default() };
    let objective = Objective {
        keyspace: keyspace.into(),
        sli: text.into(),
        target_ppm: 999_000,
        budget_left_permille: Some(-20),
        alerts: vec![alert],
        ..Objective::default()
    };
    heard.slo.note(Ok(Slo { objectives: vec![objective] }), 100_000);
    let event = Event {
        id: 1,
        time: "1970-01-01T00:01:39.500Z".into(),
        kind: text.into(),
        severity: Severity::Alarm,
        shard: Some(2),
        text: text.into(),
        ..Event::default()
    };
    heard.note_events(Ok(Events { node: node.into(), events: vec![event], next: 1 }));
    heard
}

fn vitals(text: &str) -> Vitals {
    let second = Second { second: 99, writes: 25, reads: 5, ..Second::default() };
    let alarm =
        Alarm { text: text.into(), since: text.into(), page: text.into(), kind: text.into() };
    let mut vitals = Vitals { ops: vec![second], alarms: vec![alarm], ..Vitals::default() };
    vitals.health.score = Some(70);
    vitals.health.reasons = vec![text.into()];
    vitals
}

fn extra(text: &str) -> Extra {
    let span = Span { stage: text.into(), node: text.into(), start_us: -3, took_us: 40 };
    let request = Request {
        trace_id: text.into(),
        op: text.into(),
        keyspace: text.into(),
        outcome: text.into(),
        started: text.into(),
        took_us: 90,
        stages: vec![span],
    };
    Extra {
        explanation: Ok(vec![text.into()]),
        samples: Ok(vec![super::extra::Sample {
            node: text.into(),
            level: text.into(),
            replica: text.into(),
            version: text.into(),
            ..Default::default()
        }]),
        slowest: vec![request.clone()],
        recent: vec![request.clone()],
        request: Some(request),
        silent: vec![(text.into(), text.into())],
        runs: Ok(vec![runs::Recorded {
            folder: text.into(),
            title: text.into(),
            kind: text.into(),
            verdict: text.into(),
            ..Default::default()
        }]),
    }
}

fn places(name: &str) -> Vec<Place> {
    let query = client::text::percent::encode_component(name.as_bytes());
    vec![
        Place::Overview,
        Place::Keyspaces,
        Place::Keyspace(name.into()),
        Place::Shard("s2".into()),
        Place::Shard(name.into()),
        Place::Requests,
        Place::Request(name.into()),
        Place::parse("/events", &Form::read(&format!("text={query}&kind={query}"))),
        Place::parse("/events", &Form::default()),
        Place::Chaos,
        Place::Runs,
        Place::Run(name.into()),
        Place::Nowhere(name.into()),
    ]
}

fn text_of(page: &Page) -> String {
    page.parts.iter().map(|part| part.html.as_str()).collect()
}

#[test]
fn nothing_that_users_name_becomes_markup() {
    let picture = picture(HOSTILE, HOSTILE);
    let extra = extra(HOSTILE);
    for place in places(HOSTILE) {
        let page = place.render(&picture, &extra);
        let others = vec!["127.0.0.1:7071".to_owned()];
        let html = whole(page, &picture, &others, "/x?a=\"><script>");
        for markup in ["<img src=x", "'&amp;<script>", "onerror=alert(1)>'"] {
            assert!(!html.contains(markup), "{place:?}: {markup} in {html}");
        }
        assert_eq!(html.matches("<script").count(), 1, "{place:?}: only our own script");
    }
}

#[test]
fn no_page_has_inline_styles_or_scripts_which_its_policy_would_stop() {
    let picture = picture("default", "text");
    for place in places("default") {
        let html = whole(place.render(&picture, &extra("text")), &picture, &[], "/");
        for inline in [" style=", "<style", " onclick", "javascript:"] {
            assert!(!html.contains(inline), "{place:?}: {inline}");
        }
        assert_eq!(html.matches("<h1>").count(), 1, "{place:?}");
        assert!(html.len() < 60_000, "{place:?}: {} bytes", html.len());
    }
}

#[test]
fn the_overview_says_who_leads_what_is_wrong_and_how_much_is_done() {
    let text =
        text_of(&Place::Overview.render(&picture("default", "disk is slow"), &Extra::default()));
    for said in
        ["3 of 3", "1 of 1", "default by n1", "15/s", "disk is slow", "troubled", "burns too fast"]
    {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(!text.contains("Nothing is wrong"), "{text}");
    assert!(text.contains("<b>n1, n2, n3</b> disk is slow"), "one alarm of all: {text}");
}

#[test]
fn a_node_of_an_older_version_is_shown_for_what_it_tells() {
    let mut one = heard("n1", "default", "t");
    one.vitals = Default::default();
    one.vitals.note(Err("of another version".into()), 100_000);
    one.doctor = Default::default();
    one.events.clear();
    one.no_events = Some("of another version".into());
    let picture = Picture::of("n1", &BTreeMap::from([("n1".to_owned(), one)]), 100_000);
    let text = text_of(&Place::Overview.render(&picture, &Extra::default()));
    assert!(text.contains("not answered") && text.contains("of another version"), "{text}");
    assert!(text.contains("Not answered by n1"), "{text}");
}

#[test]
fn an_empty_picture_is_a_page_too() {
    let nothing = Picture::default();
    for place in places("default") {
        let page = place.render(&nothing, &Extra::default());
        assert!(!text_of(&page).is_empty(), "{place:?}");
    }
    let status = |place: Place| place.render(&nothing, &Extra::default()).status;
    assert_eq!(status(Place::Overview), 200);
    assert_eq!(status(Place::Keyspace("none".into())), 404);
    assert_eq!(status(Place::Chaos), 404, "chaos is off");
}

#[test]
fn the_chaos_page_offers_what_can_be_done_now() {
    let picture = picture("default", "fault");
    let text = text_of(&Place::Chaos.render(&picture, &Extra::default()));
    for said in ["Kill n1", "Pause n1", "Resume n2", "840 ms", "valid", "Stop and check everything"]
    {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(!text.contains("Pause n2"), "it is paused: {text}");
}

#[test]
fn chaos_is_no_tab_where_it_is_off() {
    let mut picture = picture("default", "t");
    let page = |picture: &Picture| {
        whole(Place::Overview.render(picture, &Extra::default()), picture, &[], "/")
    };
    assert!(page(&picture).contains("href=\"/chaos\""));
    picture.chaos = false;
    assert!(!page(&picture).contains("href=\"/chaos\""));
}
