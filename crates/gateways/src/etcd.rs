//! etcd.

pub mod snapshot;
