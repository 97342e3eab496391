//! A whole node that is told anything by its peers: it may refuse, ignore or halt, not panic.

use bytes::BytesMut;
use database::link;
use kernel::{Duration, Event, NodeId, Rng};

use super::{message, one_node::OneNode, sealed};
use crate::{Fed, Memory, Target, draw};

pub const TARGETS: [Target; 1] = [Target {
    name: "process",
    sample,
    mend,
    words: &[],
    feed,
    memory: Memory { base: 4 << 20, per_byte: 512 },
}];

fn sample(rng: &mut Rng) -> Vec<u8> {
    let mut stream = vec![rng.bits() as u8];
    for envelope in draw::many(rng, 12, message::envelope) {
        link::put_envelope(&envelope, &mut stream);
    }
    stream
}

fn mend(bytes: &mut [u8]) {
    if let Some((_, frames)) = bytes.split_first_mut() {
        sealed::mend_frames(frames);
    }
}

/// The first byte says whether the node is alone or the first of three, and how fast time passes.
fn feed(bytes: &[u8]) -> Fed {
    let Some((first, frames)) = bytes.split_first() else { return Ok(false) };
    let mut node = if first & 1 == 0 { OneNode::alone()? } else { OneNode::start(3)? };
    let between = Duration::from_millis([0, 30, 200, 1_000][usize::from(first >> 1 & 3)]);
    let mut buffer = BytesMut::from(frames);
    let mut heard = 0;
    while let Ok(Some(message)) = link::take_envelope(&mut buffer) {
        // Two peers, and sometimes a node that nobody knows.
        let from = NodeId([2, 3, 2, 3, 2, 3, 9][heard % 7]);
        heard += 1;
        node.event(Event::Message { from, message })?;
        node.pass(between)?;
    }
    node.pass(Duration::from_secs(2))?;
    Ok(heard > 0 && buffer.is_empty())
}
