//! The body of a response: known as a whole, or flowing for as long as somebody reads.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{mpsc, watch};

/// The word that the server stops.
type Stopped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A body.
pub enum Flow {
    /// All of it.
    Whole(Full<Bytes>),
    /// Piece by piece, until the sender is dropped or the server stops: an open stream must not
    /// hold up the end of a process.
    Stream(mpsc::Receiver<Bytes>, Stopped),
}

impl Flow {
    /// A body that comes piece by piece. How many pieces may wait is the channel's bound; a reader
    /// that takes none for [`Limits::write_timeout`](super::Limits::write_timeout) is hung up on.
    pub fn stream(pieces: mpsc::Receiver<Bytes>, mut stopped: watch::Receiver<bool>) -> Flow {
        let stopped = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        Flow::Stream(pieces, Box::pin(stopped))
    }
}

impl From<Full<Bytes>> for Flow {
    fn from(whole: Full<Bytes>) -> Flow {
        Flow::Whole(whole)
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Flow::Whole(whole) => Pin::new(whole).poll_frame(context),
            Flow::Stream(pieces, stopped) => {
                if stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                pieces.poll_recv(context).map(|piece| Some(Ok(Frame::data(piece?))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Flow::Whole(whole) if whole.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Flow::Whole(whole) => whole.size_hint(),
            Flow::Stream(..) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_stream_ends_with_its_sender_and_with_the_server() {
        let (stop, stopped) = watch::channel(false);
        let (send, pieces) = mpsc::channel(4);
        let flow = Flow::stream(pieces, stopped.clone());
        send.send(Bytes::from_static(b"a")).await.unwrap();
        send.send(Bytes::from_static(b"b")).await.unwrap();
        drop(send);
        assert_eq!(flow.collect().await.unwrap().to_bytes(), "ab");
        let (_open, pieces) = mpsc::channel(4);
        let flow = Flow::stream(pieces, stopped);
        stop.send(true).unwrap();
        assert!(flow.collect().await.unwrap().to_bytes().is_empty());
    }
}
