//! Commands that change keys, and their replies.

use alloc::{format, string::String, vec, vec::Vec};

use bytes::Bytes;
use kernel::{
    Version,
    bug::{Bug, planted},
    clock::hybrid::Timestamp,
};
use prost::{Enumeration, Message, Oneof};
use store::{engine::EngineError, view::View};

use crate::Rejected;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 4 << 10;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// The most operations of one batch.
pub const OPERATIONS_MAX: usize = 512;
/// The most keys that one expiry removes, so that no command holds the replica for long.
const EXPIRED_MAX: usize = 256;

/// What must hold for an operation to take effect. All operations of a batch take effect or none.
#[derive(Clone, PartialEq, Message)]
pub struct Condition {
    /// What must hold.
    #[prost(oneof = "If", tags = "1, 2, 3")]
    pub only: Option<If>,
}

/// The conditions.
#[derive(Clone, PartialEq, Oneof)]
pub enum If {
    /// The key's version is this one ([`Version::to_bytes`]).
    #[prost(bytes = "bytes", tag = "1")]
    Version(Bytes),
    /// The key does not exist.
    #[prost(bool, tag = "2")]
    Absent(bool),
    /// The key exists.
    #[prost(bool, tag = "3")]
    Present(bool),
}

impl Condition {
    /// The key's version is this one.
    #[must_use]
    pub fn version(version: Version) -> Condition {
        let bytes = Bytes::copy_from_slice(&version.to_bytes());
        Condition { only: Some(If::Version(bytes)) }
    }

    /// The key does not exist.
    #[must_use]
    pub fn absent() -> Condition {
        Condition { only: Some(If::Absent(true)) }
    }

    /// The key exists.
    #[must_use]
    pub fn present() -> Condition {
        Condition { only: Some(If::Present(true)) }
    }

    fn holds(&self, current: Option<Version>) -> bool {
        match &self.only {
            None => true,
            Some(If::Version(bytes)) => current.is_some() && Version::from_bytes(bytes) == current,
            Some(If::Absent(_)) => current.is_none(),
            Some(If::Present(_)) => current.is_some(),
        }
    }
}

/// Sets a key.
#[derive(Clone, PartialEq, Message)]
pub struct Put {
    /// Which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Its new value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// How long it lives, in milliseconds; 0 for ever.
    #[prost(uint64, tag = "3")]
    pub ttl_ms: u64,
    /// What must hold.
    #[prost(message, optional, tag = "4")]
    pub condition: Option<Condition>,
}

/// Removes a key.
#[derive(Clone, PartialEq, Message)]
pub struct Delete {
    /// Which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// What must hold.
    #[prost(message, optional, tag = "2")]
    pub condition: Option<Condition>,
}

/// One operation of a batch.
#[derive(Clone, PartialEq, Message)]
pub struct Operation {
    /// What to do.
    #[prost(oneof = "Act", tags = "1, 2")]
    pub act: Option<Act>,
}

/// The operations.
#[derive(Clone, PartialEq, Oneof)]
pub enum Act {
    /// Sets a key.
    #[prost(message, tag = "1")]
    Put(Put),
    /// Removes a key.
    #[prost(message, tag = "2")]
    Delete(Delete),
}

impl From<Put> for Operation {
    fn from(put: Put) -> Operation {
        Operation { act: Some(Act::Put(put)) }
    }
}

impl From<Delete> for Operation {
    fn from(delete: Delete) -> Operation {
        Operation { act: Some(Act::Delete(delete)) }
    }
}

impl Operation {
    fn parts(&self) -> (&Bytes, Option<&Condition>) {
        static NO_KEY: Bytes = Bytes::new();
        match &self.act {
            Some(Act::Put(put)) => (&put.key, put.condition.as_ref()),
            Some(Act::Delete(delete)) => (&delete.key, delete.condition.as_ref()),
            None => (&NO_KEY, None),
        }
    }

    fn check(&self) -> Result<(), Rejected> {
        let (key, _) = self.parts();
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Rejected(format!(
                "a key has 1 to {KEY_BYTES_MAX} bytes, not {}",
                key.len()
            )));
        }
        match &self.act {
            Some(Act::Put(put)) if put.value.len() > VALUE_BYTES_MAX => Err(Rejected(format!(
                "a value has at most {VALUE_BYTES_MAX} bytes, not {}",
                put.value.len()
            ))),
            _ => Ok(()),
        }
    }
}

/// A batch of operations that takes effect as one, or an expiry.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// What to do, in order.
    #[prost(message, repeated, tag = "1")]
    pub operations: Vec<Operation>,
    /// Remove keys whose deadline is at most this timestamp; 0 for none.
    #[prost(fixed64, tag = "2")]
    pub expire_upto: u64,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Status {
    /// It took effect.
    Ok = 0,
    /// A condition did not hold; nothing changed.
    Conflict = 1,
}

/// What one operation found.
#[derive(Clone, PartialEq, Message)]
pub struct Outcome {
    /// Whether the key existed before.
    #[prost(bool, tag = "1")]
    pub existed: bool,
    /// Its version before, if it existed ([`Version::to_bytes`]).
    #[prost(bytes = "bytes", tag = "2")]
    pub previous: Bytes,
}

/// The answer to a command.
#[derive(Clone, PartialEq, Message)]
pub struct Reply {
    /// How it ended.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// The version of everything it wrote ([`Version::to_bytes`]).
    #[prost(bytes = "bytes", tag = "2")]
    pub version: Bytes,
    /// One per operation; after a conflict, of the operation whose condition did not hold.
    #[prost(message, repeated, tag = "3")]
    pub outcomes: Vec<Outcome>,
    /// After a conflict, the index of that operation.
    #[prost(uint32, tag = "4")]
    pub conflict: u32,
}

impl Command {
    /// A batch.
    #[must_use]
    pub fn batch(operations: Vec<Operation>) -> Command {
        Command { operations, expire_upto: 0 }
    }

    /// One operation.
    #[must_use]
    pub fn one(operation: impl Into<Operation>) -> Command {
        Command::batch(vec![operation.into()])
    }

    /// Removes what is due.
    #[must_use]
    pub fn expire(upto: Timestamp) -> Command {
        Command { operations: Vec::new(), expire_upto: upto.0 }
    }

    /// Decodes and checks limits.
    ///
    /// # Errors
    /// If the bytes are no command or a limit is passed.
    pub fn read(bytes: &Bytes) -> Result<Command, Rejected> {
        let command = Command::decode(bytes.clone())
            .map_err(|e| Rejected(format!("not a kv command: {e}")))?;
        if command.operations.len() > OPERATIONS_MAX {
            return Err(Rejected(format!("a batch has at most {OPERATIONS_MAX} operations")));
        }
        command.operations.iter().try_for_each(Operation::check)?;
        Ok(command)
    }

    /// Decodes what a client sent: when keys expire is not for clients to say.
    ///
    /// # Errors
    /// If the bytes are no command of a client or a limit is passed.
    pub fn of_client(bytes: &Bytes) -> Result<Command, Rejected> {
        let command = Command::read(bytes)?;
        if command.expire_upto > 0 {
            return Err(Rejected("a kv command of a client expires no keys".into()));
        }
        Ok(command)
    }

    /// Whether it holds nothing but deletes.
    pub(crate) fn frees(&self) -> bool {
        self.operations.iter().all(|operation| matches!(operation.act, Some(Act::Delete(_))))
    }

    pub(crate) fn apply(&self, view: &mut dyn View) -> Result<Bytes, EngineError> {
        if self.expire_upto > 0 {
            expire(Timestamp(self.expire_upto), view)?;
        }
        let mut reply = Reply::default();
        for (at, operation) in self.operations.iter().enumerate() {
            let (key, condition) = operation.parts();
            let current = view.get(key)?.map(|stored| stored.version);
            let outcome = Outcome {
                existed: current.is_some(),
                previous: current
                    .map(|v| Bytes::copy_from_slice(&v.to_bytes()))
                    .unwrap_or_default(),
            };
            let holds = condition.is_none_or(|condition| condition.holds(current));
            if !holds && !planted(Bug::ConditionIgnored) {
                reply.status = Status::Conflict as i32;
                reply.conflict = u32::try_from(at).unwrap_or(u32::MAX);
                reply.outcomes = vec![outcome];
                return Ok(reply.encode_to_vec().into());
            }
            reply.outcomes.push(outcome);
        }
        for operation in &self.operations {
            write(operation, view)?;
        }
        reply.version = Bytes::copy_from_slice(&view.version().to_bytes());
        Ok(reply.encode_to_vec().into())
    }
}

fn write(operation: &Operation, view: &mut dyn View) -> Result<(), EngineError> {
    match &operation.act {
        Some(Act::Put(put)) => {
            let now = view.now();
            let deadline = (put.ttl_ms > 0)
                .then(|| Timestamp::new(now.millis().saturating_add(put.ttl_ms), now.counter()));
            view.put(&put.key, &put.value, deadline)
        }
        Some(Act::Delete(delete)) => view.delete(&delete.key).map(drop),
        None => Ok(()),
    }
}

fn expire(upto: Timestamp, view: &mut dyn View) -> Result<(), EngineError> {
    for key in view.expired(upto, EXPIRED_MAX)? {
        kernel::sometimes!("kv: a key expired");
        view.delete(&key)?;
    }
    Ok(())
}

impl Reply {
    /// Decodes a reply.
    ///
    /// # Errors
    /// If the bytes are no reply.
    pub fn read(bytes: &Bytes) -> Result<Reply, Rejected> {
        Reply::decode(bytes.clone()).map_err(|e| Rejected(format!("not a kv reply: {e}")))
    }

    /// The version that the first operation found, or that of the condition that did not hold.
    #[must_use]
    pub fn found(&self) -> Option<Version> {
        self.outcomes.first().and_then(|outcome| Version::from_bytes(&outcome.previous))
    }

    /// Why nothing was changed, for the person who must act; `None` if the command took effect.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if self.status() == Status::Ok {
            return None;
        }
        Some(match self.found() {
            Some(version) => format!("the key's version is {version}; nothing was changed"),
            None => "the key does not exist; nothing was changed".into(),
        })
    }
}
