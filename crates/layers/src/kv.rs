//! Keys and values: put, delete, compare-and-set on the version, atomic batches, TTL, get, scan.
//!
//! A TTL becomes a deadline by the timestamp of the log entry. A key is gone when the log says
//! so: the leader proposes [`Command::expire`] for what is due, and that command, not any clock,
//! removes it. Reads therefore agree on every replica, whatever their clocks say; a leader whose
//! clock is off expires early or late by as much.

mod command;
mod query;

pub use command::{
    Act, Command, Condition, Delete, If, KEY_BYTES_MAX, OPERATIONS_MAX, Operation, Outcome, Put,
    Reply, Status, VALUE_BYTES_MAX,
};
pub use query::{
    Ask, Get, HISTORY_ITEMS_MAX, History, Item, Page, Query, QueryReply, SCAN_ITEMS_MAX, Scan,
};
