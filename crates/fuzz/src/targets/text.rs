//! Texts that clients and people hand in: tokens, versions, levels, durations, contracts.

use std::fmt::Write;

use client::text::{base64, duration, percent};
use contract::{Consistency, Session};
use gateways::http::contract as contracts;
use kernel::{ClusterId, Incarnation, NodeId, RequestId, Rng, ShardId, Version};

use super::sealed;
use crate::{
    Fed, Memory, Target, draw,
    target::{as_it_is, same},
};

const MEMORY: Memory = Memory { base: 16 << 10, per_byte: 64 };

pub const TARGETS: [Target; 3] = [
    Target {
        name: "session",
        sample: session,
        mend: sealed::mend,
        words: &[],
        feed: feed_session,
        memory: MEMORY,
    },
    Target {
        name: "words",
        sample: words,
        mend: as_it_is,
        words: &["-", "+", "%", "=", "ms", "eventual", "18446744073709551616", "n0", " "],
        feed: feed_words,
        memory: MEMORY,
    },
    Target {
        name: "contract",
        sample: contract,
        mend: as_it_is,
        words: &["\"", "=", "\n", "[", "]", "{", "}", "1e309", "4294967296", "'''", "\\u0000"],
        feed: feed_contract,
        // A document is a tree before it is a contract.
        memory: Memory { base: 64 << 10, per_byte: 512 },
    },
];

/// The sealed bytes of a token, which its text spells in hexadecimal digits.
fn session(rng: &mut Rng) -> Vec<u8> {
    let mut session = Session::new(Incarnation(draw::number(rng, 3)));
    for _ in 0..rng.below(8) {
        session.observe(ShardId(draw::number(rng, 6)), draw::number(rng, 100));
    }
    sealed::unhex(&session.token())
}

fn feed_session(bytes: &[u8]) -> Fed {
    let _ = Session::parse(&String::from_utf8_lossy(bytes));
    let Ok(session) = Session::parse(&sealed::hex(bytes)) else { return Ok(false) };
    same("session", &Ok(session.clone()), &Session::parse(&session.token()))?;
    Ok(true)
}

fn words(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0 => draw::version(rng).to_string().into_bytes(),
        1 => draw::version(rng).to_bytes().to_vec(),
        2 => NodeId(draw::number(rng, 9)).to_string().into_bytes(),
        3 => ClusterId(rng.bits128()).to_string().into_bytes(),
        4 => RequestId::from_random(rng.bits128()).as_bytes().to_vec(),
        5 => {
            let levels = ["linearizable", "eventual+monotonic-reads", "monotonic", "bounded"];
            draw::word(rng, &levels).into_bytes()
        }
        6 => format!("{}{}", draw::number(rng, 99), draw::word(rng, &["ms", "s", "m", "h"])).into(),
        _ if draw::coin(rng) => percent::encode_path(&draw::noise(rng, 20)).into_bytes(),
        _ => base64::encode(&draw::noise(rng, 20)).into_bytes(),
    }
}

/// Whatever reads the text, writes it as something that it reads as the same.
fn feed_words(bytes: &[u8]) -> Fed {
    let mut read = 0;
    if let Some(version) = Version::from_bytes(bytes) {
        same("version", &Some(version), &Version::from_bytes(&version.to_bytes()))?;
        read += 1;
    }
    if let Some(id) = RequestId::new(bytes) {
        same("request id", &Some(id.clone()), &RequestId::new(id.as_bytes()))?;
        read += 1;
    }
    let text = &*String::from_utf8_lossy(bytes);
    if let Some(version) = Version::parse(text) {
        same("version", &Some(version), &Version::parse(&version.to_string()))?;
        read += 1;
    }
    if let Some(node) = NodeId::parse(text) {
        same("node", &Some(node), &NodeId::parse(&node.to_string()))?;
        read += 1;
    }
    if let Some(cluster) = ClusterId::parse(text) {
        same("cluster", &Some(cluster), &ClusterId::parse(&cluster.to_string()))?;
        read += 1;
    }
    if let Ok(level) = Consistency::parse(text) {
        same("level", &Ok(level), &Consistency::parse(&level.to_string()))?;
        read += 1;
    }
    if let Some(time) = duration::parse(text) {
        same("duration", &Some(time), &duration::parse(&duration::format(time)))?;
        read += 1;
    }
    if let Some(decoded) = percent::decode_path(text) {
        let again = percent::decode_path(&percent::encode_path(&decoded));
        same("path", &Some(decoded), &again)?;
    }
    if let Some(decoded) = percent::decode_query(text) {
        let again = percent::decode_query(&percent::encode_component(&decoded));
        same("query", &Some(decoded), &again)?;
    }
    if let Some(decoded) = base64::decode(text) {
        same("base64", &text.to_owned(), &base64::encode(&decoded))?;
        read += 1;
    }
    Ok(read > 0)
}

fn contract(rng: &mut Rng) -> Vec<u8> {
    let fields: Vec<(&str, String)> = draw::many(rng, 6, |rng| {
        let window = format!("\"{}{}\"", draw::number(rng, 99), draw::word(rng, &["s", "m", "h"]));
        match rng.below(6) {
            0 => ("program", draw::word(rng, &["\"kv\"", "\"counter\"", "\"coordination\""])),
            1 => ("replicas", draw::word(rng, &["1", "3", "5", "7"])),
            2 => ("read", draw::word(rng, &["\"linearizable\"", "\"eventual+monotonic-reads\""])),
            3 => ("history", window),
            4 => ("outcomes", window),
            _ => ("ack", "\"majority\"".to_owned()),
        }
    });
    let mut text = String::new();
    if draw::coin(rng) {
        for (name, value) in fields {
            let _ = writeln!(text, "{name} = {value}");
        }
    } else {
        let fields: Vec<String> = fields.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
        text = format!("{{{}}}", fields.join(","));
    }
    text.into_bytes()
}

fn feed_contract(bytes: &[u8]) -> Fed {
    let read = [contracts::from_json(bytes), contracts::from_toml(&String::from_utf8_lossy(bytes))];
    let mut accepted = false;
    for contract in read.into_iter().flatten() {
        let again =
            contracts::read(contracts::write(&contract)).map_err(|problem| problem.detail)?;
        same("contract", &contract, &again)?;
        let _ = (contract.check(3), contract.explain());
        accepted = true;
    }
    Ok(accepted)
}
