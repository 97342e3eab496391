//! What a log entry holds: the command, its request id and its hybrid timestamp.

use bytes::Bytes;
use kernel::{RequestId, clock::hybrid::Timestamp, wire::crc32c};
use prost::{Message, Oneof};

/// The data of a log entry.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// When, by the leader's hybrid clock; never smaller than the entry before.
    #[prost(fixed64, tag = "1")]
    pub timestamp: u64,
    /// The client's id; empty for what the leader does by itself.
    #[prost(bytes = "bytes", tag = "2")]
    pub request_id: Bytes,
    /// What to do.
    #[prost(oneof = "Do", tags = "3, 4, 5, 6, 7")]
    pub act: Option<Do>,
}

/// What an entry may do.
#[derive(Clone, PartialEq, Oneof)]
pub enum Do {
    /// Run the keyspace's program.
    #[prost(bytes = "bytes", tag = "3")]
    Program(Bytes),
    /// Settle the fate of the request id: if it has not taken effect, it never will.
    #[prost(bool, tag = "4")]
    Fence(bool),
    /// Compare states: after this index the digest was this one.
    #[prost(message, tag = "5")]
    Digest(Digest),
    /// History is cut here: what follows is of this incarnation.
    #[prost(uint64, tag = "6")]
    Cut(u64),
    /// The same, and the program of the keyspace ends what the lost part may have left behind.
    #[prost(uint64, tag = "7")]
    Sever(u64),
}

/// The digest of a shard's history up to an index.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Digest {
    /// After which entry.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// The digest.
    #[prost(fixed64, tag = "2")]
    pub digest: u64,
}

impl Command {
    /// A client's command.
    #[must_use]
    pub fn program(timestamp: Timestamp, id: &RequestId, command: Bytes) -> Command {
        let request_id = Bytes::copy_from_slice(id.as_bytes());
        Command { timestamp: timestamp.0, request_id, act: Some(Do::Program(command)) }
    }

    /// Settles a fate.
    #[must_use]
    pub fn fence(timestamp: Timestamp, id: &RequestId) -> Command {
        let request_id = Bytes::copy_from_slice(id.as_bytes());
        Command { timestamp: timestamp.0, request_id, act: Some(Do::Fence(true)) }
    }

    /// What the leader does by itself.
    #[must_use]
    pub fn own(timestamp: Timestamp, act: Do) -> Command {
        Command { timestamp: timestamp.0, request_id: Bytes::new(), act: Some(act) }
    }

    /// What tells two commands under one request id apart.
    #[must_use]
    pub fn fingerprint(command: &[u8]) -> u32 {
        crc32c(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_golden() {
        let sever = Command::own(Timestamp(1), Do::Sever(2)).encode_to_vec();
        assert_eq!(sever, [9, 1, 0, 0, 0, 0, 0, 0, 0, 56, 2]);
        let cut = Command::own(Timestamp(1), Do::Cut(2));
        let bytes = [9, 1, 0, 0, 0, 0, 0, 0, 0, 48, 2];
        assert_eq!(cut.encode_to_vec(), bytes);
        assert_eq!(Command::decode(&bytes[..]), Ok(cut));
    }
}
