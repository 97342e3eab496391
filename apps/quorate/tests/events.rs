//! The flight recorder of a real process that is killed and started again.
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

#[path = "common/servers.rs"]
mod servers;

use std::net::TcpStream;

use servers::{Cluster, rest};
use vigil::{Event, Events};

impl Cluster {
    /// Asks for events until they are as they should be.
    fn events(&self, query: &str, holds: impl Fn(&Events) -> bool) -> Events {
        let mut last = String::new();
        for _ in 0..600 {
            if TcpStream::connect(self.http(1)).is_ok() {
                last = self.curl(1, "GET", &format!("/v1/events?{query}"), "", "");
                let body = last.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                match serde_json::from_str::<Events>(body) {
                    Ok(events) if holds(&events) => return events,
                    _ => {}
                }
            }
            rest();
        }
        panic!("{last}\n{}", self.log(1));
    }
}

fn has(events: &[Event], kind: &str, start: u64) -> bool {
    events.iter().any(|event| event.kind == kind && event.start == start)
}

#[test]
fn events_before_a_kill_are_there_after_it_and_ids_go_on() {
    // Two of the three never start: what a lone node records needs nobody else.
    let mut cluster = Cluster::new(3);
    cluster.start(1, "bootstrap", &["--chaos"]);
    cluster.events("", |told| has(&told.events, "node-started", 1));
    cluster.quorate(1, &["chaos", "heal"]);
    let before = cluster.events("", |told| has(&told.events, "chaos", 1));
    let file = cluster.data(1).join("events");
    let kept = || String::from_utf8_lossy(&std::fs::read(&file).unwrap()).contains("\"chaos\"");
    assert!(
        (0..600).any(|_| kept() || {
            rest();
            false
        }),
        "written within a second or so"
    );
    cluster.kill(1);

    cluster.start(1, "bootstrap", &[]);
    let after = cluster.events("", |told| has(&told.events, "node-started", 2));
    let chaos = |told: &Events| told.events.iter().find(|event| event.kind == "chaos").cloned();
    assert_eq!(chaos(&after), chaos(&before));
    assert_eq!(after.start, 2);
    // Who has read the first life to its end goes on with the second.
    let next = cluster.events(&format!("after={}", before.next), |told| !told.events.is_empty());
    assert!(has(&next.events, "node-started", 2) && next.next > before.next);
    assert!(next.events.iter().all(|event| event.id > before.next && event.kind != "chaos"));
}
