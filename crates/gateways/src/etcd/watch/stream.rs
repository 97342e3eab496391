//! One stream of watches: what its client says, and what it is told.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use contract::Consistency;
use layers::coordination::{Answer, Ask, ChangesResponse, Error, Event};

use super::{
    PAUSE, events,
    hub::{Entered, Progress},
    queue::{Item, Queue},
    respond,
    said::{Looking, Said, Wish, look},
    spec::Spec,
};
use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        grpc::{Code, Status, frame},
        serve::{Ended, Inbound, Reply, Shared, unexpected},
        wire::{WatchCreateRequest, WatchResponse},
    },
};

/// What is sent together, in bytes, but for what one watch has to say.
const TOGETHER: usize = 64 << 10;
/// The number of no watch.
const NONE: i64 = -1;

/// A page that is being read for a watch that is behind.
type Reading = Pin<Box<dyn Future<Output = Read> + Send>>;
type Read = (Arc<Spec>, Result<ChangesResponse, Status>);

/// A stream of watches.
struct Stream<'a, B: Backend> {
    shared: Arc<Shared<B>>,
    who: Who,
    queue: Arc<Queue>,
    watches: BTreeMap<i64, Watch>,
    /// Where watches that are behind have come to.
    behind: BTreeMap<i64, Behind>,
    /// The last of them that was read for: each gets its turn.
    turn: i64,
    next_id: i64,
    /// The client asked how far the stream has come, when the keyspace was at this revision.
    progress: Option<i64>,
    reply: &'a mut Reply,
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

/// Serves a stream of watches.
///
/// # Errors
/// What ends the stream; it does not end otherwise.
pub async fn serve<B: Backend>(
    shared: Arc<Shared<B>>,
    who: Who,
    inbound: Inbound,
    reply: &mut Reply,
) -> Result<(), Ended> {
    let queue = shared.hub.queue();
    let mut stream = Stream {
        shared,
        who,
        queue,
        watches: BTreeMap::new(),
        behind: BTreeMap::new(),
        turn: 0,
        next_id: 0,
        progress: None,
        reply,
    };
    stream.run(inbound).await
}

impl<B: Backend> Drop for Stream<'_, B> {
    fn drop(&mut self) {
        for watch in self.watches.values() {
            watch.number.into_iter().for_each(|number| self.shared.hub.leave(number));
            self.shared.hub.ended(&self.queue, watch.spec.id);
        }
    }
}

impl<B: Backend> Stream<'_, B> {
    async fn run(&mut self, mut inbound: Inbound) -> Result<(), Ended> {
        self.reply.open()?;
        let (mut reading, mut looking): (Option<Reading>, Option<Looking>) = (None, None);
        let mut tick = ambient::start_sleep(self.shared.limits.progress_period);
        let queue = Arc::clone(&self.queue);
        // A client that has said everything still listens.
        let mut heard = true;
        loop {
            if reading.is_none() {
                reading = self.read_on();
            }
            tokio::select! {
                messages = inbound.next(), if heard && looking.is_none() => match messages? {
                    Some(messages) => {
                        looking = Some(look(Arc::clone(&self.shared), self.who.clone(), messages));
                    }
                    None => heard = false,
                },
                said = due(&mut looking) => {
                    looking = None;
                    self.told(said?).await?;
                }
                () = queue.filled() => self.flush().await?,
                (spec, page) = due(&mut reading) => {
                    reading = None;
                    self.catch_up(spec, page).await?;
                }
                () = &mut tick => {
                    tick = ambient::start_sleep(self.shared.limits.progress_period);
                    self.tick();
                }
                () = self.reply.gone() => return Err(Ended::Gone),
            }
        }
    }

    /// Does what the client said, in order.
    async fn told(&mut self, Said { wishes, current }: Said) -> Result<(), Ended> {
        let mut out = BytesMut::new();
        for wish in wishes {
            match wish {
                Wish::Create(request, allowed) => {
                    let response = self.create(&request, current, allowed);
                    out.extend_from_slice(&frame(&response));
                }
                Wish::Cancel(cancel) => {
                    if let Some(watch) = self.remove(cancel.watch_id) {
                        let canceled = WatchResponse {
                            header: Some(self.shared.facts().header(current)),
                            watch_id: watch.spec.id,
                            canceled: true,
                            ..WatchResponse::default()
                        };
                        out.extend_from_slice(&frame(&canceled));
                    }
                }
                Wish::Progress => self.progress = self.progress.max(Some(current)),
            }
        }
        self.reply.send(out.freeze()).await?;
        self.report().await
    }

    fn create(
        &mut self,
        request: &WatchCreateRequest,
        current: i64,
        allowed: Result<u64, Status>,
    ) -> WatchResponse {
        let mut response = WatchResponse {
            header: Some(self.shared.facts().header(current)),
            created: true,
            ..WatchResponse::default()
        };
        let begun = match allowed {
            Ok(auth) => self.begin(request, current, auth).map_err(str::to_owned),
            Err(status) => Err(reason(&status)),
        };
        match begun {
            Ok(id) => response.watch_id = id,
            Err(reason) => {
                response.watch_id = NONE;
                response.canceled = true;
                response.cancel_reason = reason;
            }
        }
        response
    }

    fn begin(
        &mut self,
        request: &WatchCreateRequest,
        current: i64,
        auth: u64,
    ) -> Result<i64, &'static str> {
        let id = match request.watch_id {
            0 => (self.next_id..).find(|id| !self.watches.contains_key(id)).unwrap_or(0),
            id => id,
        };
        let spec = Arc::new(Spec::read(request, id)?);
        if self.watches.contains_key(&id) {
            return Err("mvcc: duplicate watch ID provided on the WatchStream");
        }
        if self.watches.len() >= self.shared.limits.watches_max {
            return Err("quorate: too many watches");
        }
        let from = match request.start_revision {
            0 => current.saturating_add(1),
            revision => revision.max(1),
        };
        let number = match from > current {
            true => match self.shared.hub.enter(&self.queue, &spec, from, current, auth) {
                Entered::In(number) => Some(number),
                Entered::Behind => None,
                Entered::Full => return Err("quorate: too many watches"),
            },
            false => None,
        };
        if number.is_none() {
            self.fall_behind(&spec, from);
        }
        self.watches.insert(id, Watch { spec, number });
        if request.watch_id == 0 {
            self.next_id = id.saturating_add(1);
        }
        Ok(id)
    }

    fn remove(&mut self, id: i64) -> Option<Watch> {
        let watch = self.watches.remove(&id)?;
        watch.number.into_iter().for_each(|number| self.shared.hub.leave(number));
        self.behind.remove(&id);
        self.shared.hub.ended(&self.queue, id);
        self.queue.forget(id);
        Some(watch)
    }

    fn fall_behind(&mut self, spec: &Arc<Spec>, next: i64) {
        let behind = Behind { next: (next, 0), ..Behind::default() };
        self.behind.insert(spec.id, behind);
        self.shared.hub.behind(&self.queue, spec, next);
    }

    /// Sends what the hub has handed out.
    async fn flush(&mut self) -> Result<(), Ended> {
        let (items, behind) = self.queue.take();
        for (id, revision) in behind {
            if let Some(watch) = self.watches.get_mut(&id) {
                watch.number = None;
                let spec = Arc::clone(&watch.spec);
                self.fall_behind(&spec, revision);
            }
        }
        let facts = self.shared.facts();
        let mut items = items.into_iter().peekable();
        // Many watches have little to say each: what they say leaves together.
        let mut out = BytesMut::new();
        while let Some(item) = items.next() {
            match item {
                Item::Progress { id, revision } => {
                    let response = WatchResponse {
                        header: Some(facts.header(revision)),
                        watch_id: id,
                        ..WatchResponse::default()
                    };
                    out.extend_from_slice(&frame(&response));
                }
                Item::Events { id, revision, events } => {
                    let Some(watch) = self.watches.get(&id) else { continue };
                    let mut all = respond::Events::new(id, revision, events);
                    while let Some(Item::Events { id: next, revision, events }) =
                        items.next_if(|item| all.takes(item))
                    {
                        debug_assert_eq!(next, id);
                        all.add(revision, events);
                    }
                    all.write(&mut out, &facts, watch.spec.fragment);
                }
            }
            if out.len() >= TOGETHER {
                self.reply.send(out.split().freeze()).await?;
            }
        }
        self.reply.send(out.freeze()).await?;
        self.report().await
    }

    /// Starts reading for a watch that is behind.
    fn read_on(&mut self) -> Option<Reading> {
        let next = self.behind.range(self.turn.saturating_add(1)..).next();
        let (id, behind) = next.or_else(|| self.behind.iter().next())?;
        self.turn = *id;
        let spec = Arc::clone(&self.watches.get(id)?.spec);
        let ask = Ask::Changes(spec.changes(behind.next.0, behind.next.1));
        let (shared, who, idle) = (Arc::clone(&self.shared), self.who.clone(), behind.idle);
        Some(Box::pin(async move {
            if idle {
                ambient::sleep(PAUSE).await;
            }
            let (level, timeout) = (Consistency::EVENTUAL, shared.limits.timeout_max);
            let answer = shared.query(ask, level, &who, timeout).await;
            let page = match answer {
                Ok(Answer::Changes(page)) => Ok(page),
                Ok(_) => Err(unexpected()),
                Err(status) => Err(status),
            };
            if page.is_err() {
                ambient::sleep(PAUSE).await;
            }
            (spec, page)
        }))
    }

    /// A page was read for a watch that is behind.
    async fn catch_up(
        &mut self,
        spec: Arc<Spec>,
        page: Result<ChangesResponse, Status>,
    ) -> Result<(), Ended> {
        let id = spec.id;
        // It may have ended while it was read for, and another may have got its number.
        let watch = self.watches.get_mut(&id).filter(|watch| Arc::ptr_eq(&watch.spec, &spec));
        let (Some(watch), Some(behind)) = (watch, self.behind.get_mut(&id)) else {
            return Ok(());
        };
        let page = match page {
            Ok(page) => page,
            Err(status) if denies(&status) => return self.deny(id, &status).await,
            Err(_) => return Ok(()),
        };
        let current = page.header.map_or(0, |header| header.revision);
        let facts = self.shared.facts();
        if page.compact_revision != 0 {
            let canceled = WatchResponse {
                header: Some(facts.header(current)),
                watch_id: id,
                canceled: true,
                compact_revision: page.compact_revision,
                cancel_reason: cut_reason(page.incarnation),
                ..WatchResponse::default()
            };
            self.remove(id);
            self.reply.send(frame(&canceled)).await?;
            return self.report().await;
        }
        behind.cut.extend(page.events);
        behind.next = (page.next_revision, page.next_sub);
        self.shared.hub.behind(&self.queue, &spec, page.next_revision);
        let whole = match page.next_sub {
            0 => behind.cut.len(),
            _ => behind.cut.partition_point(|event| event.revision() < page.next_revision),
        };
        let ready: Vec<_> = behind.cut.drain(..whole).collect();
        if page.next_sub == 0 {
            let (from, auth) = (page.next_revision, page.auth_revision);
            match self.shared.hub.enter(&self.queue, &spec, from, current, auth) {
                Entered::In(number) => {
                    watch.number = Some(number);
                    self.behind.remove(&id);
                }
                Entered::Behind | Entered::Full => behind.idle = ready.is_empty(),
            }
        }
        if let Some(last) = ready.last().map(Event::revision) {
            let encoded: Vec<Bytes> = ready.iter().map(events::encode).collect();
            let all = respond::Events::new(id, last, encoded.concat().into());
            let mut out = BytesMut::new();
            all.write(&mut out, &facts, spec.fragment);
            self.reply.send(out.freeze()).await?;
        }
        self.report().await
    }

    /// Ends a watch whose caller may not see it any more.
    async fn deny(&mut self, id: i64, status: &Status) -> Result<(), Ended> {
        self.remove(id);
        let canceled = WatchResponse {
            header: Some(self.shared.facts().header(0)),
            watch_id: id,
            canceled: true,
            cancel_reason: reason(status),
            ..WatchResponse::default()
        };
        self.reply.send(frame(&canceled)).await?;
        self.report().await
    }

    /// Answers the client that asked how far the stream has come, once no watch is behind and what
    /// was acknowledged before it asked was handed out: a client that waits for its own write knows
    /// by one answer.
    async fn report(&mut self) -> Result<(), Ended> {
        let Some(wanted) = self.progress.filter(|_| self.behind.is_empty()) else { return Ok(()) };
        let told = match self.watches.is_empty() {
            true => Progress::Nobody,
            false => self.shared.hub.progress(&self.queue, NONE, wanted),
        };
        if told == Progress::Waits {
            return Ok(());
        }
        self.progress = None;
        if told == Progress::Nobody {
            let response = WatchResponse {
                header: Some(self.shared.facts().header(wanted)),
                watch_id: NONE,
                ..WatchResponse::default()
            };
            self.reply.send(frame(&response)).await?;
        }
        Ok(())
    }

    /// Tells watches that asked for it that nothing happened.
    fn tick(&self) {
        for (id, watch) in &self.watches {
            if watch.spec.progress && watch.number.is_some() {
                self.shared.hub.progress(&self.queue, *id, 0);
            }
        }
    }
}

/// Whether a query was refused because of who asked.
fn denies(status: &Status) -> bool {
    matches!(status.code, Code::PermissionDenied | Code::Unauthenticated)
        || status.text == Error::UserEmpty.text()
}

/// As etcd's own client writes an error: it compares the whole text to know what to do.
fn reason(status: &Status) -> String {
    format!("rpc error: code = {:?} desc = {}", status.code, status.text)
}

/// What is on its way, if something is.
async fn due<T>(coming: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match coming {
        Some(coming) => coming.await,
        None => std::future::pending().await,
    }
}

/// Why a watch ends that goes on from before a cut of history; nothing if that is not why.
fn cut_reason(incarnation: u64) -> String {
    match incarnation {
        0 => String::new(),
        of => format!(
            "quorate: history was cut: this is incarnation {of}, and what was seen before it may \
             never have been: read the keys anew"
        ),
    }
}
