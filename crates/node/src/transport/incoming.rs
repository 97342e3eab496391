//! Connections from peers: greeted, limited, read in batches.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::BytesMut;
use database::link::{self, Hello, LinkError};
use kernel::{Duration, NodeId, wire::FrameError};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tracing::{info, warn};
use vigil::{Event, Severity};

use super::Shared;
use crate::metrics::Metrics;

/// A stranger gets so long to say who it is.
const GREETING: Duration = Duration::from_secs(3);
/// … and so many bytes.
const GREETING_BYTES: usize = 4 << 10;
/// Bytes read at a time.
const READ: usize = 64 << 10;
/// Rest after an accept that failed (no file handles left, say).
const REST: Duration = Duration::from_millis(100);

/// The newest connection of every peer.
type Newest = Mutex<BTreeMap<NodeId, AbortHandle>>;

/// Why a connection from a peer ended.
#[derive(Debug)]
enum End {
    Closed,
    Io(io::Error),
    Link(LinkError),
    Slow,
    Chatter,
}

impl End {
    fn reason(&self) -> &'static str {
        match self {
            End::Closed => "closed",
            End::Io(_) => "io",
            End::Link(LinkError::Frame(FrameError::TooLong(_))) => "too-long",
            End::Link(LinkError::Frame(_) | LinkError::Hello) => "garbage",
            End::Link(LinkError::Cluster(_)) => "cluster",
            End::Link(LinkError::Addressee(_)) => "addressee",
            End::Link(LinkError::Incarnation(_)) => "incarnation",
            End::Slow => "slow-greeting",
            End::Chatter => "long-greeting",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Io(error) => write!(f, "{error}"),
            End::Link(error) => write!(f, "{error}"),
            other => f.write_str(other.reason()),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Io(error)
    }
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> End {
        End::Link(error)
    }
}

/// Accepts until the task is aborted; all connections end with it.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let seats = Arc::new(Semaphore::new(shared.connections_max));
    let newest: Arc<Newest> = Arc::default();
    let mut tasks = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "cannot accept a peer");
                    sleep(REST).await;
                    continue;
                }
            },
            Some(_) = tasks.join_next() => continue,
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            shared.metrics.refuse_link("too-many");
            continue;
        };
        let (shared, newest) = (Arc::clone(&shared), Arc::clone(&newest));
        let (give, taken) = tokio::sync::oneshot::channel();
        let task = tasks.spawn(async move {
            let _seat = seat;
            if let Ok(own) = taken.await {
                serve(stream, &shared, &newest, own).await;
            }
        });
        // The task learns its own handle, so that a newer connection can end it.
        let _ = give.send(task);
    }
}

async fn serve(mut stream: TcpStream, shared: &Arc<Shared>, newest: &Newest, own: AbortHandle) {
    let address = stream.peer_addr().map_or_else(|_| "?".to_owned(), |a| a.to_string());
    let mut buffer = BytesMut::with_capacity(GREETING_BYTES);
    let greeting = timeout(GREETING, greet(&mut stream, &mut buffer, shared)).await;
    let end = match greeting.unwrap_or(Err(End::Slow)) {
        Ok(peer) => {
            replace(newest, peer, own);
            shared.greeted.notify_waiters();
            info!(%peer, address, "a peer connected");
            read(&mut stream, buffer, peer, shared).await
        }
        Err(end) => end,
    };
    shared.metrics.refuse_link(end.reason());
    match end {
        End::Closed => info!(address, "a peer's connection ended"),
        _ => {
            let (reason, text) = (end.reason(), format!("a connection was closed: {end}"));
            let host = address.rsplit_once(':').map_or("?", |(host, _)| host);
            let event = Event::new("link-refused", Severity::Warning, text)
                .with("reason", reason)
                .with("address", host);
            shared.flight.record_seldom(&format!("{reason} {host}"), event);
            warn!(address, reason, error = %end, "a peer's connection was closed");
        }
    }
}

/// Ends the peer's older connection: it is gone on the other side, whatever it seems here.
fn replace(newest: &Newest, peer: NodeId, own: AbortHandle) {
    let older = newest.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, own);
    if let Some(older) = older {
        older.abort();
    }
}

/// Reads the hello and checks it.
async fn greet(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    shared: &Shared,
) -> Result<NodeId, End> {
    let me = shared.me;
    loop {
        if let Some(hello) = link::take_hello(buffer)? {
            hello.check(me.node, me.cluster, me.incarnation)?;
            let Hello { from, .. } = hello;
            return Ok(from);
        }
        if buffer.len() >= GREETING_BYTES {
            return Err(End::Chatter);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(End::Closed);
        }
    }
}

/// Reads envelopes until the connection ends, and tells why it did.
async fn read(
    stream: &mut TcpStream,
    mut buffer: BytesMut,
    peer: NodeId,
    shared: &Arc<Shared>,
) -> End {
    loop {
        let before = buffer.len();
        let mut messages = Vec::new();
        loop {
            match link::take_envelope(&mut buffer) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return error.into(),
            }
        }
        if !messages.is_empty() {
            hand_over(shared, peer, messages, (before - buffer.len()) as u64);
        }
        buffer.reserve(READ);
        match stream.read_buf(&mut buffer).await {
            Ok(0) => return End::Closed,
            Ok(size) => Metrics::count(&shared.metrics.received, peer, size),
            Err(error) => return error.into(),
        }
    }
}

fn hand_over(shared: &Arc<Shared>, peer: NodeId, messages: Vec<database::Envelope>, bytes: u64) {
    if shared.chaos.cuts_from(peer) {
        return;
    }
    match shared.chaos.delay_from(peer) {
        None => (shared.deliver)(peer, messages, bytes),
        Some(by) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                sleep(by).await;
                (shared.deliver)(peer, messages, bytes);
            });
        }
    }
}
