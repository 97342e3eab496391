//! The JSON documents of the API, as clients and gateways read them.

use client::document::{
    AddNode, Batch, BatchReply, Chaos, Cluster, Count, Fate, History, Increment, Keyspaces, Move,
    Node, Page, Problem, Replica, Shard, Transfer, join, split,
};
use kernel::Rng;

use crate::{Fed, Memory, Target, draw, target::as_it_is};

pub const TARGETS: [Target; 1] = [Target {
    name: "documents",
    sample,
    mend: as_it_is,
    words: &["\"", "{", "}", "[", "]", ",", ":", "null", "\\ud800", "1e400", "-1", "_base64"],
    feed,
    memory: Memory { base: 64 << 10, per_byte: 512 },
}];

const WRITTEN: [&str; 9] = [
    r#"{"items":[{"key":"a","value_base64":"/w==","version":"1-ff-7","expires_ms":5}],"cursor":"00"}"#,
    r#"{"key":"a","versions":[{"value":"1","version":"1-ff-7","until":"1-ff-8"}]}"#,
    r#"{"operations":[{"op":"put","key":"a","value":"1","if_none_match":"*"}]}"#,
    r#"{"version":"1-ff-7","outcomes":[{"existed":true,"previous":"1-ff-6"}]}"#,
    r#"{"type":"/v1/errors/timeout","title":"t","status":504,"detail":"d","code":"timeout","effect":"unknown"}"#,
    r#"{"by":1}"#,
    r#"{"value":1,"version":"1-ff-7"}"#,
    r#"{"fault":"kill"}"#,
    r#"{"to":"n2"}"#,
];

fn sample(rng: &mut Rng) -> Vec<u8> {
    match rng.below(4) {
        0 => {
            let node = |rng: &mut Rng| Node {
                id: format!("n{}", draw::number(rng, 4)),
                http: "h:1".into(),
                ..Node::default()
            };
            let replica = |rng: &mut Rng| Replica {
                applied_index: draw::number(rng, 99),
                ..Replica::default()
            };
            let shard = |rng: &mut Rng| Shard {
                term: draw::number(rng, 9),
                replicas: draw::many(rng, 3, replica),
                ..Shard::default()
            };
            let nodes = draw::many(rng, 3, node);
            let cluster =
                Cluster { nodes, shards: draw::many(rng, 3, shard), ..Cluster::default() };
            text(&cluster)
        }
        1 => {
            let (key, key_base64) = split(&draw::noise(rng, 8));
            text(&History { key, key_base64, ..History::default() })
        }
        _ => rng.pick(&WRITTEN).map_or_else(Vec::new, |text| text.as_bytes().to_vec()),
    }
}

fn text(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

/// What is read is written as something that is read as the same.
fn law<T>(bytes: &[u8]) -> Fed
where
    T: serde::Serialize + for<'a> serde::Deserialize<'a> + PartialEq + std::fmt::Debug,
{
    let Ok(document) = serde_json::from_slice::<T>(bytes) else { return Ok(false) };
    let again = serde_json::from_slice::<T>(&text(&document)).map_err(|error| error.to_string())?;
    crate::target::same("document", &document, &again)?;
    Ok(true)
}

fn feed(bytes: &[u8]) -> Fed {
    let laws = [
        law::<Page>,
        law::<History>,
        law::<Batch>,
        law::<BatchReply>,
        law::<Problem>,
        law::<Increment>,
        law::<Count>,
        law::<Fate>,
        law::<Cluster>,
        law::<Keyspaces>,
        law::<AddNode>,
        law::<Transfer>,
        law::<Move>,
        law::<Chaos>,
    ];
    let mut accepted = false;
    for law in laws {
        accepted |= law(bytes)?;
    }
    if let Ok(page) = serde_json::from_slice::<Page>(bytes) {
        page.items.iter().for_each(|item| drop((item.key_bytes(), item.value_bytes())));
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = (join(Some(&text), None), join(None, Some(&text)));
    Ok(accepted)
}
