//! A cluster on this machine: where its nodes live and the processes that they are.
//!
//! ```text
//!   data/cluster      the cluster's id, written first
//!   data/formed       written once all nodes served: from then on a node whose directory is
//!                     gone joins and recovers instead of founding the cluster again
//!   data/n1/          the first node …           data/n1.log   … and its log
//!   data/control      the socket on which `dev` takes orders
//! ```
//!
//! Nodes can be killed, so whatever must survive that is here and not in a node: the log of what was
//! done to them, and the workload whose clients meet it. Every node's console shows both.

mod children;
mod control;
mod director;
mod layout;
mod workload;

pub use children::Children;
pub use control::{Remote, ask, obey};
pub use director::Director;
pub use layout::Layout;
