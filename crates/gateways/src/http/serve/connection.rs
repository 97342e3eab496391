//! One connection, from its first request to its last.

use std::{convert::Infallible, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch};

use super::{Shared, patient::Patient, request};
use crate::{
    Backend,
    http::{Problem, code::Code},
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
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(request::respond(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max)
        // A client that has said everything may still listen, as `nc` does.
        .half_close(true)
        .pipeline_flush(true)
        .serve_connection(io, service);
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
    shared.tally.closed();
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
