//! One HTTP/1.1 connection to a collector.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use kernel::Duration;
use prost::Message;
use tokio::{net::TcpStream, time::timeout};

use super::{proto::ExportResponse, target::Target};

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 10;

/// What became of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The collector took it, but for so many items.
    Taken {
        /// Items that it refused.
        rejected: u64,
    },
    /// It may take it later.
    Later {
        /// Why it did not.
        why: String,
        /// When it wants to be asked again, if it said so.
        after: Option<Duration>,
    },
    /// It will never take this.
    Never(String),
}

/// Sends bodies to one path of a collector, one at a time.
#[derive(Debug)]
pub struct Post {
    target: Target,
    path: String,
    limit: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Post {
    /// Nothing is connected before the first body. An export takes at most `limit`.
    #[must_use]
    pub fn new(target: Target, signal: &str, limit: Duration) -> Post {
        let path = format!("{}/v1/{signal}", target.prefix);
        Post { target, path, limit, connection: None }
    }

    /// Sends one export.
    pub async fn send(&mut self, body: Bytes) -> Outcome {
        let limit = self.limit;
        match timeout(limit, self.exchange(body)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => self.broken(why),
            Err(_) => self.broken(format!("no answer within {limit:?}")),
        }
    }

    fn broken(&mut self, why: String) -> Outcome {
        self.connection = None;
        Outcome::Later { why, after: None }
    }

    async fn exchange(&mut self, body: Bytes) -> Result<Outcome, String> {
        let request = Request::post(&self.path)
            .header(HOST, &self.target.authority)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(body))
            .map_err(text)?;
        let mut connection = match self.connection.take().filter(|open| !open.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.map_err(text)?;
        let answer = connection.send_request(request).await.map_err(text)?;
        let status = answer.status().as_u16();
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        self.connection = Some(connection);
        Ok(match status {
            200..300 => {
                let partial = ExportResponse::decode(body).ok().and_then(|a| a.partial_success);
                let rejected = partial.map_or(0, |partial| partial.rejected);
                Outcome::Taken { rejected: u64::try_from(rejected).unwrap_or(0) }
            }
            // The statuses that OTLP calls retryable.
            429 | 502..505 => Outcome::Later { why: format!("status {status}"), after },
            _ => Outcome::Never(format!("status {status}")),
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(&self.target.authority).await.map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
        // Ends with the connection: an error there is an error here.
        tokio::spawn(driver);
        Ok(connection)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
