//! The hands: sockets in, sockets out.
//!
//! ```text
//!   accept ─▶ one more connection? ─▶ hyper ─▶ route ─▶ body (bounded, timed) ─▶ map
//!                │ no                                                            │
//!                ▼                                                               ▼
//!               503, close            socket ◀─ hyper ◀─ reply ◀─ Answer ◀─ Backend::ask
//! ```
//!
//! Everything that a client can make large or slow has a limit: connections, headers, bodies,
//! the time a head, a body or a reading client may take.

mod body;
mod connection;
mod flow;
mod follow;
mod limits;
mod patient;
mod recipe;
mod request;
mod tally;

use std::{io, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use super::route;
use crate::{Backend, ambient, measure::Meters, pipe};
pub(crate) use body::{Room, read as read_body};
pub use flow::Flow;
pub use limits::Limits;
pub(crate) use patient::Patient;
pub(crate) use tally::Tally;

/// What every connection shares.
struct Shared<B> {
    backend: B,
    limits: Limits,
    tally: Tally,
    meters: Meters,
    pipes: Meters,
    bodies: Room,
    /// Becomes true when the server stops.
    stopped: watch::Receiver<bool>,
    /// Word of changes, for requests that wait.
    pulses: recipe::Pulses,
    /// How many may wait.
    waiting: Semaphore,
}

/// Serves until `stop` completes, then lets requests in flight end for at most
/// [`Limits::drain`] and returns.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: B,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let (stopping, stopped) = watch::channel(false);
    let drain = limits.drain;
    let bodies = Room::new(limits.bodies_bytes_max);
    let waiting = Semaphore::new(limits.waiting_max);
    let pulses = recipe::Pulses::default();
    let tally = Tally::default();
    let stopped_too = stopped.clone();
    let shared = Arc::new(Shared {
        meters: Meters::new(backend.measures(), "http", route::operations()),
        pipes: pipe::meters(backend.measures()),
        backend,
        limits,
        tally,
        bodies,
        stopped: stopped_too,
        pulses,
        waiting,
    });
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => admit(&shared, &room, &stopped, stream),
            Err(error) => pause(&error).await,
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let all = u32::try_from(shared.limits.connections_max).unwrap_or(u32::MAX);
    let _ = ambient::within(drain, room.acquire_many(all)).await;
}

fn admit<B: Backend>(
    shared: &Arc<Shared<B>>,
    room: &Arc<Semaphore>,
    stopped: &watch::Receiver<bool>,
    stream: TcpStream,
) {
    match Arc::clone(room).try_acquire_owned() {
        Ok(permit) => {
            let (shared, stopped) = (Arc::clone(shared), stopped.clone());
            ambient::spawn(async move {
                connection::run(shared, stream, stopped).await;
                drop(permit);
            });
        }
        Err(_) => {
            shared.tally.refused();
            connection::refuse(&stream);
        }
    }
}

/// Out of file descriptors or memory: the next accept would fail as well, so wait a moment.
/// A connection that died in the queue is no reason to wait.
async fn pause(error: &io::Error) {
    let passing = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
    ];
    if !passing.contains(&error.kind()) {
        ambient::sleep(kernel::Duration::from_millis(50)).await;
    }
}
