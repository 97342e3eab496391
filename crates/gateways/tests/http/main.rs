//! The HTTP gateway through real sockets, in front of a fake database.
#![allow(clippy::disallowed_methods, reason = "a test may start tasks and wait")]

#[path = "../etcd/fake.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of another gateway")]
mod etcd;
mod fake;
mod hostile;
mod observe;
mod pages;
mod pipe;
mod recipes;
mod served;
