//! Coordination: etcd's data model, with locks and elections as commands.
//!
//! # The model
//!
//! A keyspace has one *revision*, which every command that changes something moves by one. A key
//! knows the revision that made it, the one that last set it, how often it was set since, and the
//! lease that it ends with. Every revision stays readable until it is compacted, and the changes of
//! each can be read in order: that is what watches are served from. Reads as of a revision, mini
//! transactions with compares, and the errors are etcd's, down to the texts.
//!
//! # How it lies on the view
//!
//! ```text
//!   m                    → revision, compacted, swept, leases      one record, one write a batch
//!   k key                → record: the newest                      a read of now is one lookup
//!   h key, ended at      → sub: which change of that ended it      a read of the past is one seek
//!   r revision, sub      → put or delete, key, record: what was    the order of changes
//!                          there before
//!   l lease              → time granted and left, last renewal
//!   a lease, key         → ()                                      what ends with a lease
//!   i                    → how far an import has come
//!   s, u user, p role    → who may do what: `auth`
//!
//!   put of a new key       k                      r               (a)
//!   put of an old key      k   h: ended by r      r: as it was    (a)
//!   delete                 −   h: ended by r      r: as it was    (−)
//! ```
//!
//! The newest record stands under its key, so ranges of now read neighbours and know nothing of
//! history. A put looks up one key, whose record it needs anyway, and makes two or three writes;
//! the number is written once for all commands of a batch. A value is stored once, and copied once
//! if something replaces it, to the end of the table of changes. Little of what lies there is merged
//! again when more comes behind it, while what is sorted by key is, and that holds numbers alone.
//! The past of a key at revision v is the oldest record that ended after v, as in the store beneath;
//! a removal needs no tombstone, and ranges of now never walk over one.
//! etcd keeps values by revision and finds them through an index in memory: it writes as much,
//! looks up each key of a range on its own, and its memory grows with its keys.
//!
//! The store can keep superseded values too (`history` of a contract), but by time, and at twice
//! the cost for records that are kept here already: a contract for this program leaves it out.
//!
//! # The rooms
//!
//! `apply` and `answer` are the doors. `check` refuses what is wrong in itself, `txn`, `queue`,
//! `recipe`, `lease`, `compact` and `import` carry out, `draft` gathers what they change until nothing can
//! fail any more, `range`, `past` and `log` read, `follow` tells the leader what concerns its clock,
//! `told` tells who watches what changed.
//! `auth` says who may, `cut` ends what a lost history may have left behind.

mod answer;
mod apply;
mod auth;
mod check;
mod compact;
mod cut;
mod draft;
mod error;
mod follow;
mod import;
mod keys;
mod lease;
pub mod limits;
mod log;
mod look;
mod meta;
mod past;
mod plan;
mod queue;
mod range;
mod recipe;
mod told;
mod txn;
mod wire;

pub(crate) use cut::cut;

pub use auth::{command_of_anybody, query_of_anybody};
pub use error::{Code, Error};
pub use follow::{LeaseChange, keeps_alive, lease_changes, renews, timed, unswept};
pub use told::{Stretch, Told};
pub use wire::*;
