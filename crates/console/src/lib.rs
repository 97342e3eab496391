//! The console: what a person sees of a cluster in a browser, at `/` of every node.
//!
//! ```text
//!   every node ──/v1/cluster, vitals, events …──▶ watch ──▶ Heard ──▶ picture ──▶ pages ──▶ HTML
//!                                                  only while somebody looks         │
//!   browser ◀── a page, then the parts that changed, as server-sent events ── live ◀─┘
//!           ──▶ forms of the Chaos page ── guard ──▶ act ──▶ /v1/chaos, or the stage
//! ```
//!
//! The console knows no node from inside: it asks all of them over HTTP, its own as well, so that
//! every node shows the same. What a node does not answer (it is dead, or older) is shown as not
//! answered. From what was heard to HTML everything is pure; `watch`, `live` and `act` have hands.
//!
//! A page is a list of named parts. It is rendered whole when it is asked for; afterwards the
//! script of the page holds one stream open, and the server sends each part again when it reads
//! differently. No part runs code or loads anything from elsewhere: the content security policy
//! forbids it.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod act;
mod ambient;
mod assets;
mod console;
mod draw;
pub mod facts;
mod form;
mod guard;
mod live;
mod pages;
pub mod picture;
mod say;
mod stage;
mod watch;

pub use console::{Console, Setting};
pub use stage::{Action, Bench, Order, Process, Scene, Stage};
