//! Who gets what: a cursor and an index under one lock.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::{Bytes, BytesMut};
use kernel::bug::{Bug, planted};
use layers::coordination::{ChangesRequest, ChangesResponse, Stretch};
use tokio::sync::Notify;

use super::{
    events::Encoded,
    index::Index,
    queue::{Item, Queue},
    spec::Spec,
    survey::{Behinds, Lag, Survey},
};
use crate::etcd::figures::Figures;

/// What was handed out last is kept up to this many bytes.
const RECENT_BYTES: usize = 4 << 20;

/// Hands changes out to those who watch.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
    wanted: Notify,
    watches_max: usize,
    queue_bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    figures: Figures,
    /// The first revision that is not handed out, and the place in it from which on to read.
    next: (i64, u32),
    /// The auth revision of what is handed out; 0 while auth is off.
    auth: u64,
    /// How often the cursor was set anew: a page that was read before then does not count.
    epoch: u64,
    /// Whether a page was read since the first watch came: until then, what is told may be behind a
    /// change of auth of which that watch did not know.
    looked: bool,
    watches: HashMap<u64, Watch>,
    /// Those that read by themselves.
    behind: Behinds,
    /// Streams that are woken when a revision was handed out.
    waiting: Vec<(Weak<Queue>, i64)>,
    streams: u64,
    /// How many of them want what stood there before.
    previous: usize,
    numbers: u64,
    index: Index,
    /// Events of a revision that a page cut.
    cut: Vec<Encoded>,
    /// What was handed out last …
    recent: VecDeque<Encoded>,
    recent_bytes: usize,
    /// … which is everything from this revision on.
    recent_from: i64,
}

#[derive(Debug)]
struct Watch {
    spec: Arc<Spec>,
    queue: Arc<Queue>,
    from: i64,
}

/// What became of a watch that wants to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is in, under this number.
    In(u64),
    /// It has to read by itself first.
    Behind,
    /// There are too many.
    Full,
}

/// What came of asking how far everything was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The stream is told.
    Told,
    /// Not far enough yet.
    Waits,
    /// Nobody reads.
    Nobody,
}

/// Where the reader reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    epoch: u64,
    next: (i64, u32),
    previous: bool,
}

impl Position {
    /// What to ask.
    pub fn request(self) -> ChangesRequest {
        ChangesRequest { prev_kv: self.previous, ..ChangesRequest::of_all(self.next) }
    }
}

impl Hub {
    /// Nobody watches.
    pub fn new(watches_max: usize, queue_bytes_max: usize, figures: Figures) -> Hub {
        let state = Mutex::new(State { figures: figures.clone(), ..State::default() });
        Hub { state, wanted: Notify::new(), watches_max, queue_bytes_max }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A queue for a stream of watches.
    pub fn queue(&self) -> Arc<Queue> {
        let mut state = self.state();
        state.streams += 1;
        Arc::new(Queue::new(state.streams, self.queue_bytes_max))
    }

    /// Enters a watch that has seen everything before `from`, and was allowed to at an auth
    /// revision; the keyspace is at `current`.
    pub fn enter(
        &self,
        queue: &Arc<Queue>,
        spec: &Arc<Spec>,
        from: i64,
        current: i64,
        auth: u64,
    ) -> Entered {
        let mut state = self.state();
        if state.watches.is_empty() {
            // What is still here of another auth revision may be nothing for this watch.
            let others = state.auth != auth && !planted(Bug::KeptForOthers);
            if state.next.0 <= current || others {
                state.restart(current.saturating_add(1));
            }
            (state.auth, state.looked) = (auth, false);
        } else if auth < state.auth {
            return Entered::Behind;
        }
        if state.watches.len() >= self.watches_max {
            return Entered::Full;
        }
        if from < state.next.0 {
            let Some(missed) = state.missed(spec, from, self.queue_bytes_max / 2) else {
                return Entered::Behind;
            };
            for (revision, events) in missed.into_iter().filter(|_| !planted(Bug::MissedUntold)) {
                queue.push(Item::Events { id: spec.id, revision, events });
            }
        }
        state.come_up(queue.stream, spec.id);
        let number = state.insert(spec, queue, from);
        drop(state);
        self.wanted.notify_one();
        Entered::In(number)
    }

    /// A watch reads by itself, and has come so far.
    pub fn behind(&self, queue: &Queue, spec: &Arc<Spec>, next: i64) {
        self.state().fall_behind(queue.stream, spec, next);
    }

    /// A watch that may be behind has ended.
    pub fn ended(&self, queue: &Queue, id: i64) {
        self.state().come_up(queue.stream, id);
    }

    /// The watches that lag most; the keyspace is at `revision`.
    pub fn survey(&self, revision: i64, limit: usize) -> Survey {
        let state = self.state();
        let mut queues = HashMap::new();
        let live = state.watches.values().map(|watch| {
            let queue = &watch.queue;
            let (bytes, first) = queues.entry(queue.stream).or_insert_with(|| queue.waiting());
            let next = first.get(&watch.spec.id).copied().unwrap_or(state.next.0.max(watch.from));
            let spec = Arc::clone(&watch.spec);
            Lag { stream: queue.stream, spec, live: true, next, waiting: *bytes }
        });
        let all = live.chain(state.behind.lags()).collect();
        drop(state);
        Survey::new(revision, all, limit)
    }

    /// Removes a watch.
    pub fn leave(&self, number: u64) {
        self.state().remove(number);
    }

    /// Tells a stream how far everything was handed out, if that is as far as `wanted`; if not, its
    /// queue wakes it when it is.
    pub fn progress(&self, queue: &Arc<Queue>, id: i64, wanted: i64) -> Progress {
        let mut state = self.state();
        if state.watches.is_empty() {
            return Progress::Nobody;
        }
        if state.next.0 <= wanted {
            let own = Arc::downgrade(queue);
            state.waiting.retain(|(other, _)| !other.ptr_eq(&own));
            state.waiting.push((own, wanted));
            return Progress::Waits;
        }
        queue.push(Item::Progress { id, revision: state.next.0 - 1 });
        Progress::Told
    }

    /// Where to read on; `None` while nobody watches.
    pub fn position(&self) -> Option<Position> {
        let state = self.state();
        let position =
            Position { epoch: state.epoch, next: state.next, previous: state.previous > 0 };
        (!state.watches.is_empty()).then_some(position)
    }

    /// Waits until somebody watches.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Hands out a page that was read from a position on; `false` if the cursor stands elsewhere by
    /// now, and nobody has seen what the page says.
    pub fn hand_out(&self, from: Position, page: ChangesResponse) -> bool {
        // Encoding takes longer than anything that must be done alone.
        let events: Vec<Encoded> =
            page.events.into_iter().map(|event| Encoded::new(event, from.previous)).collect();
        let mut state = self.state();
        if state.epoch != from.epoch || state.next != from.next {
            return false;
        }
        if page.auth_revision != state.auth {
            // Each watch reads by itself, and so finds out whether it still may.
            state.auth = page.auth_revision;
            state.leave_all_behind(from.next.0);
            return true;
        }
        if page.compact_revision != 0 {
            let current = page.header.map_or(0, |header| header.revision);
            state.leave_all_behind(current.saturating_add(1).max(page.compact_revision));
            return true;
        }
        state.looked = true;
        state.cut.extend(events);
        state.next = (page.next_revision, page.next_sub);
        let (next, sub) = state.next;
        let whole = match sub {
            0 => state.cut.len(),
            _ if planted(Bug::RevisionSplit) => state.cut.len(),
            _ => state.cut.partition_point(|event| event.revision < next),
        };
        let rest = state.cut.split_off(whole);
        let ready = std::mem::replace(&mut state.cut, rest);
        state.revisions(ready);
        true
    }

    /// Hands out what the replica told, if that goes on where the cursor is. Who watches when a
    /// stretch is told still may: a change of auth ends the stretch before it.
    pub fn tell(&self, stretch: Stretch) -> bool {
        let Some(Position { next, previous, .. }) = self.position() else { return false };
        let news = stretch.events.into_iter().filter(|event| event.revision() >= next.0);
        let events: Vec<Encoded> = news.map(|event| Encoded::new(event, previous)).collect();
        let mut state = self.state();
        let looked = state.looked || planted(Bug::ToldUnlooked);
        let gap = next.0 < stretch.from && !planted(Bug::GapTold);
        if !looked || state.next != next || next.1 > 0 || gap {
            return false;
        }
        state.next.0 = next.0.max(stretch.next);
        state.revisions(events);
        true
    }
}

impl State {
    /// Sets the cursor; nobody watches, or everybody is behind.
    fn restart(&mut self, next: i64) {
        self.next = (next, 0);
        self.wake();
        self.epoch += 1;
        self.cut.clear();
        self.recent.clear();
        (self.recent_bytes, self.recent_from) = (0, next);
    }

    fn insert(&mut self, spec: &Arc<Spec>, queue: &Arc<Queue>, from: i64) -> u64 {
        self.numbers += 1;
        let number = self.numbers;
        self.previous += usize::from(spec.previous);
        self.figures.watches.add(1);
        let watch = Watch { spec: Arc::clone(spec), queue: Arc::clone(queue), from };
        self.watches.insert(number, watch);
        let watches = &self.watches;
        self.index.insert(spec, number, |number| watches.contains_key(&number));
        number
    }

    fn fall_behind(&mut self, stream: u64, spec: &Arc<Spec>, next: i64) {
        let more = self.behind.set(stream, spec, next);
        self.figures.behind.add(u64::from(more));
    }

    fn come_up(&mut self, stream: u64, id: i64) {
        let less = self.behind.remove(stream, id);
        self.figures.behind.sub(u64::from(less));
    }

    /// A watch has to read by itself from a revision on.
    fn fell(&mut self, number: u64, revision: i64) {
        self.figures.lagged.add(1);
        if let Some(watch) = self.remove(number) {
            self.fall_behind(watch.queue.stream, &watch.spec, revision);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Watch> {
        let watch = self.watches.remove(&number)?;
        self.previous -= usize::from(watch.spec.previous);
        self.figures.watches.sub(1);
        let watches = &self.watches;
        self.index.remove(&watch.spec, number, |number| watches.contains_key(&number));
        Some(watch)
    }

    /// What a watch missed since a revision, if it is still here and not too much.
    fn missed(&self, spec: &Spec, from: i64, bytes_max: usize) -> Option<Vec<(i64, Bytes)>> {
        if from < self.recent_from {
            return None;
        }
        let first = self.recent.partition_point(|event| event.revision < from);
        let mut missed: Vec<(i64, BytesMut)> = Vec::new();
        let mut room = bytes_max;
        for event in self.recent.range(first..) {
            if !spec.holds(&event.key) || !spec.wants(event.kind) {
                continue;
            }
            let bytes = event.bytes(spec.previous)?;
            room = room.checked_sub(bytes.len() + 64)?;
            match missed.last_mut() {
                Some((revision, all)) if *revision == event.revision => {
                    all.extend_from_slice(bytes);
                }
                _ => missed.push((event.revision, BytesMut::from(&bytes[..]))),
            }
        }
        Some(missed.into_iter().map(|(revision, all)| (revision, all.freeze())).collect())
    }

    /// Hands out all events of whole revisions.
    fn revisions(&mut self, events: Vec<Encoded>) {
        for revision in events.chunk_by(|a, b| a.revision == b.revision) {
            self.revision(revision);
        }
        self.keep(events);
        self.wake();
    }

    /// Wakes streams that wait for what was handed out.
    fn wake(&mut self) {
        let (next, _) = self.next;
        let reached = self.waiting.extract_if(.., |(_, wanted)| *wanted < next);
        reached.filter_map(|(queue, _)| queue.upgrade()).for_each(|queue| queue.wake());
    }

    /// Hands out all events of a revision.
    fn revision(&mut self, events: &[Encoded]) {
        let [event] = events else { return self.many(events) };
        let mut fell = Vec::new();
        self.index.visit(&event.key, |number| {
            let Some(watch) = self.watches.get(&number) else { return };
            if !watch.wants(event) {
                return;
            }
            self.figures.events.add(1);
            if !watch.tell(event.revision, event.bytes(watch.spec.previous).cloned()) {
                fell.push(number);
            }
        });
        fell.into_iter().for_each(|number| self.fell(number, event.revision));
    }

    /// The same, of a revision that changed several keys: a watch gets all of it at once.
    fn many(&mut self, events: &[Encoded]) {
        let mut told: BTreeMap<u64, Option<BytesMut>> = BTreeMap::new();
        for event in events {
            self.index.visit(&event.key, |number| {
                let Some(watch) = self.watches.get(&number) else { return };
                if !watch.wants(event) {
                    return;
                }
                self.figures.events.add(1);
                let all = told.entry(number).or_insert_with(|| Some(BytesMut::new()));
                match (all.as_mut(), event.bytes(watch.spec.previous)) {
                    (Some(all), Some(bytes)) => all.extend_from_slice(bytes),
                    _ => *all = None,
                }
            });
        }
        let Some(revision) = events.first().map(|event| event.revision) else { return };
        for (number, all) in told {
            let watch = self.watches.get(&number);
            if watch.is_some_and(|watch| !watch.tell(revision, all.map(BytesMut::freeze))) {
                self.fell(number, revision);
            }
        }
    }

    /// Keeps what was handed out for those who come late.
    fn keep(&mut self, events: Vec<Encoded>) {
        self.recent_bytes += events.iter().map(Encoded::weight).sum::<usize>();
        self.recent.extend(events);
        while self.recent_bytes > RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.recent_bytes -= oldest.weight();
            // A revision that is here in part is as good as none.
            self.recent_from = oldest.revision + 1;
        }
    }

    fn leave_all_behind(&mut self, next: i64) {
        let (first, _) = self.next;
        self.figures.watches.sub(self.watches.len() as u64);
        for (_, watch) in std::mem::take(&mut self.watches) {
            let next = first.max(watch.from);
            watch.queue.leave_behind(watch.spec.id, next);
            self.fall_behind(watch.queue.stream, &watch.spec, next);
        }
        (self.index, self.previous) = (Index::default(), 0);
        self.restart(next);
    }
}

impl Watch {
    fn wants(&self, event: &Encoded) -> bool {
        let early = event.revision < self.from && !planted(Bug::ToldTooEarly);
        !early && self.spec.wants(event.kind)
    }

    /// Tells the stream, if what it wants is known and it has room; else the watch is behind.
    fn tell(&self, revision: i64, events: Option<Bytes>) -> bool {
        match events {
            Some(events) => self.queue.offer(self.spec.id, revision, events),
            None => {
                self.queue.leave_behind(self.spec.id, revision);
                false
            }
        }
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
