//! What peers send, read on the worker's own thread.
//!
//! ```text
//!   listener task ── greets ──▶ arrivals ─▶ ┌ Reader ───────────────────────────┐
//!   inbox.push() ─────────────── waker ───▶ │ one poll: sockets and the inbox   │ ─▶ one batch
//!   peers' sockets ───────────────────────▶ │ one read per socket that is ready │
//!                                           └───────────────────────────────────┘
//! ```
//!
//! A message between two nodes wakes one thread, not two: waking costs more than reading does.
//! While the worker is busy what peers send gathers in the sockets, and the next batch takes it
//! with one read a peer; a worker that falls behind slows its peers' links down, whose queues are
//! bounded.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::BytesMut;
use database::{Envelope, link};
use kernel::{Duration, NodeId};
use mio::{Events, Interest, Poll, Token, Waker, net::TcpStream};
use tokio::{sync::oneshot, time::sleep};
use tracing::error;

use super::{Shared, incoming::End};
use crate::metrics::Metrics;

/// Bytes read at a time.
const READ: usize = 64 << 10;
/// Sockets that one poll tells of.
const EVENTS: usize = 64;
/// The waker's token; connections count from 1.
const BELL: Token = Token(0);

/// A connection whose peer has said who it is.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) peer: NodeId,
    pub(super) stream: std::net::TcpStream,
    /// What came behind the greeting.
    pub(super) buffer: BytesMut,
    /// Where the end is told.
    pub(super) end: oneshot::Sender<End>,
}

/// Connections on their way to the reader.
#[derive(Debug)]
pub(super) struct Arrivals {
    list: Mutex<Vec<Arrival>>,
    waker: Arc<Waker>,
}

impl Arrivals {
    pub(super) fn push(&self, arrival: Arrival) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
        // It fails only where the reader is gone: then the connection ends with the list.
        let _ = self.waker.wake();
    }

    fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Connection {
    peer: NodeId,
    stream: TcpStream,
    /// The beginning of a frame.
    buffer: BytesMut,
    /// The peer sends no more than what is already here.
    hung_up: bool,
    end: oneshot::Sender<End>,
}

/// All connections from peers.
#[derive(Debug)]
pub struct Reader {
    poll: Poll,
    events: Events,
    arrivals: Arc<Arrivals>,
    connections: BTreeMap<Token, Connection>,
    /// Connections that may hold more than was read.
    ready: Vec<Token>,
    tokens: usize,
    scratch: Vec<u8>,
    shared: Arc<Shared>,
}

/// The poll of a reader, before there is one.
#[derive(Debug)]
pub struct Bell {
    poll: Poll,
    arrivals: Arc<Arrivals>,
}

impl Bell {
    /// A poll that only its waker ends.
    ///
    /// # Errors
    /// If the system has none left.
    pub fn new() -> io::Result<Bell> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), BELL)?);
        Ok(Bell { poll, arrivals: Arc::new(Arrivals { list: Mutex::default(), waker }) })
    }

    /// What ends the poll.
    #[must_use]
    pub fn waker(&self) -> &Arc<Waker> {
        &self.arrivals.waker
    }

    pub(super) fn arrivals(&self) -> &Arc<Arrivals> {
        &self.arrivals
    }

    pub(super) fn reader(self, shared: Arc<Shared>) -> Reader {
        Reader {
            poll: self.poll,
            events: Events::with_capacity(EVENTS),
            arrivals: self.arrivals,
            connections: BTreeMap::new(),
            ready: Vec::new(),
            tokens: BELL.0,
            scratch: vec![0; READ],
            shared,
        }
    }
}

impl Reader {
    /// Waits until a peer has sent something or the waker is woken, at most so long (`None`: for
    /// ever).
    pub fn wait(&mut self, wait: Option<Duration>) {
        let wait = if self.ready.is_empty() { wait } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, wait) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            Err(error) => {
                // Nothing but a bug closes the poll's handle.
                error!(%error, "the sockets cannot be polled");
                self.events.clear();
            }
        }
    }

    /// Reads what is there and hands over the messages of each peer, in their order.
    pub fn read(&mut self, mut deliver: impl FnMut(NodeId, Vec<Envelope>)) {
        let mut ready = std::mem::take(&mut self.ready);
        let mut arrived = false;
        for event in &self.events {
            let token = event.token();
            arrived |= token == BELL;
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.hung_up |= event.is_read_closed();
                if !ready.contains(&token) {
                    ready.push(token);
                }
            }
        }
        self.events.clear();
        if arrived {
            for arrival in self.arrivals.take() {
                self.adopt(arrival, &mut deliver);
            }
        }
        for token in ready {
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            match connection.read(&mut self.scratch, &self.shared, &mut deliver) {
                Ok(false) => {}
                Ok(true) => self.ready.push(token),
                Err(end) => self.end(token, end),
            }
        }
    }

    /// Takes a connection in. The peer's older one ends: it is gone on the other side, whatever it
    /// seems here.
    fn adopt(&mut self, arrival: Arrival, deliver: &mut impl FnMut(NodeId, Vec<Envelope>)) {
        let Arrival { peer, stream, buffer, end } = arrival;
        self.connections.retain(|_, older| older.peer != peer);
        self.tokens += 1;
        let token = Token(self.tokens);
        let mut stream = TcpStream::from_std(stream);
        let registered = self.poll.registry().register(&mut stream, token, Interest::READABLE);
        let mut connection = Connection { peer, stream, buffer, hung_up: false, end };
        let begun = match registered {
            Ok(()) => connection.take(0, &self.shared, deliver),
            Err(error) => Err(error.into()),
        };
        self.connections.insert(token, connection);
        match begun {
            Ok(()) => self.ready.push(token),
            Err(end) => self.end(token, end),
        }
    }

    fn end(&mut self, token: Token, end: End) {
        if let Some(connection) = self.connections.remove(&token) {
            // The task that asked ends with the listener.
            let _ = connection.end.send(end);
        }
    }
}

impl Connection {
    /// Reads once; whether there may be more.
    fn read(
        &mut self,
        scratch: &mut [u8],
        shared: &Arc<Shared>,
        deliver: &mut impl FnMut(NodeId, Vec<Envelope>),
    ) -> Result<bool, End> {
        let size = match self.stream.read(scratch) {
            Ok(0) => return Err(End::Closed),
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        self.buffer.extend_from_slice(&scratch[..size]);
        Metrics::count(&shared.metrics.received, self.peer, size);
        self.take(size, shared, deliver)?;
        // More that comes is an event of its own; an end that has come is not.
        Ok(size == scratch.len() || self.hung_up)
    }

    /// Takes the whole frames off the buffer.
    fn take(
        &mut self,
        size: usize,
        shared: &Arc<Shared>,
        deliver: &mut impl FnMut(NodeId, Vec<Envelope>),
    ) -> Result<(), End> {
        let mut messages = Vec::new();
        let broken = loop {
            match link::take_envelope(&mut self.buffer) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let peer = self.peer;
        if !messages.is_empty() && !shared.chaos.cuts_from(peer) {
            match shared.chaos.delay_from(peer) {
                None => deliver(peer, messages),
                Some(by) => {
                    let later = Arc::clone(shared);
                    shared.runtime.spawn(async move {
                        sleep(by).await;
                        (later.deliver)(peer, messages, size as u64);
                    });
                }
            }
        }
        broken.map_or(Ok(()), |error| Err(error.into()))
    }
}
