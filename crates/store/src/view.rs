//! The window through which a program sees its shard.
//!
//! A view belongs to one command at one version. Reads see every earlier command, also those of
//! the same batch that no engine holds yet; writes carry the command's version. Time is the
//! timestamp in the version, stamped once by the leader: every replica that applies the command
//! sees the same time.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;
use kernel::{Version, clock::hybrid::Timestamp};

use crate::{
    engine::{EngineError, ScanRange},
    mvcc::Stored,
};

/// What a program stores. It writes itself behind its evidence, so that it is copied once.
pub trait Record {
    /// How many bytes it takes.
    fn size(&self) -> usize;

    /// Appends these bytes.
    fn write(&self, out: &mut Vec<u8>);
}

impl Record for Bytes {
    fn size(&self) -> usize {
        self.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// Keys and what stands under them. An item is an error only if the engine cannot read.
pub type Pairs<'a> = Box<dyn Iterator<Item = Result<(Bytes, Stored), EngineError>> + 'a>;

/// What a program may do with its shard while it executes one command.
///
/// Every method fails only if the engine does; the command is then not applied at all.
pub trait View {
    /// The version of the command: what it writes carries it.
    fn version(&self) -> Version;

    /// The time of the command. Never a clock.
    fn now(&self) -> Timestamp;

    /// The live value of a key. A deadline that has passed hides nothing by itself: a program
    /// that uses deadlines compares them with [`View::now`].
    ///
    /// # Errors
    /// If the engine cannot read.
    fn get(&mut self, key: &[u8]) -> Result<Option<Stored>, EngineError>;

    /// Sets a key, its value and its deadline (`None` removes one).
    ///
    /// # Errors
    /// If the engine cannot read.
    fn put(
        &mut self,
        key: &[u8],
        value: &dyn Record,
        deadline: Option<Timestamp>,
    ) -> Result<(), EngineError>;

    /// Sets a key that is not there. Saves the lookup of [`View::put`]: that the key is not there is
    /// the program's to know, as of a key that holds a number which only grows.
    ///
    /// # Errors
    /// If the engine cannot read.
    fn insert(&mut self, key: &[u8], value: &dyn Record) -> Result<(), EngineError>;

    /// Removes a key and returns whether there was one.
    ///
    /// # Errors
    /// If the engine cannot read.
    fn delete(&mut self, key: &[u8]) -> Result<bool, EngineError>;

    /// The keys of a range, in its order, read as they are asked for.
    fn scan(&mut self, range: ScanRange) -> Pairs<'_>;

    /// The first `limit` keys whose deadline is `upto` or earlier, earliest deadline first.
    ///
    /// # Errors
    /// If the engine cannot read.
    fn expired(&mut self, upto: Timestamp, limit: usize) -> Result<Vec<Bytes>, EngineError>;
}
