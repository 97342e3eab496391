use std::{
    sync::Arc,
    task::{Context, Waker},
};

use layers::coordination::{Event, EventType, KeyValue, ResponseHeader};
use prost::Message;

use super::*;
use crate::etcd::wire::{WatchCreateRequest, WatchResponse};

fn put(key: &'static str, revision: i64) -> Event {
    let kv = |revision| {
        Some(KeyValue { key: key.into(), mod_revision: revision, ..KeyValue::default() })
    };
    Event { r#type: EventType::Put as i32, kv: kv(revision), prev_kv: kv(revision - 1) }
}

fn page(events: Vec<Event>, next: (i64, u32)) -> ChangesResponse {
    ChangesResponse {
        header: ResponseHeader::at(next.0),
        events,
        next_revision: next.0,
        next_sub: next.1,
        ..ChangesResponse::default()
    }
}

fn watch(id: i64, key: &'static str, end: &'static str) -> Arc<Spec> {
    let request =
        WatchCreateRequest { key: key.into(), range_end: end.into(), ..Default::default() };
    Arc::new(Spec::read(&request, id).unwrap())
}

/// Watch, revision and keys of every item.
fn told(queue: &Queue) -> Vec<(i64, i64, Vec<Bytes>)> {
    let keys = |events: Bytes| {
        let events = WatchResponse::decode(events).unwrap().events;
        events.into_iter().map(|event| event.kv.unwrap().key).collect()
    };
    let (items, _) = queue.take();
    items
        .into_iter()
        .map(|item| match item {
            Item::Events { id, revision, events } => (id, revision, keys(events)),
            Item::Progress { id, revision } => (id, revision, Vec::new()),
        })
        .collect()
}

fn hand_out(hub: &Hub, events: Vec<Event>, next: (i64, u32)) {
    hub.hand_out(hub.position().unwrap(), page(events, next));
}

#[test]
fn events_go_to_those_who_watch_their_keys_from_the_revision_that_they_want() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let queue = hub.queue();
    assert_eq!(hub.position(), None);
    assert!(matches!(hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0), Entered::In(_)));
    assert!(matches!(hub.enter(&queue, &watch(2, "a", "c"), 6, 4, 0), Entered::In(_)));
    assert_eq!(hub.position().unwrap().request().start_revision, 5);
    hand_out(&hub, vec![put("a", 5), put("a", 6), put("b", 7), put("z", 8)], (9, 0));
    let keys = |key: &'static str| vec![Bytes::from(key)];
    let wanted = [(1, 5, keys("a")), (1, 6, keys("a")), (2, 6, keys("a")), (2, 7, keys("b"))];
    let mut came = told(&queue);
    came.sort();
    assert_eq!(came, wanted);
    assert_eq!(hub.progress(&queue, -1, 0), Progress::Told);
    assert_eq!(told(&queue), [(-1, 8, vec![])]);
}

#[test]
fn who_asks_for_progress_is_woken_when_what_it_knows_of_was_handed_out() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let (queue, gone) = (hub.queue(), hub.queue());
    assert_eq!(hub.progress(&queue, -1, 0), Progress::Nobody);
    hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0);
    assert_eq!(hub.progress(&gone, -1, 5), Progress::Waits);
    drop(gone);
    for _ in 0..2 {
        assert_eq!(hub.progress(&queue, -1, 6), Progress::Waits);
        assert_eq!(hub.state().waiting.len(), 2, "once a stream");
    }
    let mut woken = Box::pin(queue.filled());
    let mut is_woken = || woken.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    hand_out(&hub, vec![put("z", 5)], (6, 0));
    assert!(!is_woken());
    hand_out(&hub, vec![put("z", 6)], (7, 0));
    assert!(is_woken() && hub.state().waiting.is_empty());
    assert_eq!(hub.progress(&queue, -1, 6), Progress::Told);
    assert_eq!(told(&queue), [(-1, 6, vec![])]);
}

#[test]
fn a_revision_that_pages_cut_comes_whole() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let queue = hub.queue();
    hub.enter(&queue, &watch(1, "a", "z"), 5, 4, 0);
    hand_out(&hub, vec![put("a", 5), put("b", 6), put("c", 6)], (6, 2));
    assert_eq!(told(&queue), [(1, 5, vec!["a".into()])]);
    assert_eq!(hub.position().unwrap().request().start_sub, 2);
    hand_out(&hub, vec![put("d", 6)], (7, 0));
    assert_eq!(told(&queue), [(1, 6, vec!["b".into(), "c".into(), "d".into()])]);
}

#[test]
fn who_comes_late_gets_what_is_still_here_or_has_to_read() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let (queue, late) = (hub.queue(), hub.queue());
    hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0);
    hand_out(&hub, vec![put("a", 5), put("b", 6), put("b", 7)], (8, 0));
    assert!(matches!(hub.enter(&late, &watch(2, "b", ""), 7, 7, 0), Entered::In(_)));
    assert_eq!(told(&late), [(2, 7, vec!["b".into()])]);
    assert_eq!(hub.enter(&late, &watch(3, "b", ""), 4, 7, 0), Entered::Behind);
    let request = WatchCreateRequest { key: "b".into(), prev_kv: true, ..Default::default() };
    let spec = Arc::new(Spec::read(&request, 4).unwrap());
    assert_eq!(hub.enter(&late, &spec, 7, 7, 0), Entered::Behind, "what stood there was not read");
}

#[test]
fn who_does_not_read_is_behind_from_the_revision_that_had_no_room() {
    let hub = Hub::new(10, 200, Figures::default());
    let (slow, quick) = (hub.queue(), hub.queue());
    hub.enter(&slow, &watch(1, "a", ""), 5, 4, 0);
    hub.enter(&quick, &watch(2, "a", ""), 5, 4, 0);
    for revision in 5..10 {
        hand_out(&hub, vec![put("a", revision)], (revision + 1, 0));
        assert_eq!(told(&quick).len(), 1);
    }
    let (items, behind) = slow.take();
    let Some(Item::Events { revision: last, .. }) = items.back() else { panic!() };
    assert_eq!(behind, [(1, last + 1)]);
    assert_eq!(hub.state().watches.len(), 1);
}

#[test]
fn a_survey_names_those_first_that_lag_most() {
    let hub = Hub::new(10, 200, Figures::default());
    let (slow, quick) = (hub.queue(), hub.queue());
    hub.enter(&slow, &watch(1, "a", ""), 5, 4, 0);
    hub.enter(&quick, &watch(2, "a", "c"), 5, 4, 0);
    hand_out(&hub, vec![put("a", 5), put("a", 6)], (7, 0));
    assert_eq!(told(&quick).len(), 2);
    hub.behind(&quick, &watch(3, "b", ""), 2);
    hub.behind(&quick, &watch(3, "b", ""), 3);
    let lags = |limit| {
        let survey = hub.survey(6, limit);
        let one = |lag: &Lag| (lag.spec.id, lag.live, lag.next, lag.waiting > 0);
        (survey.watches, survey.worst.iter().map(one).collect::<Vec<_>>())
    };
    let (three, one, two) = ((3, false, 3, false), (1, true, 5, true), (2, true, 7, false));
    assert_eq!(lags(10), (3, vec![three, one, two]));
    assert_eq!(lags(1), (3, vec![three]));
    let told = hub.survey(6, 2).json();
    assert_eq!((&told["watches"], &told["revision"]), (&"3".into(), &"6".into()));
    let worst = &told["worst"][0];
    assert_eq!((&worst["key"], &worst["lag_revisions"]), (&"Yg==".into(), &"4".into()));
    assert_eq!((&worst["state"], &worst["range_end"]), (&"behind".into(), &().into()));
    hub.ended(&quick, 3);
    assert_eq!(lags(10).0, 2);
}

#[test]
fn a_page_that_was_read_before_the_cursor_was_set_anew_does_not_count() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let queue = hub.queue();
    let Entered::In(number) = hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0) else { panic!() };
    let old = hub.position().unwrap();
    hub.leave(number);
    hub.enter(&queue, &watch(2, "a", ""), 9, 8, 0);
    assert!(!hub.hand_out(old, page(vec![put("a", 5)], (6, 0))));
    assert_eq!(told(&queue), []);
    assert_eq!(hub.position().unwrap().request().start_revision, 9);
}

#[test]
fn when_the_cursor_is_compacted_everybody_has_to_read() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let queue = hub.queue();
    hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0);
    hub.enter(&queue, &watch(2, "a", ""), 7, 4, 0);
    let compacted = ChangesResponse { compact_revision: 20, ..page(vec![], (30, 0)) };
    hub.hand_out(hub.position().unwrap(), compacted);
    assert_eq!(hub.position(), None);
    let (_, mut behind) = queue.take();
    behind.sort_unstable();
    assert_eq!(behind, [(1, 5), (2, 7)]);
}

#[test]
fn who_came_before_auth_changed_is_not_told_what_changed_since() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let queue = hub.queue();
    let Entered::In(first) = hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0) else { panic!() };
    hand_out(&hub, vec![], (5, 0));
    hub.leave(first);
    // It was allowed at auth revision 0; the replica has changed to 1 and put a key since.
    hub.enter(&queue, &watch(2, "a", ""), 5, 4, 0);
    assert!(!hub.tell(stretch(4, 5)));
    let since = ChangesResponse { auth_revision: 1, ..page(vec![put("a", 5)], (6, 0)) };
    hub.hand_out(hub.position().unwrap(), since);
    let (items, behind) = queue.take();
    assert_eq!((items.len(), behind), (0, vec![(2, 5)]), "it reads by itself, and finds out");
}

#[test]
fn there_are_only_so_many() {
    let hub = Hub::new(1, 1 << 20, Figures::default());
    let queue = hub.queue();
    hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0);
    assert_eq!(hub.enter(&queue, &watch(2, "a", ""), 5, 4, 0), Entered::Full);
}

fn stretch(before: i64, after: i64) -> Stretch {
    let events = (before + 1..=after).map(|revision| put("a", revision)).collect();
    Stretch::new(before, after, events).unwrap()
}

#[test]
fn what_is_told_is_handed_out_once_and_never_with_a_gap() {
    let hub = Hub::new(10, 1 << 20, Figures::default());
    let queue = hub.queue();
    assert!(!hub.tell(stretch(4, 5)), "nobody watches");
    hub.enter(&queue, &watch(1, "a", ""), 5, 4, 0);
    let came = || told(&queue).into_iter().map(|(_, revision, _)| revision).collect::<Vec<_>>();
    assert!(!hub.tell(stretch(4, 6)), "who may see it is not known before a page");
    hand_out(&hub, vec![], (5, 0));
    assert!(hub.tell(stretch(4, 6)));
    assert_eq!(came(), [5, 6]);
    assert!(hub.tell(stretch(2, 5)), "known already");
    assert!(hub.tell(stretch(6, 6)), "nothing changed");
    assert_eq!(came(), [0; 0]);
    assert!(hub.tell(stretch(4, 8)), "in part");
    assert_eq!(came(), [7, 8]);
    assert!(!hub.tell(stretch(9, 10)), "what of 9?");
    assert_eq!(hub.position().unwrap().request().start_revision, 9);
    hand_out(&hub, vec![put("a", 9)], (9, 1));
    assert!(!hub.tell(stretch(8, 9)), "a page cut it");
    hand_out(&hub, vec![put("b", 9)], (10, 0));
    assert_eq!(came(), [9]);
    let late = hub.queue();
    assert!(matches!(hub.enter(&late, &watch(2, "a", ""), 6, 9, 0), Entered::In(_)));
    assert_eq!(told(&late).len(), 4, "what was told is kept for who comes late");
}
