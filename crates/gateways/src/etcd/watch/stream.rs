//! One stream of watches: what its client says, and what it is told.

use std::{pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use contract::Consistency;
use layers::coordination::{Answer, Ask, ChangesResponse, Error, Event};

use super::{
    PAUSE, events,
    queue::{Item, NONE, Queue},
    respond,
    said::{Looking, Said, Wish, look},
    spec::Spec,
    watches::{Paged, Turn, Watches},
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

/// A page that is being read for a watch that is behind.
type Reading = Pin<Box<dyn Future<Output = Read> + Send>>;
type Read = (Arc<Spec>, Result<ChangesResponse, Status>);

/// A stream of watches.
struct Stream<'a, B: Backend> {
    shared: Arc<Shared<B>>,
    who: Who,
    queue: Arc<Queue>,
    watches: Watches,
    reply: &'a mut Reply,
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
    let watches = Watches::new(Arc::clone(&queue), shared.limits.watches_max);
    let mut stream = Stream { shared, who, queue, watches, reply };
    stream.run(inbound).await
}

impl<B: Backend> Drop for Stream<'_, B> {
    fn drop(&mut self) {
        self.watches.end_all(&self.shared.hub);
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
                    self.watches.tick(&self.shared.hub);
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
                    if self.watches.end(&self.shared.hub, cancel.watch_id) {
                        let canceled = WatchResponse {
                            header: Some(self.shared.facts().header(current)),
                            watch_id: cancel.watch_id,
                            canceled: true,
                            ..WatchResponse::default()
                        };
                        out.extend_from_slice(&frame(&canceled));
                    }
                }
                Wish::Progress => self.watches.ask(current),
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
            Ok(auth) => {
                let begun = self.watches.begin(&self.shared.hub, request, current, auth);
                begun.map_err(str::to_owned)
            }
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

    /// Sends what the hub has handed out.
    async fn flush(&mut self) -> Result<(), Ended> {
        let facts = self.shared.facts();
        let mut items = self.watches.take(&self.shared.hub).into_iter().peekable();
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
                    let Some(spec) = self.watches.spec(id) else { continue };
                    let mut all = respond::Events::new(id, revision, events);
                    while let Some(Item::Events { id: next, revision, events }) =
                        items.next_if(|item| all.takes(item))
                    {
                        debug_assert_eq!(next, id);
                        all.add(revision, events);
                    }
                    all.write(&mut out, &facts, spec.fragment);
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
        let Turn { spec, request, idle } = self.watches.turn()?;
        let (ask, shared, who) =
            (Ask::Changes(request), Arc::clone(&self.shared), self.who.clone());
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
        // It may have ended while it was read for, and another may have got its number.
        if !self.watches.is_behind(&spec) {
            return Ok(());
        }
        let id = spec.id;
        let page = match page {
            Ok(page) => page,
            Err(status) if denies(&status) => return self.deny(id, &status).await,
            Err(_) => return Ok(()),
        };
        let current = page.header.map_or(0, |header| header.revision);
        let (compact_revision, incarnation) = (page.compact_revision, page.incarnation);
        let facts = self.shared.facts();
        match self.watches.page(&self.shared.hub, &spec, page) {
            Paged::Nothing => {}
            Paged::Events(ready) => {
                let last = ready.last().map_or(0, Event::revision);
                let encoded: Vec<Bytes> = ready.iter().map(events::encode).collect();
                let all = respond::Events::new(id, last, encoded.concat().into());
                let mut out = BytesMut::new();
                all.write(&mut out, &facts, spec.fragment);
                self.reply.send(out.freeze()).await?;
            }
            Paged::Compacted => {
                let canceled = WatchResponse {
                    header: Some(facts.header(current)),
                    watch_id: id,
                    canceled: true,
                    compact_revision,
                    cancel_reason: cut_reason(incarnation),
                    ..WatchResponse::default()
                };
                self.reply.send(frame(&canceled)).await?;
            }
        }
        self.report().await
    }

    /// Ends a watch whose caller may not see it any more.
    async fn deny(&mut self, id: i64, status: &Status) -> Result<(), Ended> {
        self.watches.end(&self.shared.hub, id);
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

    /// Answers the client that asked how far the stream has come, if it can be said.
    async fn report(&mut self) -> Result<(), Ended> {
        let Some(revision) = self.watches.report(&self.shared.hub) else { return Ok(()) };
        let header = Some(self.shared.facts().header(revision));
        let response = WatchResponse { header, watch_id: NONE, ..WatchResponse::default() };
        Ok(self.reply.send(frame(&response)).await?)
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
