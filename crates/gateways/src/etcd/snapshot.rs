//! Snapshot files of etcd 3.4 and 3.5, read and made.
//!
//! `etcdctl snapshot save` writes the pages of a member's store and their SHA-256. The store is a
//! file of B+trees, as bbolt lays them: a tree of buckets, and in each bucket a tree of keys.
//!
//! ```text
//!   page 0   meta    magic, page size, root, pages in all, transaction, checksum   ┐ the newer
//!   page 1   meta    as written by the transaction before                          ┘ one counts
//!   page …   branch  first key of a subtree → page
//!            leaf    key → value, or key → bucket (a page; small ones lie here)
//!            freelist   pages that no tree uses
//!            (a page that is too short goes on over the next ones)
//!   end      SHA-256 of all pages
//!
//!   root ─┬─ key      revision, sub, removed?  →  key, value, create and mod revision, version, lease
//!         ├─ lease    id                       →  seconds granted and left
//!         ├─ meta     up to where revisions are compacted, what the log has applied
//!         └─ members, cluster, auth, alarm …   not taken over: they belong to the cluster
//! ```
//!
//! Both ways keep what clients hold on to: create and mod revisions, versions, leases and the
//! revision of the whole. Both ways drop what stood before the newest state of a key.
//!
//! ```text
//!   file ─▶ Snapshot: survey, leases, keys in order ─▶ import
//!   Range at a revision, LeaseRecords ─▶ Builder ─▶ Download: length, pieces ─▶ file
//! ```
//!
//! Files may be longer than memory. Reading looks at a page when it is its turn, writing holds one
//! page of each level, and what comes in another order than it is needed in is sorted on a disk.
//!
//! # The rooms
//!
//! `page` and `meta` are the format of pages, `tree` reads and `layout` writes trees of them;
//! `record` is what etcd keeps in them. `read` is a whole snapshot, `write` makes one, `take` makes
//! one of a keyspace.

mod digest;
mod error;
mod layout;
mod meta;
mod page;
mod read;
mod record;
mod sort;
mod source;
mod take;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub use digest::Digest;
pub use error::Error;
pub use meta::mend;
pub use read::{Keys, Leases, Snapshot, Survey};
pub use source::Source;
pub use take::{Keyspace, take};
pub use write::{Builder, Building, Download, PIECE};
