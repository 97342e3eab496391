//! The watches of one stream: which of them the hub serves, and where the others read on.
//!
//! ```text
//!   begin ──▶ in the hub ──── no room ────▶ behind ──▶ turn ──▶ a page ──▶ page ──┐
//!                 ▲                            ▲                                  │ not there yet
//!                 │                            └──────────────────────────────────┤
//!                 └───────────────────────── at the cursor ───────────────────────┘
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use kernel::bug::{Bug, planted};
use layers::coordination::{ChangesRequest, ChangesResponse, Event};

use super::{
    hub::{Entered, Hub, Progress},
    queue::{Item, NONE, Queue},
    spec::Spec,
};
use crate::etcd::wire::WatchCreateRequest;

const TOO_MANY: &str = "quorate: too many watches";

/// The watches of one stream.
pub struct Watches {
    queue: Arc<Queue>,
    all: BTreeMap<i64, Watch>,
    /// Where watches that are behind have come to.
    behind: BTreeMap<i64, Behind>,
    /// The last of them that was read for: each gets its turn.
    turn: i64,
    next_id: i64,
    /// The client asked how far the stream has come, when the keyspace was at this revision.
    progress: Option<i64>,
    /// The answer may wait in the queue.
    reported: bool,
    max: usize,
}

struct Watch {
    spec: Arc<Spec>,
    /// Its number in the hub, if it is there.
    number: Option<u64>,
}

#[derive(Default)]
struct Behind {
    next: (i64, u32),
    /// Events of a revision that a page cut.
    cut: Vec<Event>,
    /// There was nothing to read the last time.
    idle: bool,
}

/// What is to be read for a watch that is behind.
pub struct Turn {
    pub spec: Arc<Spec>,
    pub request: ChangesRequest,
    /// There was nothing to read the last time.
    pub idle: bool,
}

/// What came of a page.
pub enum Paged {
    /// Nothing to tell.
    Nothing,
    /// Events of whole revisions.
    Events(Vec<Event>),
    /// What it would read on from was compacted: the watch has ended.
    Compacted,
}

impl Watches {
    /// None yet, and never more than so many.
    pub fn new(queue: Arc<Queue>, max: usize) -> Watches {
        let (all, behind) = (BTreeMap::new(), BTreeMap::new());
        Watches { queue, all, behind, turn: 0, next_id: 0, progress: None, reported: false, max }
    }

    /// What a watch wants.
    pub fn spec(&self, id: i64) -> Option<&Arc<Spec>> {
        self.all.get(&id).map(|watch| &watch.spec)
    }

    /// Begins a watch; the keyspace was at `current` and at an auth revision that lets it in.
    ///
    /// # Errors
    /// Why not; the texts are etcd's where it has one.
    pub fn begin(
        &mut self,
        hub: &Hub,
        request: &WatchCreateRequest,
        current: i64,
        auth: u64,
    ) -> Result<i64, &'static str> {
        let id = match request.watch_id {
            0 => (self.next_id..).find(|id| !self.all.contains_key(id)).unwrap_or(0),
            id => id,
        };
        let spec = Arc::new(Spec::read(request, id)?);
        if self.all.contains_key(&id) {
            return Err("mvcc: duplicate watch ID provided on the WatchStream");
        }
        if self.all.len() >= self.max {
            return Err(TOO_MANY);
        }
        let from = match request.start_revision {
            0 => current.saturating_add(1),
            revision => revision.max(1),
        };
        // What was to be said of the whole stream is not true of a watch that has yet to see the past.
        let reported = self.reported && !planted(Bug::ProgressTooSoon);
        if let Some(revision) = reported.then(|| self.queue.take_back()).flatten() {
            self.ask(revision);
        }
        let number = match from > current {
            true => match hub.enter(&self.queue, &spec, from, current, auth) {
                Entered::In(number) => Some(number),
                Entered::Behind => None,
                Entered::Full => return Err(TOO_MANY),
            },
            false => None,
        };
        if number.is_none() {
            self.fall_behind(hub, &spec, from);
        }
        self.all.insert(id, Watch { spec, number });
        if request.watch_id == 0 {
            self.next_id = id.saturating_add(1);
        }
        Ok(id)
    }

    /// Ends a watch; `false` if there is none.
    pub fn end(&mut self, hub: &Hub, id: i64) -> bool {
        let Some(watch) = self.all.remove(&id) else { return false };
        watch.number.into_iter().for_each(|number| hub.leave(number));
        self.behind.remove(&id);
        hub.ended(&self.queue, id);
        self.queue.forget(id);
        true
    }

    /// Ends all of them.
    pub fn end_all(&mut self, hub: &Hub) {
        for (id, watch) in std::mem::take(&mut self.all) {
            watch.number.into_iter().for_each(|number| hub.leave(number));
            hub.ended(&self.queue, id);
        }
    }

    fn fall_behind(&mut self, hub: &Hub, spec: &Arc<Spec>, next: i64) {
        let behind = Behind { next: (next, 0), ..Behind::default() };
        self.behind.insert(spec.id, behind);
        hub.behind(&self.queue, spec, next);
    }

    /// Takes what the hub has handed out and may be told.
    pub fn take(&mut self, hub: &Hub) -> VecDeque<Item> {
        let (mut items, behind) = self.queue.take();
        self.reported = false;
        for (id, revision) in behind {
            if let Some(watch) = self.all.get_mut(&id) {
                watch.number = None;
                let spec = Arc::clone(&watch.spec);
                self.fall_behind(hub, &spec, revision);
            }
        }
        items.retain(|item| self.holds(item));
        items
    }

    /// Whether an item may be told. The hub says how far it has come itself; a watch that has fallen
    /// behind has not, and neither has its stream.
    fn holds(&mut self, item: &Item) -> bool {
        match item {
            Item::Events { id, .. } => self.all.contains_key(id),
            Item::Progress { id: NONE, revision } if !self.behind.is_empty() => {
                self.ask(*revision);
                planted(Bug::ProgressTooFar)
            }
            Item::Progress { id: NONE, .. } => true,
            Item::Progress { id, .. } => !self.behind.contains_key(id),
        }
    }

    /// What is to be read next.
    pub fn turn(&mut self) -> Option<Turn> {
        let next = self.behind.range(self.turn.saturating_add(1)..).next();
        let (id, behind) = next.or_else(|| self.behind.iter().next())?;
        self.turn = *id;
        let spec = Arc::clone(self.spec(*id)?);
        let request = spec.changes(behind.next.0, behind.next.1);
        Some(Turn { spec, request, idle: behind.idle })
    }

    /// Whether this watch, and no other of its number, is still here and behind.
    pub fn is_behind(&self, spec: &Arc<Spec>) -> bool {
        self.behind.contains_key(&spec.id)
            && self.spec(spec.id).is_some_and(|own| Arc::ptr_eq(own, spec))
    }

    /// Takes a page that was read for a watch that is behind.
    pub fn page(&mut self, hub: &Hub, spec: &Arc<Spec>, page: ChangesResponse) -> Paged {
        let watch = self.all.get_mut(&spec.id);
        let (Some(watch), Some(behind)) = (watch, self.behind.get_mut(&spec.id)) else {
            return Paged::Nothing;
        };
        if page.compact_revision != 0 {
            self.end(hub, spec.id);
            return Paged::Compacted;
        }
        behind.cut.extend(page.events);
        behind.next = (page.next_revision, page.next_sub);
        hub.behind(&self.queue, spec, page.next_revision);
        let whole = match page.next_sub {
            0 => behind.cut.len(),
            _ => behind.cut.partition_point(|event| event.revision() < page.next_revision),
        };
        let ready: Vec<_> = behind.cut.drain(..whole).collect();
        if page.next_sub == 0 {
            let current = page.header.map_or(0, |header| header.revision);
            let (from, auth) = (page.next_revision, page.auth_revision);
            match hub.enter(&self.queue, spec, from, current, auth) {
                Entered::In(number) => {
                    watch.number = Some(number);
                    self.behind.remove(&spec.id);
                }
                Entered::Behind | Entered::Full => behind.idle = ready.is_empty(),
            }
        }
        if ready.is_empty() { Paged::Nothing } else { Paged::Events(ready) }
    }

    /// The client asks how far the stream has come; the keyspace is at `current`.
    pub fn ask(&mut self, current: i64) {
        self.progress = self.progress.max(Some(current));
    }

    /// Has the hub answer, once no watch is behind and what was acknowledged before the client asked
    /// was handed out: one that waits for its own write knows by one answer. The answer is here
    /// where nobody watches.
    pub fn report(&mut self, hub: &Hub) -> Option<i64> {
        let wanted = self.progress.filter(|_| self.behind.is_empty())?;
        let told = match self.all.is_empty() {
            true => Progress::Nobody,
            false => hub.progress(&self.queue, NONE, wanted),
        };
        if told != Progress::Waits {
            self.progress = None;
        }
        self.reported |= told == Progress::Told;
        (told == Progress::Nobody).then_some(wanted)
    }

    /// Has the hub tell watches that asked for it that nothing happened.
    pub fn tick(&self, hub: &Hub) {
        for (id, watch) in &self.all {
            if watch.spec.progress && watch.number.is_some() {
                hub.progress(&self.queue, *id, 0);
            }
        }
    }
}
