//! The catalog: keyspaces, shards and members, replicated by a shard of its own.
//!
//! It is a program like any other, over the view of shard [`CATALOG`]. Every member holds a
//! replica, so routes are always at hand: reads and writes of data never ask the control plane.
//!
//! ```text
//!   k/NAME  keyspace: id, contract, shard ids        m/ID  member: addresses, labels
//!   s/ID    shard: keyspace, founders, wanted        n     the next free ids
//!   g/ID    shard that was dropped, until nobody can serve it any more
//! ```

mod command;
mod gone;
mod names;
mod state;
#[cfg(test)]
mod tests;

pub use command::{
    CatalogCommand, CatalogReply, Change, ContractWire, Create, MemberWire, Move, Settled, Survive,
    apply,
};
pub use gone::{GONE_MAX, Gone};
pub use names::check_name;
pub use state::{Catalog, Placement};

use kernel::ShardId;

/// The shard that holds the catalog.
pub const CATALOG: ShardId = ShardId(1);
/// The name under which statuses list it; no keyspace can have it.
pub const CATALOG_NAME: &str = "_catalog";
/// More members than this do not hold a voting replica of the catalog.
pub const CATALOG_VOTERS_MAX: usize = 7;
