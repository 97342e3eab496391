//! The proof of the Raft library.
//!
//! ```text
//!   node       one replica with its disk, its engine and the messages that wait for the disk
//!   cluster    several of them under virtual time and a bad network
//!   check      the invariants of the paper, after every event
//!   paper      the Raft paper, sentence by sentence
//!   random     what a seed does: faults first, then peace and progress
//!   seeds      which seeds run when
//!   stage      nodes that move only when told to
//!   traps      scenes for bugs that seeds meet too rarely
//!   total      any bytes, any message, any event, in any role
//!   oracle     a group of raft-rs replicas
//!   differential   the same schedule for both libraries
//!   script     readable scripts whose whole output is the expectation
//! ```

extern crate quorate_raft as raft;

mod check;
mod cluster;
mod differential;
mod distance;
mod node;
mod oracle;
mod paper;
mod random;
mod script;
mod seeds;
mod show;
mod stage;
mod total;
mod traps;
