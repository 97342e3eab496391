//! Random walks: a keyspace that changes, a reader and clients that lag as they like, and each watch
//! has to see what it watches, all of it, once, in order, and revisions whole.
//!
//! What the reader and the streams do is done here step by step, so that anything can happen between
//! two steps: a look that is old by now, a page that comes late, a stream that sleeps.

use std::{collections::BTreeMap, sync::Arc};

use kernel::rng::Rng;
use layers::coordination::{
    ChangesRequest, ChangesResponse, Event, EventType, Filter, KeyValue, ResponseHeader, Stretch,
    Told,
};
use prost::Message;

use super::{
    hub::{Hub, Position},
    queue::{Item, NONE},
    spec::Spec,
    watches::{Paged, Turn, Watches},
};
use crate::etcd::{
    figures::Figures,
    wire::{WatchCreateRequest, WatchResponse},
};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const STREAMS: usize = 3;
const STEPS: usize = 400;
const WALKS: u64 = 2_000;
/// In events.
const PAGE: usize = 4;
const QUEUE_BYTES: usize = 600;

/// The keyspace, as a replica has it.
#[derive(Default)]
struct Keyspace {
    /// The events of each revision from 2 on, and the auth revision at which they were made.
    history: Vec<(Vec<Event>, u64)>,
    /// What stands at each key.
    now: BTreeMap<&'static str, KeyValue>,
    compacted: i64,
    auth: u64,
    told: Told,
}

impl Keyspace {
    fn revision(&self) -> i64 {
        1 + self.history.len() as i64
    }

    /// The events of a revision, and the auth revision at which they were made.
    fn at(&self, revision: i64) -> Option<&(Vec<Event>, u64)> {
        self.history.get(usize::try_from(revision - 2).ok()?)
    }

    fn write(&mut self, rng: &mut Rng) {
        let revision = self.revision() + 1;
        let count = if rng.below(4) == 0 { 1 + rng.below(6) } else { 1 };
        let mut events = Vec::new();
        for key in KEYS.into_iter().cycle().skip(rng.below(4) as usize).take(count as usize) {
            let put = rng.below(4) > 0;
            let kv = KeyValue { key: key.into(), mod_revision: revision, ..KeyValue::default() };
            let prev_kv = if put { self.now.insert(key, kv.clone()) } else { self.now.remove(key) };
            let kind = if put { EventType::Put } else { EventType::Delete };
            events.push(Event { r#type: kind as i32, kv: Some(kv), prev_kv });
        }
        let known = rng.below(8) > 0;
        let stretch = Stretch::new(revision - 1, revision, events.clone());
        self.told.add(stretch.filter(|_| known));
        self.history.push((events, self.auth));
    }

    /// What a page says.
    fn page(&self, request: &ChangesRequest, spec: Option<&Spec>) -> ChangesResponse {
        let header = ResponseHeader::at(self.revision());
        let empty = ChangesResponse { header, auth_revision: self.auth, ..Default::default() };
        if request.start_revision < self.compacted {
            return ChangesResponse { compact_revision: self.compacted, ..empty };
        }
        let (mut next, mut sub) = (request.start_revision, request.start_sub as usize);
        let mut events = Vec::new();
        while let Some((all, _)) = self.at(next) {
            for event in &all[sub..] {
                if events.len() == PAGE {
                    let (next_revision, next_sub) = (next, sub as u32);
                    return ChangesResponse { events, next_revision, next_sub, ..empty };
                }
                sub += 1;
                if spec.is_none_or(|spec| wants(spec, event)) {
                    events.push(as_asked(event, request.prev_kv));
                }
            }
            (next, sub) = (next + 1, 0);
        }
        ChangesResponse { events, next_revision: next, next_sub: 0, ..empty }
    }
}

fn wants(spec: &Spec, event: &Event) -> bool {
    spec.holds(&event.kv.as_ref().unwrap().key) && spec.wants(event.r#type)
}

fn as_asked(event: &Event, previous: bool) -> Event {
    Event { prev_kv: event.prev_kv.clone().filter(|_| previous), ..event.clone() }
}

/// What the client of a watch has seen.
struct Seen {
    spec: Arc<Spec>,
    /// The first revision of which it has seen nothing.
    next: i64,
    /// The auth revision at which it was last let in.
    auth: u64,
}

impl Seen {
    /// Sees events of whole revisions, the last of which is `revision`.
    fn see(&mut self, keyspace: &Keyspace, revision: i64, events: &[Event]) {
        let mut wanted = Vec::new();
        for (all, _) in (self.next..=revision).filter_map(|at| keyspace.at(at)) {
            let those = all.iter().filter(|event| wants(&self.spec, event));
            wanted.extend(those.map(|event| as_asked(event, self.spec.previous)));
        }
        assert_eq!(events, wanted, "up to {revision}, with nothing seen from {} on", self.next);
        self.next = self.next.max(revision + 1);
    }
}

/// A stream and its client.
struct Client {
    watches: Watches,
    seen: BTreeMap<i64, Seen>,
    /// The revision and auth revision that it saw when it was asked for a watch.
    look: Option<(i64, u64)>,
    page: Option<(Arc<Spec>, ChangesResponse)>,
}

impl Client {
    fn new(hub: &Hub) -> Client {
        let watches = Watches::new(hub.queue(), 100);
        Client { watches, seen: BTreeMap::new(), look: None, page: None }
    }

    fn step(&mut self, hub: &Hub, keyspace: &Keyspace, rng: &mut Rng) {
        match rng.below(9) {
            0 => self.look = Some((keyspace.revision(), keyspace.auth)),
            1 => self.begin(hub, keyspace, rng),
            2 if self.seen.len() as u64 > rng.below(4) => self.end(hub, rng),
            3 => {
                self.watches.ask(0);
                self.watches.report(hub);
            }
            4 => self.watches.tick(hub),
            5 | 6 => self.catch_up(hub, keyspace),
            _ => self.flush(hub, keyspace),
        }
    }

    fn begin(&mut self, hub: &Hub, keyspace: &Keyspace, rng: &mut Rng) {
        let Some((current, auth)) = self.look.take() else { return };
        let start_revision = match rng.below(3) {
            0 => 0,
            1 => current + 1 + rng.below(4) as i64,
            _ => rng.range(2.max(keyspace.compacted as u64), current as u64 + 1) as i64,
        };
        let request = WatchCreateRequest { start_revision, ..request(rng) };
        let id = self.watches.begin(hub, &request, current, auth).unwrap();
        let next = if start_revision == 0 { current + 1 } else { start_revision };
        let spec = Arc::clone(self.watches.spec(id).unwrap());
        self.seen.insert(id, Seen { spec, next, auth });
    }

    fn end(&mut self, hub: &Hub, rng: &mut Rng) {
        let ids: Vec<i64> = self.seen.keys().copied().collect();
        let id = *rng.pick(&ids).unwrap();
        assert!(self.watches.end(hub, id));
        self.seen.remove(&id);
    }

    /// Sees what the hub handed out.
    fn flush(&mut self, hub: &Hub, keyspace: &Keyspace) {
        for item in self.watches.take(hub) {
            match item {
                Item::Events { id, revision, events } => {
                    let events = WatchResponse::decode(events).unwrap().events;
                    let seen = self.seen.get_mut(&id).unwrap();
                    seen.see(keyspace, revision, &events);
                    let (_, made) = keyspace.at(revision).unwrap();
                    assert!(*made <= seen.auth, "{revision} is of auth revision {made}");
                }
                Item::Progress { id, revision } => {
                    let all = self.seen.iter_mut();
                    for (_, seen) in all.filter(|(own, _)| id == NONE || id == **own) {
                        seen.see(keyspace, revision, &[]);
                    }
                }
            }
        }
        self.watches.report(hub);
    }

    /// Asks for a page for a watch that is behind, or takes the one that it asked for.
    fn catch_up(&mut self, hub: &Hub, keyspace: &Keyspace) {
        let Some((spec, page)) = self.page.take() else {
            let page = |turn: Turn| {
                (Arc::clone(&turn.spec), keyspace.page(&turn.request, Some(&turn.spec)))
            };
            self.page = self.watches.turn().map(page);
            return;
        };
        if !self.watches.is_behind(&spec) {
            return;
        }
        self.seen.get_mut(&spec.id).unwrap().auth = page.auth_revision;
        match self.watches.page(hub, &spec, page) {
            Paged::Nothing => {}
            Paged::Compacted => drop(self.seen.remove(&spec.id)),
            Paged::Events(events) => {
                let last = events.last().unwrap().revision();
                self.seen.get_mut(&spec.id).unwrap().see(keyspace, last, &events);
            }
        }
        self.watches.report(hub);
    }
}

fn request(rng: &mut Rng) -> WatchCreateRequest {
    let (key, range_end) = [("a", ""), ("b", ""), ("a", "c"), ("b", "\0")][rng.below(4) as usize];
    let filters = match rng.below(4) {
        0 => vec![Filter::Noput as i32],
        1 => vec![Filter::Nodelete as i32],
        _ => Vec::new(),
    };
    let prev_kv = rng.below(3) == 0;
    let (key, range_end) = (key.into(), range_end.into());
    WatchCreateRequest { key, range_end, filters, prev_kv, ..WatchCreateRequest::default() }
}

struct Walk {
    hub: Hub,
    keyspace: Keyspace,
    clients: Vec<Client>,
    /// The page that the reader has asked for.
    page: Option<(Position, ChangesResponse)>,
}

impl Walk {
    fn new() -> Walk {
        let hub = Hub::new(100, QUEUE_BYTES, Figures::default());
        let clients = (0..STREAMS).map(|_| Client::new(&hub)).collect();
        Walk { hub, keyspace: Keyspace::default(), clients, page: None }
    }

    fn step(&mut self, rng: &mut Rng) {
        match rng.below(60) {
            0..10 => self.keyspace.write(rng),
            10 => {
                self.keyspace.auth += 1;
                self.keyspace.told.add(None);
            }
            11 => {
                let revision = self.keyspace.revision();
                self.keyspace.compacted = self.keyspace.compacted.max(revision - 20);
            }
            12..25 => self.read(rng),
            at => self.clients[at as usize % STREAMS].step(&self.hub, &self.keyspace, rng),
        }
    }

    /// What the reader does: it hands out what is told, or asks for a page, which comes later.
    fn read(&mut self, rng: &mut Rng) {
        if let Some((position, page)) = self.page.take() {
            self.hub.hand_out(position, page);
            return;
        }
        let Some(position) = self.hub.position() else {
            self.keyspace.told = Told::default();
            return;
        };
        let told = self.keyspace.told.take();
        if rng.below(8) == 0 || !told.is_some_and(|stretch| self.hub.tell(stretch)) {
            self.page = Some((position, self.keyspace.page(&position.request(), None)));
        }
    }

    /// Everybody comes to the end.
    fn settle(&mut self, rng: &mut Rng) {
        for _ in 0..200 {
            self.read(rng);
            for client in &mut self.clients {
                client.catch_up(&self.hub, &self.keyspace);
                client.flush(&self.hub, &self.keyspace);
            }
        }
        for client in &mut self.clients {
            assert!(client.watches.turn().is_none(), "a watch never comes to the cursor");
            let end = self.keyspace.revision();
            client.seen.values_mut().for_each(|seen| seen.see(&self.keyspace, end, &[]));
        }
    }
}

fn walk(seed: u64) {
    println!("seed {seed}");
    let (mut rng, mut walk) = (Rng::new(seed), Walk::new());
    for _ in 0..STEPS {
        walk.step(&mut rng);
    }
    walk.settle(&mut rng);
}

#[cfg(not(feature = "mutants"))]
#[test]
fn every_watch_sees_all_of_what_it_watches_once_and_in_order() {
    (0..WALKS).for_each(walk);
}

/// One test, because a bug is planted for the whole process.
#[cfg(feature = "mutants")]
#[test]
fn mutants_are_caught() {
    use kernel::bug::{Bug, plant};
    let bugs = [
        Bug::MissedUntold,
        Bug::ToldTooEarly,
        Bug::RevisionSplit,
        Bug::GapTold,
        Bug::RoomLost,
        Bug::ToldUnlooked,
        Bug::ProgressTooFar,
        Bug::ProgressTooSoon,
        Bug::KeptForOthers,
    ];
    (0..WALKS).for_each(walk);
    std::panic::set_hook(Box::new(|_| {}));
    let missed = bugs.into_iter().filter(|bug| {
        plant(Some(*bug));
        let found = (0..10 * WALKS).find(|seed| std::panic::catch_unwind(|| walk(*seed)).is_err());
        println!("{bug:?}: {found:?}");
        found.is_none()
    });
    let missed: Vec<_> = missed.collect();
    plant(None);
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
