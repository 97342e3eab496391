//! Orders of events without a shared clock.
//!
//! What can be known about the order of two events on different nodes is first of all
//! *happened-before* (Lamport, 1978): `a → b` if both are on one node and `a` came first, or if
//! `a` sent the message that `b` received, or through a chain of these. Two events of which
//! neither happened before the other are *concurrent*. Each clock here keeps another part of
//! that order, at another price.
//!
//! ```text
//!                  a → b implies        C(a) < C(b) implies     size            real time
//!   lamport        C(a) < C(b)          not (b → a)             one number      no
//!   vector         C(a) < C(b)          a → b                   one per node    no
//!   dotted         C(a) < C(b)          a → b (writes)          one per replica no
//!   hybrid         C(a) < C(b)          not (b → a)             one number      close to it
//!   interval       nothing by itself    a before b, really      two numbers     within bounds
//! ```
//!
//! - [`lamport`]: one number. Enough to order everything totally in a way that agrees with
//!   causality, not enough to tell whether two events are concurrent.
//! - [`vector`]: one counter per node; `<` is happened-before exactly, and concurrency shows.
//!   A *vector clock* stamps events; a *version vector* describes what a replica has seen. The
//!   two are the same data under different rules, and mixing up the rules is a classic bug.
//! - [`dotted`] and [`dotted_set`]: version vectors whose newest write is named apart from its
//!   past. Servers can then stamp the writes of any number of clients, with one entry per
//!   *server*, and neither lose a concurrent write nor invent a conflict.
//! - [`hybrid`]: a Lamport clock that follows the wall clock. The order is causal, the number
//!   reads as time of day, and it bounds staleness in seconds as well as clocks are
//!   synchronized. It never makes safety depend on them.
//! - [`interval`]: admits what is not known: now is between `earliest` and `latest`. Whoever
//!   waits out the uncertainty gets an order that agrees with *real* time, even between nodes
//!   that never exchanged a message; if the bounds are wrong, so is the order.
//!
//! Which to take: hybrid stamps order versions of a shard (and between shards, causally);
//! dotted sets keep the siblings of leaderless keys; a vector belongs where concurrency itself
//! is the question; intervals are for those who can vouch for their clocks. Elections, leases
//! and timeouts use none of these but the local monotonic [`crate::time::Instant`].

pub mod dotted;
pub mod dotted_set;
pub mod hybrid;
pub mod interval;
pub mod lamport;
#[cfg(test)]
mod laws;
pub mod vector;
