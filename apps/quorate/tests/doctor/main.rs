//! The doctor and a real cluster: troubles are injected one after another, and each must be found
//! with its node, and no other node named, neither while it lasts nor while it ends.

mod ambient;
#[path = "../common/mod.rs"]
mod common;
mod dev;
mod stranger;

use dev::Dev;

#[test]
#[ignore = "takes minutes: cargo test -p quorate --test doctor -- --ignored --nocapture"]
fn every_trouble_that_can_be_injected_is_found_and_nobody_else_is_blamed() {
    let dev = Dev::start(&[]);
    dev.heals("");
    let some = || (0..5).for_each(|n| dev.put(0, &format!("k{n}"), ""));
    let behind = dev.follower();
    for (words, cause, node) in [
        (&["chaos", "slow", "n2", "--by", "80ms", "--disk"][..], "slow-disk", "n2"),
        (&["chaos", "fill", "n2"], "disk-full", "n2"),
        (&["chaos", "stall", &behind], "stuck-apply", &behind),
        (&["chaos", "slow", "n3", "--by", "60ms"], "slow-link", "n3"),
        (&["chaos", "partition", "n2", "--outgoing"], "one-way-cut", "n2"),
        (&["chaos", "partition", "n3", "--incoming"], "one-way-cut", "n3"),
        (&["chaos", "partition", "n1"], "cut-off", "n1"),
        (&["chaos", "skew", "n1", "--by-ms", "-3000"], "clock", "n1"),
    ] {
        dev.quorate(words);
        dev.finds(cause, node, some);
        dev.heals(node);
    }
    dev.finds("hot-key", &dev.leader(), || {
        (0..400).for_each(|n| drop(dev.get(1, &format!("/v1/kv/default/{}", hot(n)), "")));
    });
    stranger::speaks_another_protocol(&dev);
    stranger::is_of_another_cluster(&dev);
    let data = dev.data();
    let data = data.to_str().unwrap();
    for node in ["n1", "n2"] {
        dev.quorate(&["chaos", "kill", node]);
    }
    dev.finds("quorum-lost", "n1 n2", || {});
    for node in ["n1", "n2"] {
        dev.quorate(&["chaos", "restart", node, "--data", data]);
    }
    dev.until("nobody is blamed any more", || {
        !dev.blames_only("n1 n2").iter().any(|(.., fault)| fault == "node")
    });
    // Last: it stays true for ten minutes.
    dev.finds("restart-loop", "n3", || {
        dev.quorate(&["chaos", "kill", "n3"]);
        dev.until("n3 serves again", || {
            // Refused until the end of the process is noticed, and while it runs.
            dev.quorate(&["chaos", "restart", "n3", "--data", data]);
            dev.get(2, "/readyz", "").starts_with("HTTP/1.1 200")
        });
    });
}

#[test]
#[ignore = "takes a minute: cargo test -p quorate --test doctor -- --ignored --nocapture"]
fn deadlines_that_nobody_can_meet_are_the_clients() {
    let dev = Dev::start(&[]);
    dev.heals("");
    dev.until("a deadline storm", || {
        (0..60).for_each(|n| dev.put(2, &format!("d{n}"), "quorate-timeout: 1ms\r\n"));
        let found = dev.found();
        assert!(found.iter().all(|(_, _, fault)| fault == "clients"), "{found:?}");
        found.iter().any(|(cause, node, _)| cause == "deadline-storm" && node == "n3")
    });
}

/// A follower is cut off until the log has forgotten what it needs, and loses every snapshot after that.
#[test]
#[ignore = "takes a minute: cargo test -p quorate --test doctor -- --ignored --nocapture"]
fn a_follower_that_loses_its_snapshots_is_in_a_loop_until_it_catches_up() {
    let settings = ["limits.log-bytes=64KiB", "limits.flush-bytes=64KiB", "timing.flush-period=1s"];
    let dev = Dev::start(&settings);
    dev.heals("");
    let (node, value) = (dev.follower(), "x".repeat(4096));
    let own = |shard: &serde_json::Value, field: &str| {
        let replicas = shard["replicas"].as_array().cloned().unwrap_or_default();
        let of = |name: &str| replicas.iter().find(|one| one["node"] == name).cloned();
        let told = of(shard["leader"].as_str().unwrap_or("")).zip(of(&node));
        told.and_then(|(leader, own)| {
            Some((leader["log"][field].as_u64()?, own["applied_index"].as_u64()?))
        })
    };
    dev.put_value(0, "k0", "", &value);
    dev.until("it holds something", || {
        own(&dev.default(), "commit_index").is_some_and(|(_, applied)| applied > 0)
    });
    dev.quorate(&["chaos", "lose-snapshots", &node]);
    let others: Vec<u16> = (0..3).filter(|at| format!("n{}", at + 1) != node).collect();
    let cut = format!(r#"{{"fault":"partition","nodes":["{node}"]}}"#);
    others.iter().for_each(|at| dev.inject(*at, &cut));
    dev.until("the log forgets what it needs", || {
        (0..50).for_each(|n| dev.put_value(others[0], &format!("k{n}"), "", &value));
        own(&dev.default(), "first_index").is_some_and(|(first, applied)| first > applied + 1)
    });
    // The cut is theirs, and ends with it; what is wrong with the follower goes on.
    others.iter().for_each(|at| dev.inject(*at, r#"{"fault":"heal"}"#));
    let some = || (0..5).for_each(|n| dev.put_value(others[0], &format!("k{n}"), "", &value));
    dev.finds("snapshot-loop", &node, some);
    assert!(own(&dev.default(), "first_index").is_some_and(|(first, applied)| first > applied + 1));
    dev.heals(&node);
    let caught_up = own(&dev.default(), "commit_index").map(|(commit, applied)| applied >= commit);
    assert_eq!(caught_up, Some(true));
}

fn hot(n: u32) -> String {
    if n.is_multiple_of(5) { format!("cold{n}") } else { "celebrity".into() }
}
