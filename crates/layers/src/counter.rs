//! Counters: named sums. Add and read.

use alloc::{format, string::String};

use bytes::Bytes;
use prost::{Enumeration, Message};
use store::{
    engine::{EngineError, Read},
    mvcc::Reader,
    view::View,
};

use crate::Rejected;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 4 << 10;

/// Adds to a counter; a counter that was never added to stands at 0.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// Which counter.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// How much; may be negative.
    #[prost(sint64, tag = "2")]
    pub by: i64,
}

/// How an addition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Status {
    /// It took effect.
    Ok = 0,
    /// The sum would leave the range of 64 bits; nothing changed.
    Overflow = 1,
}

/// The answer to an addition or a read.
#[derive(Clone, PartialEq, Message)]
pub struct Reply {
    /// How it ended.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// The sum after it.
    #[prost(sint64, tag = "2")]
    pub value: i64,
    /// The version of the sum ([`kernel::Version::to_bytes`]); empty if never added to.
    #[prost(bytes = "bytes", tag = "3")]
    pub version: Bytes,
}

/// Reads a counter.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    /// Which counter.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
}

impl Command {
    /// Decodes and checks limits.
    ///
    /// # Errors
    /// If the bytes are no command or a limit is passed.
    pub fn read(bytes: &Bytes) -> Result<Command, Rejected> {
        let command = Command::decode(bytes.clone())
            .map_err(|e| Rejected(format!("not a counter command: {e}")))?;
        check_name(&command.name)?;
        Ok(command)
    }

    pub(crate) fn apply(&self, view: &mut dyn View) -> Result<Bytes, EngineError> {
        let before = view.get(&self.name)?.map_or(0, |stored| sum(&stored.value));
        let reply = match before.checked_add(self.by) {
            Some(value) => {
                let stored = Bytes::copy_from_slice(&value.to_be_bytes());
                view.put(&self.name, &stored, None)?;
                let version = Bytes::copy_from_slice(&view.version().to_bytes());
                Reply { status: Status::Ok as i32, value, version }
            }
            None => Reply { status: Status::Overflow as i32, value: before, version: Bytes::new() },
        };
        Ok(reply.encode_to_vec().into())
    }
}

impl Query {
    /// Decodes and checks limits.
    ///
    /// # Errors
    /// If the bytes are no query or a limit is passed.
    pub fn read(bytes: &Bytes) -> Result<Query, Rejected> {
        let query = Query::decode(bytes.clone())
            .map_err(|e| Rejected(format!("not a counter query: {e}")))?;
        check_name(&query.name)?;
        Ok(query)
    }

    pub(crate) fn answer<R: Read>(&self, reader: &Reader<'_, R>) -> Result<Bytes, EngineError> {
        let reply = match reader.get(&self.name)? {
            None => Reply::default(),
            Some(stored) => Reply {
                status: Status::Ok as i32,
                value: sum(&stored.value),
                version: Bytes::copy_from_slice(&stored.version.to_bytes()),
            },
        };
        Ok(reply.encode_to_vec().into())
    }
}

impl Reply {
    /// Decodes a reply.
    ///
    /// # Errors
    /// If the bytes are no reply.
    pub fn read(bytes: &Bytes) -> Result<Reply, Rejected> {
        Reply::decode(bytes.clone()).map_err(|e| Rejected(format!("not a counter reply: {e}")))
    }

    /// Why nothing was changed, for the person who must act; `None` if the addition took effect.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let over = self.status() == Status::Overflow;
        let sum = self.value;
        over.then(|| format!("the sum is {sum} and would leave 64 bits; nothing was changed"))
    }
}

fn check_name(name: &Bytes) -> Result<(), Rejected> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Rejected(format!(
            "a name has 1 to {NAME_BYTES_MAX} bytes, not {}",
            name.len()
        )));
    }
    Ok(())
}

fn sum(stored: &[u8]) -> i64 {
    stored.try_into().map_or(0, i64::from_be_bytes)
}
