//! Word of changes, for those who wait: one reader for each keyspace that somebody waits in.
//!
//! The reader goes on from where the replica of this node stands, at level eventual, when the node
//! says that it has applied something. It ends when nobody waits any more.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use database::{Answer, Request};
use kernel::Duration;
use layers::coordination::{
    Answer as Told, Ask, ChangesRequest, ChangesResponse, Query, QueryReply, StatusRequest,
};
use prost::Message;
use tokio::sync::{broadcast, watch};

use super::own;
use crate::{Backend, ambient, http::recipe::Goal};

/// How many pages who waits may be behind; one who is further behind looks again anyway.
const PAGES: usize = 64;
/// How long a question of the reader may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Where this node has no replica, nobody says that there is something new.
const POLL: Duration = Duration::from_millis(20);
/// Where it has one, a look now and then costs nothing.
const LOOK: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(50);

/// What changed: revision, kind and key of each; `None` if that is not known.
type Page = Option<Arc<Vec<(i64, i32, Bytes)>>>;

/// The readers.
#[derive(Debug, Default)]
pub struct Pulses(Arc<Mutex<BTreeMap<String, Beat>>>);

#[derive(Debug)]
struct Beat {
    pages: broadcast::Sender<Page>,
    /// Whether it is known from where on changes are read.
    ready: watch::Receiver<bool>,
}

/// One who waits.
#[derive(Debug)]
pub struct Pulse(broadcast::Receiver<Page>);

type Beats = Mutex<BTreeMap<String, Beat>>;

fn lock(beats: &Beats) -> MutexGuard<'_, BTreeMap<String, Beat>> {
    beats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulses {
    /// Joins: whatever happens from now on is heard of.
    pub async fn join<B: Backend>(&self, backend: &B, keyspace: &str) -> Pulse {
        let (pulse, mut ready) = {
            let mut beats = lock(&self.0);
            let beat = beats.entry(keyspace.to_owned()).or_insert_with(|| {
                let (told, ready) = watch::channel(false);
                let pages = broadcast::Sender::new(PAGES);
                let reader = Reader {
                    backend: backend.clone(),
                    keyspace: keyspace.to_owned(),
                    beats: Arc::clone(&self.0),
                    pages: pages.clone(),
                };
                ambient::spawn(reader.run(told));
                Beat { pages, ready }
            });
            (Pulse(beat.pages.subscribe()), beat.ready.clone())
        };
        // A reader that has ended was of nobody; then every look says so.
        let _ = ready.wait_for(|ready| *ready).await;
        pulse
    }
}

impl Pulse {
    /// Waits for a change behind a revision that concerns a goal, or may.
    pub async fn concerned(&mut self, goal: &Goal, behind: i64) {
        loop {
            match self.0.recv().await {
                Ok(Some(page)) => {
                    let new = |(at, kind, key): &(i64, i32, Bytes)| {
                        *at > behind && goal.concerns(*kind, key)
                    };
                    if page.iter().any(new) {
                        return;
                    }
                }
                Ok(None) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                // Cannot be while we are subscribed; looking again and again is not the answer.
                Err(broadcast::error::RecvError::Closed) => ambient::sleep(LOOK).await,
            }
        }
    }
}

struct Reader<B> {
    backend: B,
    keyspace: String,
    beats: Arc<Beats>,
    pages: broadcast::Sender<Page>,
}

impl<B: Backend> Reader<B> {
    async fn run(self, ready: watch::Sender<bool>) {
        let mut changes = self.backend.changes(&self.keyspace);
        let mut next = loop {
            if self.over() {
                return;
            }
            match self.ask(Ask::Status(StatusRequest {})).await {
                Some(Told::Status(status)) => {
                    break (status.header.map_or(0, |header| header.revision) + 1, 0);
                }
                _ => ambient::sleep(PAUSE).await,
            }
        };
        ready.send_replace(true);
        while !self.over() {
            let here = *changes.borrow_and_update() > 0;
            let more = match self.page(next).await {
                Some(page) => {
                    self.tell(&page);
                    next = (page.next_revision, page.next_sub);
                    if page.compact_revision != 0 {
                        next = (page.compact_revision, 0);
                    }
                    page.more || page.compact_revision != 0
                }
                None => {
                    let _ = self.pages.send(None);
                    ambient::sleep(PAUSE).await;
                    false
                }
            };
            if !more {
                let wait = if here { LOOK } else { POLL };
                if ambient::within(wait, changes.changed()).await.is_some_and(|told| told.is_err())
                {
                    ambient::sleep(POLL).await;
                }
            }
        }
    }

    /// Whether nobody waits any more; then this reader is forgotten.
    fn over(&self) -> bool {
        let mut beats = lock(&self.beats);
        let over = self.pages.receiver_count() == 0;
        if over {
            beats.remove(&self.keyspace);
        }
        over
    }

    fn tell(&self, page: &ChangesResponse) {
        let of = |event: &layers::coordination::Event| {
            let kv = event.kv.as_ref()?;
            Some((kv.mod_revision, event.r#type, kv.key.clone()))
        };
        let changed: Vec<_> = page.events.iter().filter_map(of).collect();
        // Nobody who listens is nobody to tell.
        if page.compact_revision != 0 {
            let _ = self.pages.send(None);
        } else if !changed.is_empty() {
            let _ = self.pages.send(Some(Arc::new(changed)));
        }
    }

    async fn page(&self, next: (i64, u32)) -> Option<ChangesResponse> {
        let request = ChangesRequest::of_all(next);
        match self.ask(Ask::Changes(request)).await? {
            Told::Changes(page) => Some(page),
            _ => None,
        }
    }

    async fn ask(&self, ask: Ask) -> Option<Told> {
        let query = Query::from(ask).encode_to_vec().into();
        let call = own(&self.keyspace, query, TIMEOUT);
        match self.backend.ask(Request::Call(call)).await {
            Answer::Done(done) => QueryReply::read(&done.body).ok()?.into_result().ok(),
            _ => None,
        }
    }
}
