//! A node is replaced while the cluster serves, with real processes.
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

#[path = "common/servers.rs"]
mod servers;

use servers::{Cluster, rest};

#[test]
fn a_node_is_replaced_and_forgotten_once_it_votes_nowhere() {
    let mut cluster = Cluster::new(4);
    (1..=3).for_each(|node| cluster.start(node, "bootstrap", &[]));
    cluster.quorate(1, &["keyspace", "create", "a", "--program", "kv"]);
    cluster.quorate(1, &["put", "a", "key", "value"]);
    let refused = |cluster: &Cluster| {
        let (code, text) = cluster
            .once(&["cluster", "remove", "n3"], &["--timeout", "5s", "-e", &cluster.http(1)]);
        assert_ne!(code, 0, "{text}");
        text
    };
    assert!(refused(&cluster).contains("n3 still holds"));

    // Nobody can catch up yet: the move is decided, and the group still needs node 3.
    let (http, peer) = (cluster.http(4), cluster.peer(4));
    cluster.quorate(1, &["cluster", "add", "n4", "--http", &http, "--peer", &peer]);
    let shard = cluster.shard("a");
    let body = r#"{"from":"n3","to":"n4"}"#;
    let json = "content-type: application/json\r\n";
    let moved = cluster.curl(1, "POST", &format!("/v1/shards/{shard}/move"), json, body);
    assert!(moved.starts_with("HTTP/1.1 2"), "{moved}");
    assert!(refused(&cluster).contains(&format!("may still vote in {shard}")));

    cluster.start(4, "join", &[]);
    let said = cluster.quorate(1, &["cluster", "replace", "n3", "n4"]);
    assert!(said.contains("n3 is forgotten"), "{said}");
    // Another node may answer, and its copy of the catalog is a moment behind.
    let gone = (0..600).any(|_| {
        let gone = !cluster.quorate(1, &["cluster", "status"]).contains("n3 ");
        if !gone {
            rest();
        }
        gone
    });
    assert!(gone, "{}", cluster.quorate(1, &["cluster", "status"]));
    cluster.kill(3);
    cluster.kill(2);
    cluster.start(2, "bootstrap", &[]);
    assert_eq!(cluster.quorate(4, &["get", "a", "key"]).trim(), "value");
}

impl Cluster {
    /// The shard of a keyspace.
    fn shard(&self, keyspace: &str) -> String {
        let told = self.quorate(1, &["keyspace", "show", keyspace, "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        told["shards"][0].as_str().unwrap().to_owned()
    }
}
