//! Frames between nodes.
//!
//! A link is a stream of bytes from one node to another. It starts with a [`Hello`], so that a
//! node of another cluster, a newer format or a stranger is refused before anything it says is
//! believed; then come frames. Every frame is sealed (version, kind, CRC-32C), because TCP's
//! checksum misses damage that real networks make.
//!
//! ```text
//!   ├ length u32 ┼ seal ┼ prost body ┤├ length u32 ┼ …
//! ```

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};
use kernel::{
    ClusterId, Incarnation, NodeId,
    wire::{self, SEAL_LEN, SealError},
};
use prost::Message;

use crate::message::Envelope;

/// The newest version of the format between nodes.
pub const FORMAT: u8 = 1;
/// The longest frame, in bytes, without its length.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

const KIND_HELLO: u8 = b'H';
const KIND_ENVELOPE: u8 = b'E';
const LENGTH: usize = 4;

/// Why a link is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// A length beyond [`FRAME_BYTES_MAX`].
    TooLong(usize),
    /// A bad seal.
    Seal(SealError),
    /// The body is not what it should be.
    Body,
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
            LinkError::TooLong(length) => write!(f, "a frame of {length} bytes is too long"),
            LinkError::Seal(error) => write!(f, "bad frame: {error}"),
            LinkError::Body => f.write_str("bad frame: the body does not decode"),
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
        put_frame(KIND_HELLO, &wire, into);
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
    put_frame(KIND_ENVELOPE, envelope, into);
}

fn put_frame(kind: u8, body: &impl Message, into: &mut Vec<u8>) {
    let start = into.len();
    let length = SEAL_LEN + body.encoded_len();
    into.reserve(LENGTH + length);
    into.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    into.extend_from_slice(&[0, 0, 0, 0, FORMAT, kind, 0, 0]);
    body.encode_raw(into);
    let crc = wire::crc32c(&into[start + LENGTH + 4..]);
    into[start + LENGTH..start + LENGTH + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Cuts the next frame off a stream; `None` until it is whole.
fn take_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, LinkError> {
    let Some(length) = buffer.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(LinkError::TooLong(length));
    }
    if buffer.len() < LENGTH + length {
        return Ok(None);
    }
    buffer.advance(LENGTH);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Takes the hello off a stream; `None` until it is whole.
///
/// # Errors
/// If the first frame is no hello; the link must be closed.
pub fn take_hello(buffer: &mut BytesMut) -> Result<Option<Hello>, LinkError> {
    let Some(frame) = take_frame(buffer)? else { return Ok(None) };
    let (_, body) = wire::unseal(FORMAT, KIND_HELLO, &frame).map_err(LinkError::Seal)?;
    let wire = HelloWire::decode(body).map_err(|_| LinkError::Body)?;
    let cluster: [u8; 16] = wire.cluster.as_slice().try_into().map_err(|_| LinkError::Body)?;
    Ok(Some(Hello {
        cluster: ClusterId(u128::from_be_bytes(cluster)),
        incarnation: Incarnation(wire.incarnation),
        from: NodeId(wire.from),
        to: NodeId(wire.to),
    }))
}

/// Takes the next envelope off a stream; `None` until it is whole.
///
/// # Errors
/// If the stream is not what a peer sends; the link must be closed.
pub fn take_envelope(buffer: &mut BytesMut) -> Result<Option<Envelope>, LinkError> {
    let Some(frame) = take_frame(buffer)? else { return Ok(None) };
    wire::unseal(FORMAT, KIND_ENVELOPE, &frame).map_err(LinkError::Seal)?;
    Envelope::decode(frame.slice(SEAL_LEN..)).map(Some).map_err(|_| LinkError::Body)
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
        assert!(matches!(take_hello(&mut garbage), Err(LinkError::TooLong(_))));
    }

    #[test]
    fn damage_is_noticed() {
        let mut stream = Vec::new();
        put_envelope(&Envelope { shard: 3, body: None }, &mut stream);
        for at in LENGTH..stream.len() {
            let mut buffer = BytesMut::from(&stream[..]);
            buffer[at] ^= 1;
            assert!(take_envelope(&mut buffer).is_err(), "byte {at}");
        }
    }
}
