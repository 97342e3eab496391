//! Connections from peers: limited, greeted, handed to the reader.

use std::{fmt, io, sync::Arc};

use bytes::BytesMut;
use database::link::{self, Hello, LinkError};
use kernel::{Duration, NodeId, wire::FrameError};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{info, warn};
use vigil::{Event, Severity};

use super::{
    Shared,
    reader::{Arrival, Arrivals},
};

/// A stranger gets so long to say who it is.
const GREETING: Duration = Duration::from_secs(3);
/// … and so many bytes.
const GREETING_BYTES: usize = 4 << 10;
/// Rest after an accept that failed (no file handles left, say).
const REST: Duration = Duration::from_millis(100);

/// Why a connection from a peer ended.
#[derive(Debug)]
pub(super) enum End {
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

/// Accepts until the task is aborted; greetings end with it.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>, arrivals: Arc<Arrivals>) {
    let seats = Arc::new(Semaphore::new(shared.connections_max));
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
        let (shared, arrivals) = (Arc::clone(&shared), Arc::clone(&arrivals));
        tasks.spawn(async move {
            let _seat = seat;
            serve(stream, &shared, &arrivals).await;
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared, arrivals: &Arrivals) {
    let address = stream.peer_addr().map_or_else(|_| "?".to_owned(), |a| a.to_string());
    let mut buffer = BytesMut::with_capacity(GREETING_BYTES);
    let greeting = timeout(GREETING, greet(&mut stream, &mut buffer, shared)).await;
    let end = match greeting.unwrap_or(Err(End::Slow)) {
        Ok(peer) => {
            shared.greeted.notify_waiters();
            info!(%peer, address, "a peer connected");
            match hand_over(stream, buffer, peer, arrivals).await {
                Some(end) => end,
                None => return,
            }
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

/// Gives the connection to the worker's thread and waits for its end; `None` if it was dropped
/// there, because the peer has a newer one or the worker ends.
async fn hand_over(
    stream: TcpStream,
    buffer: BytesMut,
    peer: NodeId,
    arrivals: &Arrivals,
) -> Option<End> {
    let (end, ended) = oneshot::channel();
    match stream.into_std() {
        Ok(stream) => arrivals.push(Arrival { peer, stream, buffer, end }),
        Err(error) => return Some(error.into()),
    }
    ended.await.ok()
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
