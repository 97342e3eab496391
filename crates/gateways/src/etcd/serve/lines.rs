//! Bodies of the JSON gateway: a document, or a line for each message of a stream.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::reply::Said;
use crate::etcd::{
    grpc::{Code, Messages, Status},
    json::{Shape, write},
};

/// A body.
pub enum Body {
    /// All of it.
    Whole(Option<Bytes>),
    /// A line for each message.
    Lines(Lines),
}

/// Lines, as messages come.
pub struct Lines {
    shape: &'static Shape,
    said: mpsc::Receiver<Said>,
    messages: Messages,
    ended: bool,
}

impl Lines {
    /// Messages of this shape.
    pub fn new(shape: &'static Shape, said: mpsc::Receiver<Said>) -> Lines {
        Lines { shape, said, messages: Messages::new(usize::MAX), ended: false }
    }

    fn text(&mut self, said: Said) -> String {
        let mut text = String::new();
        match said {
            Said::Messages(bytes) => {
                self.messages.push(bytes);
                while let Ok(Some(message)) = self.messages.take() {
                    let line = write(self.shape, message).unwrap_or_default();
                    text.push_str(&json!({ "result": line }).to_string());
                    text.push('\n');
                }
            }
            Said::End(status) => {
                self.ended = true;
                if status.code != Code::Ok {
                    text = format!("{}\n", json!({ "error": ended(&status) }));
                }
            }
        }
        text
    }
}

/// Why a call failed, as etcd's gateway tells it.
pub fn failed(status: &Status) -> Value {
    json!({ "error": status.text, "code": status.code as u8, "message": status.text })
}

/// Why a stream ended.
fn ended(status: &Status) -> Value {
    json!({
        "grpc_code": status.code as u8,
        "http_code": status.http(),
        "message": status.text,
        "http_status": hyper::StatusCode::from_u16(status.http())
            .ok()
            .and_then(|code| code.canonical_reason()),
    })
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let lines = match self.get_mut() {
            Body::Whole(whole) => return Poll::Ready(whole.take().map(|b| Ok(Frame::data(b)))),
            Body::Lines(lines) => lines,
        };
        while !lines.ended {
            let Some(said) = std::task::ready!(lines.said.poll_recv(cx)) else { break };
            let text = lines.text(said);
            if !text.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(text.into()))));
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Body::Whole(whole) => {
                hyper::body::SizeHint::with_exact(whole.as_ref().map_or(0, Bytes::len) as u64)
            }
            Body::Lines(_) => hyper::body::SizeHint::default(),
        }
    }
}
