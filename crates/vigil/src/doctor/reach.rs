//! Who is heard by whom.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Finding, Scene};
use crate::{Severity, health::STARTS};

pub(super) fn find(scene: &Scene) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in &scene.nodes {
        let finding = match &seen.vitals {
            None => down(scene, &seen.node),
            Some(_) => cut(scene, &seen.node),
        };
        findings.extend(finding);
    }
    let lost = quorum(scene, &findings);
    findings.extend(lost);
    findings.extend(foreign(scene));
    findings
}

/// A node that does not answer.
fn down(scene: &Scene, node: &str) -> Option<Finding> {
    let (heard, unheard) = (scene.who(true, node), scene.who(false, node));
    let returns = scene.answered().map(|(by, _)| {
        scene.lately(by, "peer-connected").filter(|event| event.word("peer") == Some(node)).count()
    });
    let returns = returns.max().unwrap_or(0) as u64;
    if returns > STARTS {
        let text = format!("{node} came back {returns} times within ten minutes and is gone again");
        return Some(
            Finding::new("restart-loop", Severity::Alarm, text)
                .node(node)
                .saw([format!("others connected to it {returns} times")])
                .helps(format!("look at the end of the log of {node}: why does it stop?")),
        );
    }
    if unheard.is_empty() && !heard.is_empty() {
        let text = format!("{node} does not answer clients, though the others hear it");
        return Some(
            Finding::new("node-down", Severity::Warning, text)
                .node(node)
                .saw([format!("heard by {}", heard.join(" "))])
                .helps(format!("curl http://{}/healthz", scene.http(node))),
        );
    }
    let text = format!("{node} is down or paused: it answers nobody");
    Some(
        Finding::new("node-down", Severity::Alarm, text)
            .node(node)
            .saw(unheard.iter().map(|by| format!("not heard by {by}{}", silence(scene, by, node))))
            .helps(format!(
                "start {node} again (a development cluster: quorate chaos restart {node})"
            )),
    )
}

/// A node that answers, but not everybody, or that hears not everybody who answers.
fn cut(scene: &Scene, node: &str) -> Option<Finding> {
    let others: Vec<&str> =
        scene.answered().map(|(other, _)| other).filter(|other| *other != node).collect();
    let deaf_to: Vec<&str> =
        others.iter().copied().filter(|other| scene.hears(node, other) == Some(false)).collect();
    let unheard_by = scene.who(false, node);
    let (deaf, mute) = (deaf_to.len(), unheard_by.len());
    let most = others.len() / 2 + 1;
    // Between two nodes each could be to blame: it takes more than one witness.
    if others.len() < 2 || deaf.max(mute) < most {
        return None;
    }
    // If a majority is unheard by this one, but they do not hear each other either, it is not this.
    let witnesses: Vec<&str> = if mute >= most { unheard_by } else { deaf_to };
    let between =
        witnesses.iter().any(|a| witnesses.iter().any(|b| scene.hears(a, b) == Some(false)));
    if between {
        return None;
    }
    let cause = if deaf >= most && mute >= most { "cut-off" } else { "one-way-cut" };
    let text = match (deaf >= most, mute >= most) {
        (true, true) => format!("{node} is cut off: it hears nobody, and nobody hears it"),
        (true, false) => format!("nothing that is sent to {node} arrives, but it is heard"),
        _ => format!("nothing that {node} sends arrives, but it hears the others"),
    };
    let evidence = witnesses.iter().map(|other| match mute >= most {
        true => format!("{other} has not heard {node}{}", silence(scene, other, node)),
        false => format!("{node} has not heard {other}{}", silence(scene, node, other)),
    });
    Some(
        Finding::new(cause, Severity::Alarm, text)
            .node(node)
            .saw(evidence)
            .helps(format!("look at the network and firewall rules of {node}")),
    )
}

/// More nodes gone than the cluster can miss.
fn quorum(scene: &Scene, findings: &[Finding]) -> Option<Finding> {
    let gone: Vec<&str> = findings
        .iter()
        .filter(|f| f.cause != "one-way-cut")
        .filter_map(|f| f.node.as_deref())
        .collect();
    let all = scene.nodes.len();
    let led = scene.answered().flat_map(|(_, vitals)| &vitals.replicas);
    let leaderless: Vec<String> = led
        .filter(|replica| replica.leader.is_none() || replica.leaderless_ms > 0)
        .map(|replica| format!("{} (s{}) has no leader", replica.keyspace, replica.shard))
        .collect();
    let alarmed = scene.answered().any(|(_, v)| v.alarms.iter().any(|a| a.kind == "quorum-lost"));
    if gone.len() <= all / 2 && all > 1 || gone.is_empty() {
        return None;
    }
    let left = all - gone.len();
    let text = format!("{left} of {all} nodes are left: no majority, so nothing can be written");
    let mut evidence = leaderless;
    evidence.dedup();
    if alarmed {
        evidence.push("a node that is left hears no majority".to_string());
    }
    let command =
        "start the nodes again; if they are lost for good: quorate cluster recover --help";
    let finding = Finding::new("quorum-lost", Severity::Alarm, text);
    Some(finding.node(&gone.join(" ")).saw(evidence).helps(command))
}

/// Somebody who is no member speaks to us.
fn foreign(scene: &Scene) -> Option<Finding> {
    let mut by: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (node, _) in scene.answered() {
        for event in scene.lately(node, "link-refused") {
            let reason = event.word("reason").unwrap_or("?");
            if ["cluster", "incarnation", "addressee", "garbage", "too-long"].contains(&reason) {
                let address = event.word("address").unwrap_or("?");
                by.entry(format!("{address} ({reason}): {}", event.text)).or_default().push(node);
            }
        }
    }
    if by.is_empty() {
        return None;
    }
    let text = "somebody who is not of this cluster connects to the ports for peers".to_string();
    let evidence =
        by.into_iter().map(|(what, nodes)| format!("{what}, seen by {}", nodes.join(" ")));
    Some(
        Finding::new("foreign-node", Severity::Warning, text)
            .fault("stranger")
            .saw(evidence)
            .helps("look which process at that address has one of our peer addresses"),
    )
}

fn silence(scene: &Scene, by: &str, of: &str) -> String {
    match scene.peer(by, of).and_then(|peer| peer.silence_ms) {
        Some(ms) => format!(" for {}.{} s", ms / 1000, ms % 1000 / 100),
        None => " at all".to_string(),
    }
}
