//! What clients do that no node is to blame for.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{Finding, Scene};
use crate::Severity;

/// A key is hot that so many thousandths of the requests ask for …
const HOT_PERMILLE: u64 = 400;
/// … of at least so many samples.
const SAMPLED: u64 = 100;
/// So many requests whose deadline passed, within the last minutes, are a storm.
const STORM: u64 = 50;

/// `alone`: nothing else was found that could be the cause.
pub(super) fn find(scene: &Scene, alone: bool) -> Vec<Finding> {
    let mut findings = queues(scene);
    findings.extend(hot(scene));
    findings.extend(deadlines(scene, alone));
    findings
}

fn hot(scene: &Scene) -> Option<Finding> {
    let hot = scene.answered().flat_map(|(node, vitals)| vitals.hot.first().map(|hot| (node, hot)));
    let hot = hot.filter(|(_, hot)| hot.permille >= HOT_PERMILLE && hot.sampled >= SAMPLED);
    let (node, hot) = hot.max_by_key(|(_, hot)| hot.sampled * hot.permille)?;
    let (percent, keyspace, key) = (hot.permille / 10, &hot.keyspace, &hot.key);
    let text =
        format!("{percent}% of the requests at {node} ask for one key, '{key}' of {keyspace}");
    let finding = Finding::new("hot-key", Severity::Warning, text)
        .saw([format!("{} of {} sampled requests", hot.sampled * hot.permille / 1000, hot.sampled)])
        .helps(format!("spread '{key}' over several keys, or read it with consistency=eventual"));
    // Its leader carries the load: that is where it hurts, not who is to blame.
    let leader = leader(scene, keyspace);
    let carries = leader.iter().map(|leader| format!("{leader} leads {keyspace} and carries it"));
    Some(finding.saw(carries).node(leader.as_deref().unwrap_or(node)).fault("clients"))
}

/// Requests that cannot be answered in the time they give. If something else is wrong it is the
/// reason; if nothing is, the deadlines are.
fn deadlines(scene: &Scene, alone: bool) -> Option<Finding> {
    let mut by: BTreeMap<&str, (u64, &str, u64)> = BTreeMap::new();
    for (node, vitals) in scene.answered() {
        for failed in vitals.failures.iter().filter(|failed| failed.code == "deadline-exceeded") {
            let entry = by.entry(&failed.keyspace).or_insert((0, node, 0));
            entry.0 += failed.count;
            if failed.count > entry.2 {
                (entry.1, entry.2) = (node, failed.count);
            }
        }
    }
    let (keyspace, (count, node, _)) = by.into_iter().max_by_key(|(_, (count, ..))| *count)?;
    if count < STORM || !alone {
        return None;
    }
    let text = format!("clients of {keyspace} give less time than an answer takes");
    let usual = scene
        .answered()
        .filter_map(|(_, vitals)| vitals.stages.get("commit").and_then(|latency| latency.p50_us));
    let usual = usual.max().map(|us| format!("a write takes {} ms to commit", us as f64 / 1000.0));
    Some(
        Finding::new("deadline-storm", Severity::Warning, text)
            .node(node)
            .fault("clients")
            .saw([format!("the deadline of {count} requests passed, most of them at {node}")])
            .saw(usual)
            .helps("let clients of it wait longer (Quorate-Timeout), and retry less often"),
    )
}

fn queues(scene: &Scene) -> Vec<Finding> {
    let full = scene.answered().flat_map(|(node, vitals)| {
        let full = vitals.queues.iter().filter(|q| q.limit > 0 && q.depth >= q.limit / 2);
        full.map(move |queue| (node, queue))
    });
    full.map(|(node, queue)| {
        let text = format!("the queue '{}' of {node} is half full", queue.name);
        Finding::new("overload", Severity::Warning, text)
            .node(node)
            .saw([format!("{} of {} {}", queue.depth, queue.limit, queue.unit)])
            .helps("send less, or add nodes and move leaders: quorate cluster status")
    })
    .collect()
}

fn leader(scene: &Scene, keyspace: &str) -> Option<String> {
    let replicas = scene.answered().flat_map(|(_, vitals)| &vitals.replicas);
    let mut led = replicas.filter(|replica| replica.keyspace == keyspace);
    led.find_map(|replica| replica.leader.clone())
}
