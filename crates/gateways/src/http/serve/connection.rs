//! One connection, from its first request to its last.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use bytes::BytesMut;
use hyper::{
    server::conn::http1,
    service::service_fn,
    upgrade::{OnUpgrade, Parts},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch};

use super::{Shared, patient::Patient, request};
use crate::{
    Backend,
    http::{Problem, code::Code},
    pipe,
};

/// Serves one connection until either side closes it.
pub async fn run<B: Backend>(
    shared: Arc<Shared<B>>,
    stream: TcpStream,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are small and wait for nothing: delaying them for company would only add latency.
    let _ = stream.set_nodelay(true);
    shared.tally.opened();
    let limits = &shared.limits;
    let io = TokioIo::new(Patient::new(stream, limits.write_timeout));
    // Set by the request that makes a pipe of the connection: its last one.
    let upgrade = Arc::new(OnceLock::new());
    let service = service_fn(|request| {
        let (shared, upgrade) = (Arc::clone(&shared), Arc::clone(&upgrade));
        async move { Ok::<_, Infallible>(request::respond(&shared, request, &upgrade).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max)
        // A client that has said everything may still listen, as `nc` does.
        .half_close(true)
        .pipeline_flush(true)
        .serve_connection(io, service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // An error here is the client's doing (it hung up, it sent no HTTP); hyper has answered
        // what can be answered.
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    if let Some(upgrade) = Arc::into_inner(upgrade).and_then(OnceLock::into_inner) {
        serve_pipe(&shared, upgrade, stopped).await;
    }
    shared.tally.closed();
}

/// Goes on as a pipe, in the place of the HTTP connection that asked for it.
async fn serve_pipe<B: Backend>(
    shared: &Shared<B>,
    upgrade: OnUpgrade,
    stopped: watch::Receiver<bool>,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<Patient<TcpStream>>>() else {
        return;
    };
    let around = pipe::Around {
        backend: &shared.backend,
        limits: &shared.limits,
        tally: &shared.tally,
        meters: &shared.pipes,
        room: &shared.bodies,
    };
    let stream = io.into_inner().into_inner();
    pipe::run(around, stream, BytesMut::from(read_buf), stopped).await;
}

/// Answers 503 without reading anything, as far as the socket takes it at once.
pub fn refuse(stream: &TcpStream) {
    let problem = Problem::new(Code::TOO_MANY_CONNECTIONS, "close connections or ask another node");
    let body = problem.body();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.try_write(&[head.as_bytes(), &body].concat());
}
