//! What a client has seen and written, as a token that any node and any gateway understands.
//!
//! A session holds, per shard, the log index that the client must not fall behind. It is opaque
//! to clients and small: the shards a client touched lately, newest last.

use alloc::{string::String, vec::Vec};
use core::fmt;

use kernel::{Incarnation, ShardId, wire};
use prost::Message;

const FORMAT: u8 = 1;
const KIND: u8 = b'S';
/// More shards than this and the one touched longest ago is forgotten only by refusing: a
/// session that silently forgot would break its promise.
const SHARDS_MAX: usize = 64;

/// A client's position in each shard it touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    incarnation: Incarnation,
    seen: Vec<(ShardId, u64)>,
}

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// Not a token, or damaged.
    Malformed,
    /// The token belongs to a history that was cut (restore or forced recovery).
    Incarnation {
        /// The token's.
        token: Incarnation,
        /// The cluster's.
        cluster: Incarnation,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Malformed => f.write_str("the session token is malformed"),
            SessionError::Incarnation { token, cluster } => write!(
                f,
                "the session token is of incarnation {} and the cluster is at {}: start a new \
                 session",
                token.0, cluster.0
            ),
        }
    }
}

impl core::error::Error for SessionError {}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(uint64, tag = "1")]
    incarnation: u64,
    #[prost(uint64, repeated, tag = "2")]
    shards: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    indexes: Vec<u64>,
}

impl Session {
    /// A client that has seen nothing.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Session {
        Session { incarnation, seen: Vec::new() }
    }

    /// Which history the token speaks of.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The index that a replica of this shard must have applied before it may answer.
    #[must_use]
    pub fn index(&self, shard: ShardId) -> u64 {
        self.seen.iter().find(|(id, _)| *id == shard).map_or(0, |(_, index)| *index)
    }

    /// Takes note of an answer from a shard.
    pub fn observe(&mut self, shard: ShardId, index: u64) {
        match self.seen.iter_mut().find(|(id, _)| *id == shard) {
            Some((_, seen)) => *seen = (*seen).max(index),
            None => self.seen.push((shard, index)),
        }
    }

    /// Whether one more shard still fits the token.
    #[must_use]
    pub fn has_room(&self, shard: ShardId) -> bool {
        self.seen.len() < SHARDS_MAX || self.seen.iter().any(|(id, _)| *id == shard)
    }

    /// The token: URL-safe, no padding.
    #[must_use]
    pub fn token(&self) -> String {
        let wire = Wire {
            incarnation: self.incarnation.0,
            shards: self.seen.iter().map(|(shard, _)| shard.0).collect(),
            indexes: self.seen.iter().map(|(_, index)| *index).collect(),
        };
        let sealed = wire::seal(FORMAT, KIND, &wire.encode_to_vec());
        let mut text = String::with_capacity(sealed.len() * 2);
        for byte in sealed {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// Reads a token.
    ///
    /// # Errors
    /// Of anything that [`Session::token`] did not write.
    pub fn parse(text: &str) -> Result<Session, SessionError> {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some((hex(high)? << 4 | hex(low)?) as u8),
                _ => None,
            })
            .collect();
        let bytes = bytes.ok_or(SessionError::Malformed)?;
        let (_, body) = wire::unseal(FORMAT, KIND, &bytes).map_err(|_| SessionError::Malformed)?;
        let wire = Wire::decode(body).map_err(|_| SessionError::Malformed)?;
        if wire.shards.len() != wire.indexes.len() || wire.shards.len() > SHARDS_MAX {
            return Err(SessionError::Malformed);
        }
        let seen = wire.shards.into_iter().map(ShardId).zip(wire.indexes).collect();
        Ok(Session { incarnation: Incarnation(wire.incarnation), seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_remembers_the_furthest_position_per_shard() {
        let mut session = Session::new(Incarnation(3));
        session.observe(ShardId(2), 17);
        session.observe(ShardId(9), 4);
        session.observe(ShardId(2), 11);
        let read = Session::parse(&session.token()).unwrap();
        assert_eq!(read, session);
        assert_eq!((read.index(ShardId(2)), read.index(ShardId(5))), (17, 0));
    }

    #[test]
    fn anything_else_is_malformed() {
        let token = Session::new(Incarnation(1)).token();
        for bad in ["", "zz", &token[1..], &token.replace('0', "1")] {
            assert_eq!(Session::parse(bad), Err(SessionError::Malformed), "{bad}");
        }
    }
}
