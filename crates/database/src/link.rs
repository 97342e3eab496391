//! Frames between nodes.
//!
//! A link is a stream of bytes from one node to another. It starts with a [`Hello`], so that a
//! node of another cluster, a newer format or a stranger is refused before anything it says is
//! believed; then come envelopes, each in a frame of [`kernel::wire`].

use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;
use kernel::{
    ClusterId, Incarnation, NodeId,
    wire::{FrameError, Framing},
};
use prost::Message;

use crate::message::Envelope;

/// The newest version of the format between nodes.
pub const FORMAT: u8 = 1;
/// The longest frame, in bytes, without its length.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

const KIND_HELLO: u8 = b'H';
const KIND_ENVELOPE: u8 = b'E';
const FRAMING: Framing = Framing { version: FORMAT, bytes_max: FRAME_BYTES_MAX };

/// Why a link is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// What came is no frame of this format.
    Frame(FrameError),
    /// A hello that is none.
    Hello,
    /// The peer belongs to another cluster.
    Cluster(ClusterId),
    /// The peer wanted another node.
    Addressee(NodeId),
    /// The peer lives in another incarnation.
    Incarnation(Incarnation),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Frame(error) => error.fmt(f),
            LinkError::Hello => f.write_str("the hello names no cluster"),
            LinkError::Cluster(id) => write!(f, "the peer belongs to cluster {id}"),
            LinkError::Addressee(node) => write!(f, "the peer wanted {node}"),
            LinkError::Incarnation(i) => write!(f, "the peer lives in incarnation {}", i.0),
        }
    }
}

impl core::error::Error for LinkError {}

/// The first frame of a link, from the side that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The cluster of the sender.
    pub cluster: ClusterId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The sender.
    pub from: NodeId,
    /// Whom it wants.
    pub to: NodeId,
}

#[derive(Clone, PartialEq, Message)]
struct HelloWire {
    #[prost(bytes = "vec", tag = "1")]
    cluster: Vec<u8>,
    #[prost(uint64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    from: u64,
    #[prost(uint64, tag = "4")]
    to: u64,
}

impl Hello {
    /// The frame to send first.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let wire = HelloWire {
            cluster: self.cluster.0.to_be_bytes().to_vec(),
            incarnation: self.incarnation.0,
            from: self.from.0,
            to: self.to.0,
        };
        FRAMING.put(KIND_HELLO, &wire, into);
    }

    /// Checks that the peer may talk to this node.
    ///
    /// # Errors
    /// Names what does not match.
    pub fn check(
        &self,
        node: NodeId,
        cluster: ClusterId,
        inc: Incarnation,
    ) -> Result<(), LinkError> {
        if self.cluster != cluster {
            return Err(LinkError::Cluster(self.cluster));
        }
        if self.to != node || !self.from.is_some() || self.from == node {
            return Err(LinkError::Addressee(self.to));
        }
        if self.incarnation != inc {
            return Err(LinkError::Incarnation(self.incarnation));
        }
        Ok(())
    }
}

/// Appends an envelope as a frame.
pub fn put_envelope(envelope: &Envelope, into: &mut Vec<u8>) {
    FRAMING.put(KIND_ENVELOPE, envelope, into);
}

/// Takes the hello off a stream; `None` until it is whole.
///
/// # Errors
/// If the first frame is no hello; the link must be closed.
pub fn take_hello(buffer: &mut BytesMut) -> Result<Option<Hello>, LinkError> {
    let taken = FRAMING.take(KIND_HELLO, buffer).map_err(LinkError::Frame)?;
    let Some(HelloWire { cluster, incarnation, from, to }) = taken else { return Ok(None) };
    let cluster: [u8; 16] = cluster.as_slice().try_into().map_err(|_| LinkError::Hello)?;
    Ok(Some(Hello {
        cluster: ClusterId(u128::from_be_bytes(cluster)),
        incarnation: Incarnation(incarnation),
        from: NodeId(from),
        to: NodeId(to),
    }))
}

/// Takes the next envelope off a stream; `None` until it is whole.
///
/// # Errors
/// If the stream is not what a peer sends; the link must be closed.
pub fn take_envelope(buffer: &mut BytesMut) -> Result<Option<Envelope>, LinkError> {
    FRAMING.take(KIND_ENVELOPE, buffer).map_err(LinkError::Frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello { cluster: ClusterId(7), incarnation: Incarnation(1), from: NodeId(2), to: NodeId(1) }
    }

    #[test]
    fn frames_survive_any_cut_of_the_stream() {
        let mut stream = Vec::new();
        hello().encode(&mut stream);
        put_envelope(&Envelope::default(), &mut stream);
        for cut in 0..stream.len() {
            let mut buffer = BytesMut::from(&stream[..cut]);
            let early = take_hello(&mut buffer).unwrap();
            buffer.extend_from_slice(&stream[cut..]);
            let hello_seen = early.or_else(|| take_hello(&mut buffer).unwrap());
            assert_eq!(hello_seen, Some(hello()));
            assert_eq!(take_envelope(&mut buffer), Ok(Some(Envelope::default())));
        }
    }

    #[test]
    fn strangers_are_refused() {
        let (node, cluster, incarnation) = (NodeId(1), ClusterId(7), Incarnation(1));
        assert_eq!(hello().check(node, cluster, incarnation), Ok(()));
        let other = Hello { cluster: ClusterId(8), ..hello() };
        let refused = other.check(node, cluster, incarnation);
        assert_eq!(refused, Err(LinkError::Cluster(ClusterId(8))));
        let mut garbage = BytesMut::from(&b"GET / HTTP/1.1\r\n\r\n"[..]);
        assert!(matches!(take_hello(&mut garbage), Err(LinkError::Frame(FrameError::TooLong(_)))));
    }
}
