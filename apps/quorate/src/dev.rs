//! A cluster on this machine: where its nodes live and the processes that they are.
//!
//! ```text
//!   data/cluster      the cluster's id, written first
//!   data/formed       written once all nodes served: from then on a node whose directory is
//!                     gone joins and recovers instead of founding the cluster again
//!   data/n1/          the first node …           data/n1.log   … and its log
//!   data/control      the socket on which `dev` is told to restart a node
//! ```

mod children;
mod layout;

pub use children::Children;
pub use layout::Layout;
