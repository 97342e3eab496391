//! The way to one peer: a connection that is made again and again, and a bounded queue.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use database::link::Hello;
use kernel::{Duration, NodeId, Rng};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::Notify,
    time::{sleep, timeout},
};
use tracing::{debug, info};
use vigil::{Event, Severity};

use super::Shared;
use crate::{ambient, metrics::Metrics};

const CONNECT: Duration = Duration::from_secs(2);
/// A peer whose socket takes nothing for so long is not there.
const STALL: Duration = Duration::from_secs(5);
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Buffers above this are not kept for the next batch.
const BUFFER_KEPT: usize = 1 << 20;

/// Frames on their way to one peer.
#[derive(Debug)]
pub struct Link {
    peer: NodeId,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Something is in the queue.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    stream: Option<Arc<TcpStream>>,
    /// Batches of whole frames, oldest first.
    queue: VecDeque<Vec<u8>>,
    /// How much of the oldest batch was written.
    written: usize,
    /// Bytes in the queue.
    queued: usize,
}

impl Link {
    /// A link without a connection.
    #[must_use]
    pub fn new(peer: NodeId, shared: Arc<Shared>) -> Link {
        Link { peer, shared, state: Mutex::default(), wake: Notify::new() }
    }

    /// To whom.
    #[must_use]
    pub fn peer(&self) -> NodeId {
        self.peer
    }

    /// Bytes that wait because the socket did not take them.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.lock().queued
    }

    /// Sends whole frames, or queues what the socket does not take; leaves `frames` empty.
    pub fn push(&self, frames: &mut Vec<u8>) {
        let size = frames.len();
        let metrics = &self.shared.metrics;
        let mut state = self.lock();
        if state.stream.is_none() || self.shared.chaos.cuts_to(self.peer) {
            frames.clear();
            Metrics::count(&metrics.dropped, self.peer, size);
            return;
        }
        let written = if state.queue.is_empty() { state.write_now(frames) } else { 0 };
        if written < size {
            if state.queue.is_empty() {
                state.written = written;
            }
            state.queued += size;
            state.queue.push_back(std::mem::take(frames));
            let dropped = state.shrink(self.shared.queue_max);
            drop(state);
            Metrics::count(&metrics.dropped, self.peer, dropped);
            self.wake.notify_one();
        } else {
            drop(state);
        }
        Metrics::count(&metrics.sent, self.peer, size);
        frames.clear();
        if frames.capacity() > BUFFER_KEPT {
            *frames = Vec::new();
        }
    }

    fn attach(&self, stream: Arc<TcpStream>) {
        *self.lock() = State { stream: Some(stream), ..State::default() };
        let metrics = &self.shared.metrics;
        metrics.connects.get_or_create(&[("peer", self.peer.0)]).inc();
        metrics.connected.get_or_create(&[("peer", self.peer.0)]).set(1);
        let event =
            Event::new("peer-connected", Severity::Info, format!("connected to {}", self.peer));
        self.shared.flight.record(event.with("peer", self.peer.to_string()));
        info!(peer = %self.peer, "connected to peer");
    }

    /// Forgets the connection and what waited for it.
    pub(super) fn detach(&self) {
        let dropped = std::mem::take(&mut *self.lock());
        let metrics = &self.shared.metrics;
        Metrics::count(&metrics.dropped, self.peer, dropped.queued);
        metrics.connected.get_or_create(&[("peer", self.peer.0)]).set(0);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the queue out; an error if the connection is gone or stalls.
    async fn drain(&self, stream: &TcpStream) -> io::Result<()> {
        while self.lock().write_queue(stream)? {
            timeout(STALL, stream.writable()).await??;
        }
        Ok(())
    }
}

impl State {
    /// How much of a buffer the socket takes at once. Errors are found by the link's task.
    fn write_now(&self, frames: &[u8]) -> usize {
        self.stream.as_ref().and_then(|stream| stream.try_write(frames).ok()).unwrap_or(0)
    }

    /// Writes from the front of the queue; whether something is left.
    fn write_queue(&mut self, stream: &TcpStream) -> io::Result<bool> {
        while let Some(batch) = self.queue.front() {
            match stream.try_write(&batch[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
            if self.written == batch.len() {
                self.written = 0;
                self.queued -= batch.len();
                self.queue.pop_front();
            }
        }
        Ok(false)
    }

    /// Drops the oldest batches until the queue fits; how many bytes. A batch that was written in
    /// part must be finished, else the peer would lose its place in the stream.
    fn shrink(&mut self, queue_max: usize) -> usize {
        let first = usize::from(self.written > 0);
        let mut dropped = 0;
        while self.queued > queue_max && self.queue.len() > first + 1 {
            let size = self.queue.remove(first).map_or(0, |batch| batch.len());
            self.queued -= size;
            dropped += size;
        }
        dropped
    }
}

/// Connects, and connects again when the connection ends, until the task is aborted.
pub(super) async fn keep_connected(link: Arc<Link>, address: String) {
    let mut rng = Rng::new(ambient::seed());
    let mut backoff = BACKOFF_MIN;
    let clock = link.shared.clock;
    loop {
        let begun = clock.instant();
        match timeout(CONNECT, connect(&link, &address)).await {
            Ok(Ok(stream)) => {
                let stream = Arc::new(stream);
                link.attach(Arc::clone(&stream));
                let end = serve(&link, &stream).await;
                link.detach();
                let text = format!("the connection to {} ended: {end}", link.peer);
                let event = Event::new("peer-lost", Severity::Warning, text);
                link.shared.flight.record(event.with("peer", link.peer.to_string()));
                info!(peer = %link.peer, end = %end, "connection to peer ended");
            }
            Ok(Err(error)) => debug!(peer = %link.peer, address, %error, "cannot connect"),
            Err(_) => debug!(peer = %link.peer, address, "connecting took too long"),
        }
        // A peer that refuses us at once is not to be asked in a tight loop.
        let lasted = clock.instant().since(begun) >= BACKOFF_MAX;
        backoff = if lasted { BACKOFF_MIN } else { (backoff * 2).min(BACKOFF_MAX) };
        rest(&link.shared.greeted, rng.duration(backoff / 2, backoff)).await;
    }
}

/// Waits, and no longer than until a peer connects: one that was restarted knows no leader until
/// it is talked to, and holds up its clients until then.
pub(super) async fn rest(greeted: &Notify, whole: Duration) {
    let greeted = greeted.notified();
    let floor = whole.min(BACKOFF_MIN);
    // Two nodes that hang up on each other's words must not chase one another.
    sleep(floor).await;
    let _ = timeout(whole.saturating_sub(floor), greeted).await;
}

async fn connect(link: &Link, address: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let me = link.shared.me;
    let hello =
        Hello { cluster: me.cluster, incarnation: me.incarnation, from: me.node, to: link.peer };
    let mut frame = Vec::new();
    hello.encode(&mut frame);
    stream.write_all(&frame).await?;
    Ok(stream)
}

/// Serves one connection to its end and tells why it ended.
async fn serve(link: &Link, stream: &TcpStream) -> io::Error {
    loop {
        tokio::select! {
            () = link.wake.notified() => {
                if let Err(error) = link.drain(stream).await {
                    return error;
                }
            }
            end = ended(stream) => return end,
        }
    }
}

/// Waits until the peer closes. It never says anything on this connection.
async fn ended(stream: &TcpStream) -> io::Error {
    loop {
        if let Err(error) = stream.readable().await {
            return error;
        }
        match stream.try_read(&mut [0; 1]) {
            Ok(0) => return ErrorKind::UnexpectedEof.into(),
            Ok(_) => return io::Error::other("the peer spoke out of turn"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return error,
        }
    }
}
