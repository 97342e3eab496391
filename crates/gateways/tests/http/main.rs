//! The HTTP gateway through real sockets, in front of a fake database.
#![allow(clippy::disallowed_methods, reason = "a test may start tasks and wait")]

mod fake;
mod hostile;
mod observe;
mod pages;
mod pipe;
mod served;
