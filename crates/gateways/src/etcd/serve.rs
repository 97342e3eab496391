//! The hands: one socket, two protocols.
//!
//! ```text
//!   accept ─▶ which protocol? ─┬─ HTTP/2 ─▶ connection ─▶ calls, streams
//!                              └─ HTTP/1 ─▶ json
//! ```

mod connection;
mod gather;
mod http1;
mod inbound;
mod keyspace;
mod leader;
mod lines;
mod outbox;
mod reply;
mod shared;
mod task;

use std::{io, sync::Arc};

use kernel::Duration;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{figures::Figures, limits::Limits, watch};
use crate::{Backend, ambient};

pub use inbound::Inbound;
pub use reply::{Ended, Reply};
pub use shared::{Shared, unexpected};

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI";
/// Between looks at a connection that has said less than that.
const POLL: Duration = Duration::from_millis(10);

/// Serves etcd's clients on a keyspace until `stop` completes, then lets calls under way end for at
/// most [`Limits::drain`] and returns.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: B,
    keyspace: &str,
    limits: Limits,
    figures: Figures,
    stop: impl Future<Output = ()> + Send,
) {
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let shared = Arc::new(Shared::new(backend, keyspace, limits, figures));
    // The first answer names the cluster, too.
    shared.look().await;
    let upkeep = [
        ambient::spawn_until(Arc::clone(&shared).refresh()),
        ambient::spawn_until(watch::read(Arc::clone(&shared))),
    ];
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => admit(&shared, &room, stream),
            Err(error) => pause(&error).await,
        }
    }
    drop(listener);
    shared.stop();
    let all = u32::try_from(shared.limits.connections_max).unwrap_or(u32::MAX);
    let _ = ambient::within(shared.limits.drain, room.acquire_many(all)).await;
    upkeep.iter().for_each(tokio::task::AbortHandle::abort);
}

fn admit<B: Backend>(shared: &Arc<Shared<B>>, room: &Arc<Semaphore>, stream: TcpStream) {
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
        shared.figures.refused.add(1);
        return;
    };
    let shared = Arc::clone(shared);
    ambient::spawn(async move {
        // Answers are small and wait for nothing: delaying them for company would add latency.
        let _ = stream.set_nodelay(true);
        shared.figures.connections.add(1);
        match ambient::within(shared.limits.open_timeout, speaks_http2(&stream)).await {
            Some(Ok(true)) => connection::run(Arc::clone(&shared), stream).await,
            Some(Ok(false)) => http1::run(Arc::clone(&shared), stream).await,
            Some(Err(_)) | None => {}
        }
        shared.figures.connections.sub(1);
        drop(permit);
    });
}

/// Looks at the first bytes and leaves them where they are.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[..seen] != PREFACE[..seen] {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        ambient::sleep(POLL).await;
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
        ambient::sleep(Duration::from_millis(50)).await;
    }
}
