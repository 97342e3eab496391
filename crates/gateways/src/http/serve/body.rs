//! Bodies, read within three bounds: bytes of one, bytes of all together, time.
//!
//! One bound for each body is not enough: as many connections as may be open, each with the largest
//! body that it may send, would be forty gigabytes. So what all requests hold is counted as it
//! arrives, and the request that would pass the bound is the one that is refused.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use kernel::Duration;

use crate::{
    ambient,
    http::{Problem, code::Code},
};

/// What the bodies of all requests hold together.
#[derive(Debug)]
pub struct Room {
    held: AtomicUsize,
    max: usize,
}

/// A part of the room, given back when it is dropped.
#[derive(Debug)]
pub struct Held<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(max: usize) -> Room {
        Room { held: AtomicUsize::new(0), max }
    }

    /// No bytes yet.
    pub fn hold(&self) -> Held<'_> {
        Held { room: self, bytes: 0 }
    }
}

impl Held<'_> {
    /// Holds more bytes; `false`, and no more are held, if there is no room for them.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let before = self.room.held.fetch_add(bytes, Relaxed);
        let fits = before.saturating_add(bytes) <= self.room.max;
        if fits {
            self.bytes += bytes;
        } else {
            self.room.held.fetch_sub(bytes, Relaxed);
        }
        fits
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.room.held.fetch_sub(self.bytes, Relaxed);
    }
}

/// Reads a body of at most `max` bytes within `patience`.
///
/// # Errors
/// If it is larger, ends early, takes too long, or there is no room for it.
pub async fn read(
    body: Incoming,
    max: usize,
    held: &mut Held<'_>,
    patience: Duration,
) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > max as u64 {
        return Err(too_large(max));
    }
    match ambient::within(patience, gather(body, max, held)).await {
        Some(read) => read,
        None => Err(Problem::new(Code::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

async fn gather(mut body: Incoming, max: usize, held: &mut Held<'_>) -> Result<Bytes, Problem> {
    let mut whole = Bytes::new();
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Problem::new(Code::INVALID_BODY, format!("the body ends: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + parts.len() + data.len() > max {
            return Err(too_large(max));
        }
        if !held.grow(data.len()) {
            let text = "the bodies of all requests here hold as much as they may";
            return Err(Problem::new(Code::OVERLOADED, text));
        }
        // Most bodies come in one piece, which is taken as it is.
        if whole.is_empty() && parts.is_empty() {
            whole = data;
        } else {
            parts.extend_from_slice(&std::mem::take(&mut whole));
            parts.extend_from_slice(&data);
        }
    }
    Ok(if parts.is_empty() { whole } else { parts.freeze() })
}

fn too_large(max: usize) -> Problem {
    Problem::new(Code::TOO_LARGE, format!("a body here has at most {max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_as_bytes_come_and_given_back() {
        let room = Room::new(10);
        let (mut one, mut other) = (room.hold(), room.hold());
        assert!(one.grow(6) && other.grow(4));
        assert!(!one.grow(1), "the room is full");
        drop(other);
        assert!(one.grow(4) && !one.grow(usize::MAX));
        drop(one);
        assert_eq!(room.held.load(Relaxed), 0);
    }
}
