//! Watching from inside the gateway: for who waits for a lock, or observes an election.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use contract::Consistency;
use kernel::Duration;
use layers::coordination::{Answer, Ask, Error, Event};
use prost::Message;

use super::{
    hub::Entered,
    queue::{Item, Queue},
    spec::Spec,
};
use crate::{
    Backend, ambient,
    etcd::{
        auth::Who,
        grpc::{Code, Status},
        serve::{Shared, unexpected},
        wire::WatchResponse,
    },
};

/// Before reading again where there was nothing to read.
const PAUSE: Duration = Duration::from_millis(20);

/// The changes of a key or a range, one after the other.
pub struct Follow<B: Backend> {
    shared: Arc<Shared<B>>,
    who: Who,
    spec: Arc<Spec>,
    queue: Arc<Queue>,
    /// The number in the hub, if it hands out; else it is read from `next` on.
    number: Option<u64>,
    next: (i64, u32),
    events: VecDeque<Event>,
}

impl<B: Backend> Follow<B> {
    /// Follows from the revision behind `seen` on.
    ///
    /// # Errors
    /// If there are no such keys.
    pub fn new(
        shared: &Arc<Shared<B>>,
        key: Bytes,
        range_end: Bytes,
        who: &Who,
        seen: i64,
    ) -> Result<Follow<B>, Status> {
        let spec = Spec::inside(key, range_end)
            .map_err(|reason| Status::new(Code::InvalidArgument, reason))?;
        let mut follow = Follow {
            shared: Arc::clone(shared),
            who: who.clone(),
            spec: Arc::new(spec),
            queue: shared.hub.queue(),
            number: None,
            next: (seen.saturating_add(1), 0),
            events: VecDeque::new(),
        };
        // The node sees everything, whatever changes. Anybody else is asked for first.
        let auth = match who {
            Some(who) if who.node => shared.known.revision(),
            _ => 0,
        };
        follow.enter(seen, auth);
        Ok(follow)
    }

    fn enter(&mut self, current: i64, auth: u64) {
        let entered = self.shared.hub.enter(&self.queue, &self.spec, self.next.0, current, auth);
        if let Entered::In(number) = entered {
            self.number = Some(number);
        }
    }

    /// The next change.
    ///
    /// # Errors
    /// If it was compacted, or changes cannot be read.
    pub async fn next(&mut self) -> Result<Event, Status> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            match self.number {
                Some(_) => self.wait().await,
                None => self.read().await?,
            }
        }
    }

    async fn wait(&mut self) {
        self.queue.filled().await;
        let (items, behind) = self.queue.take();
        for item in items {
            if let Item::Events { events, .. } = item
                && let Ok(response) = WatchResponse::decode(events)
            {
                self.events.extend(response.events);
            }
        }
        if let Some((_, revision)) = behind.first() {
            (self.number, self.next) = (None, (*revision, 0));
        }
    }

    async fn read(&mut self) -> Result<(), Status> {
        let ask = Ask::Changes(self.spec.changes(self.next.0, self.next.1));
        let timeout = self.shared.limits.timeout_max;
        let level = Consistency::EVENTUAL;
        let told = self.shared.query(ask, level, &self.who, timeout).await?;
        let Answer::Changes(page) = told else { return Err(unexpected()) };
        if page.compact_revision != 0 {
            return Err(Error::Compacted.into());
        }
        self.events.extend(page.events);
        self.next = (page.next_revision, page.next_sub);
        if page.next_sub == 0 {
            self.enter(page.header.map_or(0, |header| header.revision), page.auth_revision);
        }
        if self.number.is_none() && self.events.is_empty() {
            ambient::sleep(PAUSE).await;
        }
        Ok(())
    }
}

impl<B: Backend> Drop for Follow<B> {
    fn drop(&mut self) {
        self.number.into_iter().for_each(|number| self.shared.hub.leave(number));
    }
}
