//! The stream of bytes from one node to another.

use bytes::BytesMut;
use database::{
    Envelope,
    link::{self, Hello},
};
use kernel::{ClusterId, Incarnation, NodeId, Rng};

use super::{message, sealed};
use crate::{Fed, Memory, Target, draw, target::same};

/// Members of reports are two bytes on the wire, in vectors that double.
const MEMORY: Memory = Memory { base: 8 << 10, per_byte: 160 };

pub const TARGETS: [Target; 1] =
    [Target { name: "link", sample, mend: sealed::mend_frames, words: &[], feed, memory: MEMORY }];

fn sample(rng: &mut Rng) -> Vec<u8> {
    let hello = Hello {
        cluster: ClusterId(u128::from(draw::number(rng, 3))),
        incarnation: Incarnation(draw::number(rng, 3)),
        from: NodeId(draw::number(rng, 4)),
        to: NodeId(draw::number(rng, 4)),
    };
    let mut stream = Vec::new();
    hello.encode(&mut stream);
    for envelope in draw::many(rng, 4, message::envelope) {
        link::put_envelope(&envelope, &mut stream);
    }
    stream
}

fn feed(bytes: &[u8]) -> Fed {
    let mut buffer = BytesMut::from(bytes);
    let Ok(Some(hello)) = link::take_hello(&mut buffer) else { return Ok(false) };
    let mut again = Vec::new();
    hello.encode(&mut again);
    let again = link::take_hello(&mut BytesMut::from(&again[..]));
    same("hello", &Ok(Some(hello)), &again)?;
    let _ = hello.check(NodeId(1), ClusterId(1), Incarnation(1));
    loop {
        match link::take_envelope(&mut buffer) {
            Ok(Some(envelope)) => judge(&envelope)?,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        }
    }
}

fn judge(envelope: &Envelope) -> Result<(), String> {
    let mut frame = Vec::new();
    link::put_envelope(envelope, &mut frame);
    let again = link::take_envelope(&mut BytesMut::from(&frame[..]));
    same("envelope", &Ok(Some(envelope.clone())), &again)?;
    if let Some(database::message::Body::Ask(ask)) = &envelope.body {
        let trace = database::message::trace_of(&ask.trace);
        let written = database::message::trace_bytes(&trace);
        same("trace", &trace, &database::message::trace_of(&written))?;
    }
    Ok(())
}
