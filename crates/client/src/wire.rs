//! One HTTP/1.1 connection, one request at a time.
//!
//! A general HTTP client hands every request through a channel to a task of its own; under load
//! that hand-over costs more than the request. This one writes and reads in the caller's task.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest head of an answer, in bytes.
const HEAD_MAX: usize = 64 << 10;
/// The longest body of an answer, in bytes.
const BODY_MAX: usize = 64 << 20;
/// The most headers of an answer.
const HEADERS_MAX: usize = 64;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    pub method: &'a str,
    /// Path and query, percent-encoded.
    pub target: &'a str,
    /// Names and values; the values hold no line breaks.
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
    pub etag: Option<String>,
    pub receipt: Option<String>,
    pub session: Option<String>,
    pub request_id: Option<String>,
    pub leader: Option<String>,
    pub expires: Option<String>,
    pub existed: bool,
    pub repeated: bool,
    /// Set by the caller that counts.
    pub attempts: u32,
    length: Option<usize>,
    close: bool,
    chunked: bool,
}

/// How far an exchange came before it failed.
#[derive(Debug)]
pub struct Broken {
    /// Whether the server may have read the request.
    pub sent: bool,
    /// Whether a part of an answer was there.
    pub answered: bool,
    pub error: io::Error,
}

/// An open connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
    /// Whether the connection has carried a request before.
    pub used: bool,
    /// Whether it can carry another.
    pub open: bool,
}

impl Wire {
    /// Connects.
    pub async fn connect(address: &str) -> io::Result<Wire> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = BytesMut::with_capacity(4 << 10);
        Ok(Wire { stream, buffer, used: false, open: true })
    }

    /// Sends a request and reads its answer. After an error the connection is of no use.
    pub async fn exchange(&mut self, host: &str, ask: &Ask<'_>) -> Result<Reply, Broken> {
        self.open = false;
        self.buffer.clear();
        let broken = |sent, answered| move |error| Broken { sent, answered, error };
        encode(&mut self.buffer, host, ask);
        self.stream.write_all(&self.buffer).await.map_err(broken(true, false))?;
        self.buffer.clear();
        let mut reply = loop {
            let read = self.stream.read_buf(&mut self.buffer).await;
            let answered = !self.buffer.is_empty();
            if read.map_err(broken(true, answered))? == 0 {
                return Err(broken(true, answered)(io::ErrorKind::UnexpectedEof.into()));
            }
            match decode(&mut self.buffer).map_err(broken(true, true))? {
                Some(reply) if reply.status >= 200 => break reply,
                // An interim answer; the real one follows.
                Some(_) | None => {}
            }
        };
        self.body(ask.method, &mut reply).await.map_err(broken(true, true))?;
        self.open = !reply.close;
        self.used = true;
        Ok(reply)
    }

    async fn body(&mut self, method: &str, reply: &mut Reply) -> io::Result<()> {
        if method == "HEAD" || matches!(reply.status, 204 | 304) {
            return Ok(());
        }
        if reply.chunked {
            return Err(invalid("a chunked body, which no gateway sends"));
        }
        let length = reply.length.unwrap_or(BODY_MAX);
        reply.close |= reply.length.is_none();
        if reply.length.is_some_and(|length| length > BODY_MAX) {
            return Err(invalid("a body over the limit"));
        }
        self.buffer.reserve(reply.length.unwrap_or(0).saturating_sub(self.buffer.len()));
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                if reply.length.is_some() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                break;
            }
        }
        let length = length.min(self.buffer.len());
        reply.body = self.buffer.split_to(length).freeze();
        Ok(())
    }
}

fn encode(buffer: &mut BytesMut, host: &str, ask: &Ask<'_>) {
    let mut put = |text: &str| buffer.extend_from_slice(text.as_bytes());
    for part in [ask.method, " ", ask.target, " HTTP/1.1\r\nhost: ", host, "\r\n"] {
        put(part);
    }
    for (name, value) in &ask.headers {
        for part in [name, ": ", value, "\r\n"] {
            put(part);
        }
    }
    if !ask.body.is_empty() || !matches!(ask.method, "GET" | "HEAD" | "DELETE") {
        put("content-length: ");
        put(&ask.body.len().to_string());
        put("\r\n");
    }
    put("\r\n");
    buffer.extend_from_slice(ask.body);
}

/// Takes a whole head off the buffer; `None` if there is none yet.
fn decode(buffer: &mut BytesMut) -> io::Result<Option<Reply>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() > HEAD_MAX => {
            return Err(invalid("a head over the limit"));
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(invalid(&error.to_string())),
    };
    let mut reply = Reply {
        status: response.code.unwrap_or(0),
        close: response.version == Some(0),
        ..Reply::default()
    };
    for header in response.headers.iter() {
        if let Ok(value) = std::str::from_utf8(header.value) {
            reply.take(header.name, value)?;
        }
    }
    let _ = buffer.split_to(length);
    Ok(Some(reply))
}

impl Reply {
    fn take(&mut self, name: &str, value: &str) -> io::Result<()> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let text = || Some(value.to_owned());
        if is("content-length") {
            let length = value.parse().map_err(|_| invalid("a wrong content-length"))?;
            self.length = Some(length);
        } else if is("etag") {
            self.etag = text();
        } else if is("quorate-receipt") {
            self.receipt = text();
        } else if is("quorate-session") {
            self.session = text();
        } else if is("idempotency-key") {
            self.request_id = text();
        } else if is("quorate-leader") {
            self.leader = text();
        } else if is("quorate-expires") {
            self.expires = text();
        } else if is("quorate-existed") {
            self.existed = value == "true";
        } else if is("quorate-repeated") {
            self.repeated = value == "true";
        } else if is("connection") {
            self.close |= value.eq_ignore_ascii_case("close");
        } else if is("transfer-encoding") {
            self.chunked = true;
        }
        Ok(())
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_golden() {
        let ask = Ask {
            method: "PUT",
            target: "/v1/kv/a/b",
            headers: vec![("idempotency-key", "k1")],
            body: b"value",
        };
        let mut buffer = BytesMut::new();
        encode(&mut buffer, "h:1", &ask);
        let text = "PUT /v1/kv/a/b HTTP/1.1\r\nhost: h:1\r\nidempotency-key: k1\r\n\
                    content-length: 5\r\n\r\nvalue";
        assert_eq!(buffer, text.as_bytes());
    }

    #[test]
    fn a_head_is_taken_whole_and_leaves_the_body() {
        let text = b"HTTP/1.1 201 Created\r\nETag: \"1-ff-7\"\r\nQuorate-Repeated: true\r\n\
                     Content-Length: 4\r\nConnection: close\r\n\r\nbody";
        let mut part = BytesMut::from(&text[..30]);
        assert_eq!(decode(&mut part).unwrap(), None);
        let mut whole = BytesMut::from(&text[..]);
        let reply = decode(&mut whole).unwrap().unwrap();
        assert_eq!((reply.status, reply.length), (201, Some(4)));
        assert_eq!(reply.etag.as_deref(), Some("\"1-ff-7\""));
        assert!(reply.repeated && reply.close);
        assert_eq!(whole, b"body"[..]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_handled(bytes: Vec<u8>) {
            let _ = decode(&mut BytesMut::from(&bytes[..]));
            let started = [b"HTTP/1.1 200 OK\r\ncontent-length: ", bytes.as_slice()].concat();
            let _ = decode(&mut BytesMut::from(&started[..]));
        }
    }
}
