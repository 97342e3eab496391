//! A pipe: one connection on which many calls are under way at once.
//!
//! ```text
//!   caller ─┐                                            ┌─▶ caller
//!   caller ─┼─▶ one buffer ─▶ writer ═══▶ server ═══▶ reader ─▶ by number
//!   caller ─┘                                            └─▶ caller
//! ```
//!
//! It starts as an HTTP/1.1 request that asks for an upgrade, on the same port as everything else:
//!
//! ```text
//!   GET /v1/pipe HTTP/1.1            HTTP/1.1 101 Switching Protocols
//!   connection: upgrade              connection: upgrade
//!   upgrade: quorate-pipe            upgrade: quorate-pipe
//! ```
//!
//! Behind it come frames of [`kernel::wire`]: calls one way, answers the other, in any order. What
//! a call costs beyond its own work is shared with those that are under way beside it: whatever
//! waits when the writer gets its turn leaves in one write. See ADR 8.

mod connection;
mod message;
mod open;

pub use message::{Action, Answer, Call, Done, Failed, Past, Result};

pub(crate) use open::Pipes;

use bytes::BytesMut;
use kernel::wire::{FrameError, Framing};

/// The newest version of the format.
pub const FORMAT: u8 = 1;
/// The longest frame, in bytes: the largest batch and page fit.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// Calls that a server works on for one pipe; it reads on when one is answered.
pub const CALLS_MAX: usize = 1024;
/// The name in `Upgrade`.
pub const UPGRADE: &str = "quorate-pipe";
/// Where pipes are opened.
pub const PATH: &str = "/v1/pipe";

const FRAMING: Framing = Framing { version: FORMAT, bytes_max: FRAME_BYTES_MAX };
const KIND_CALL: u8 = b'C';
const KIND_ANSWER: u8 = b'A';

impl Call {
    /// Appends the call as a frame.
    pub fn put(&self, into: &mut Vec<u8>) {
        FRAMING.put(KIND_CALL, self, into);
    }

    /// Takes the next call off a stream; `None` until it is whole.
    ///
    /// # Errors
    /// If the stream is not what a client sends.
    pub fn take(buffer: &mut BytesMut) -> std::result::Result<Option<Call>, FrameError> {
        FRAMING.take(KIND_CALL, buffer)
    }

    /// How many bytes the next call has; `None` until that can be known.
    ///
    /// # Errors
    /// If it is too long.
    pub fn announced(buffer: &[u8]) -> std::result::Result<Option<usize>, FrameError> {
        FRAMING.announced(buffer)
    }
}

impl Answer {
    /// Appends the answer as a frame.
    pub fn put(&self, into: &mut Vec<u8>) {
        FRAMING.put(KIND_ANSWER, self, into);
    }

    /// Takes the next answer off a stream; `None` until it is whole.
    ///
    /// # Errors
    /// If the stream is not what a server sends.
    pub fn take(buffer: &mut BytesMut) -> std::result::Result<Option<Answer>, FrameError> {
        FRAMING.take(KIND_ANSWER, buffer)
    }
}

#[cfg(test)]
#[path = "pipe/tests.rs"]
mod tests;
