//! Disks, clocks, links, restarts, and replicas that stand still.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Finding, Scene};
use crate::{
    Event, Severity, Vitals,
    health::{CLOCK_MS, SLOW_SYNC_US, STARTS, STUCK_MS},
    time,
    vitals::Replica,
};

/// A way that takes so long is slow …
const SLOW_RTT_US: u64 = 20_000;
/// … if it takes so many times as long as the others.
const TIMES: u64 = 5;
/// So many snapshots to one replica within ten minutes are a loop.
const SNAPSHOTS: usize = 3;
/// Less than so much waiting for a disk, within ten to twenty seconds, may be chance.
const WAITED_US: u64 = 2_000_000;
/// A replica that has caught up and was sent no other for so long is out of the loop.
const QUIET_MS: u64 = 20_000;
/// Syncs of which the median says something.
const SYNCS: u64 = 5;

pub(super) fn find(scene: &Scene, sick: &[String]) -> Vec<Finding> {
    let well = |node: &str| !sick.iter().any(|other| other == node);
    let mut findings = Vec::new();
    for (node, vitals) in scene.answered() {
        findings.extend(disk(scene, node, vitals));
        findings.extend(clock(scene, node));
        findings.extend(restarts(scene, node, vitals));
        if well(node) {
            findings.extend(apply(scene, node, vitals));
        }
    }
    findings.extend(links(scene, sick));
    findings.extend(snapshots(scene, sick));
    findings
}

fn disk(scene: &Scene, node: &str, vitals: &Vitals) -> Option<Finding> {
    if vitals.disk.full {
        let free = vitals.load.disk_free_bytes >> 20;
        let text = format!("the disk of {node} is full: it refuses writes");
        return Some(
            Finding::new("disk-full", Severity::Alarm, text)
                .node(node)
                .saw([format!("{free} MiB are free, less than the reserve")])
                .helps(format!(
                    "make room on the disk of {node} (df -h); the alarm clears by itself"
                )),
        );
    }
    if let Some(event) = failure(scene, node) {
        let text = format!("the disk of {node} fails");
        return Some(
            Finding::new("disk-failed", Severity::Alarm, text)
                .node(node)
                .saw([event.text.clone()])
                .helps(format!("replace the disk of {node}, then: quorate cluster replace")),
        );
    }
    let (p50, p99) = (vitals.disk.sync.p50_us?, vitals.disk.sync.p99_us?);
    let others =
        scene.answered().filter(|(other, vitals)| *other != node && vitals.disk.syncs >= SYNCS);
    let others: Vec<u64> = others.filter_map(|(_, vitals)| vitals.disk.sync.p50_us).collect();
    let usual = others.iter().copied().min();
    // By itself, or in comparison with the disks of the others: half of what it does is slow.
    let slow = p50 >= SLOW_SYNC_US / 2
        || p50 >= SLOW_SYNC_US / 10 && usual.is_some_and(|usual| p50 >= TIMES * usual);
    if !slow || vitals.disk.syncs < SYNCS || p50.saturating_mul(vitals.disk.syncs) < WAITED_US {
        return None;
    }
    let ms = |us: u64| us as f64 / 1000.0;
    let mut evidence = Vec::from([format!(
        "of {} syncs half took more than {} ms, one of a hundred more than {} ms",
        vitals.disk.syncs,
        ms(p50),
        ms(p99)
    )]);
    evidence.extend(usual.map(|us| format!("on another node half take less than {} ms", ms(us))));
    let text = format!("the disk of {node} is slow");
    Some(
        Finding::new("slow-disk", Severity::Warning, text)
            .node(node)
            .saw(evidence)
            .helps(format!("look who else uses the disk of {node} (iostat -x 1)")),
    )
}

/// The newest failure of a disk that has not worked again since.
fn failure<'a>(scene: &'a Scene, node: &str) -> Option<&'a Event> {
    let newest = |kind: &'static str| scene.lately(node, kind).last();
    let id = |kind| newest(kind).map_or(0, |event: &Event| event.id);
    let works = id("disk-recovered").max(id("disk-free"));
    let failed = newest("disk-failed").filter(|event| event.id > works);
    newest("journal-broken").or(failed)
}

/// A clock is off if most others, each by itself, say that it is by the same.
fn clock(scene: &Scene, node: &str) -> Option<Finding> {
    let mut off: Vec<(i64, &str)> = Vec::new();
    let mut known = 0;
    for (by, _) in scene.answered().filter(|(by, _)| *by != node) {
        let Some(peer) = scene.peer(by, node) else { continue };
        let Some(ahead) = peer.clock_ms else { continue };
        known += 1;
        let doubt = peer.rtt_us.unwrap_or(0) / 2000;
        if ahead.unsigned_abs() > CLOCK_MS + doubt {
            off.push((ahead, by));
        }
    }
    off.sort_unstable();
    let (ahead, _) = *off.get(off.len() / 2)?;
    let agree: Vec<&(i64, &str)> =
        off.iter().filter(|(ms, _)| ms.abs_diff(ahead) <= 2 * CLOCK_MS).collect();
    if known < 2 || agree.len() * 2 <= known {
        return None;
    }
    let text = format!("the clock of {node} is {} ms {}", ahead.unsigned_abs(), way(ahead));
    let evidence = agree.iter().map(|(ms, by)| format!("{by} finds it {ms} ms ahead of its own"));
    Some(
        Finding::new("clock", Severity::Warning, text)
            .node(node)
            .saw(evidence)
            .helps(format!("set the clock of {node} by NTP: chronyc tracking")),
    )
}

fn way(ahead: i64) -> &'static str {
    if ahead > 0 { "ahead" } else { "behind" }
}

fn restarts(scene: &Scene, node: &str, vitals: &Vitals) -> Option<Finding> {
    if vitals.starts_10m <= STARTS {
        return None;
    }
    let text = format!("{node} started {} times within ten minutes", vitals.starts_10m);
    let evidence = scene.across_starts(node, "node-started").map(|event| event.text.clone());
    Some(
        Finding::new("restart-loop", Severity::Alarm, text)
            .node(node)
            .saw(evidence)
            .saw([format!("the last start was at {}", vitals.started)])
            .helps(format!("look at the log of {node} before each start: why does it stop?")),
    )
}

/// Something is committed, and this replica does not apply it while others do.
fn apply(scene: &Scene, node: &str, vitals: &Vitals) -> Option<Finding> {
    // Whose own log holds nothing more to apply waits for others. Older nodes do not tell its end.
    let could = |replica: &Replica| replica.last == 0 || replica.last > replica.applied;
    let stuck = vitals.replicas.iter().find(|r| r.stuck_ms >= STUCK_MS && could(r))?;
    let further = scene
        .answered()
        .filter(|(other, _)| *other != node)
        .flat_map(|(other, vitals)| vitals.replicas.iter().map(move |replica| (other, replica)))
        .filter(|(_, replica)| replica.shard == stuck.shard && replica.applied > stuck.applied);
    let further: Vec<String> = further
        .map(|(other, replica)| format!("{other} has applied up to {}", replica.applied))
        .collect();
    if further.is_empty() {
        return None;
    }
    let place = format!("{} (s{})", stuck.keyspace, stuck.shard);
    let text = format!("the replica of {place} on {node} stands still");
    let seconds = stuck.stuck_ms / 1000;
    Some(
        Finding::new("stuck-apply", Severity::Alarm, text)
            .node(node)
            .saw([format!(
                "its log goes up to {}, of which {} is committed; it has applied {} and nothing \
                 more for {seconds} s",
                stuck.last, stuck.commit, stuck.applied
            )])
            .saw(further)
            .helps(format!("restart {node}; if it stands still again, replace its replica")),
    )
}

/// A way that is slow, and whose end it is.
fn links(scene: &Scene, sick: &[String]) -> Vec<Finding> {
    let nodes: Vec<&str> = scene.nodes.iter().map(|seen| seen.node.as_str()).collect();
    let mut ways: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (at, a) in nodes.iter().enumerate() {
        for b in nodes.iter().skip(at + 1) {
            let both = [scene.peer(a, b), scene.peer(b, a)];
            let least = both.into_iter().flatten().filter_map(|peer| peer.rtt_us).min();
            ways.extend(least.map(|us| ((*a, *b), us)));
        }
    }
    let fastest = ways.values().copied().min().unwrap_or(0);
    let is_slow = |us: u64| us >= SLOW_RTT_US && us >= TIMES * fastest.max(1);
    let mut findings = Vec::new();
    for node in nodes.iter().filter(|node| !sick.iter().any(|other| other == *node)) {
        let mine: Vec<_> = ways.iter().filter(|((a, b), _)| a == node || b == node).collect();
        let slow = mine.iter().filter(|(_, us)| is_slow(**us)).count();
        if mine.len() < 2 || slow < mine.len() {
            continue;
        }
        let text = format!("every way to and from {node} is slow");
        let evidence = mine.iter().map(|((a, b), us)| way_text(a, b, **us));
        findings.push(
            Finding::new("slow-link", Severity::Warning, text)
                .node(node)
                .saw(evidence)
                .saw([format!(
                    "the fastest way of the cluster takes {} ms",
                    fastest as f64 / 1000.0
                )])
                .helps(format!("look at the network of {node}: ping it from the others")),
        );
    }
    // One way alone: no end of it is to blame.
    let alone = ways.iter().filter(|(_, us)| is_slow(**us));
    for ((a, b), us) in alone.filter(|_| findings.is_empty()).collect::<Vec<_>>() {
        let text = format!("the way between {a} and {b} is slow");
        let finding = Finding::new("slow-link", Severity::Warning, text).fault("network");
        let command = format!("look at the network between {a} and {b}");
        findings.push(finding.saw([way_text(a, b, *us)]).helps(command));
    }
    findings
}

fn way_text(a: &str, b: &str, us: u64) -> String {
    format!("{a} to {b} and back takes {} ms", us as f64 / 1000.0)
}

/// A replica that is sent one snapshot after another.
fn snapshots(scene: &Scene, sick: &[String]) -> Vec<Finding> {
    let mut sent: BTreeMap<(String, u64), (usize, u64)> = BTreeMap::new();
    for (node, _) in scene.answered() {
        let kinds = ["snapshot-sent", "snapshot-restarted"];
        for event in kinds.into_iter().flat_map(|kind| scene.lately(node, kind)) {
            if let (Some(peer), Some(shard)) = (event.word("peer"), event.shard) {
                let (count, newest) = sent.entry((peer.to_string(), shard)).or_default();
                *count += 1;
                *newest = (*newest).max(time::parse(&event.time).unwrap_or(scene.now_ms));
            }
        }
    }
    let mut worst: Vec<_> =
        sent.into_iter().filter(|(_, (count, _))| *count >= SNAPSHOTS).collect();
    worst.retain(|((peer, shard), (_, newest))| {
        let quiet = scene.now_ms.saturating_sub(*newest) >= QUIET_MS;
        let over = quiet && caught_up(scene, peer, *shard);
        !over && !sick.contains(peer)
    });
    worst.sort_by_key(|(_, (count, _))| core::cmp::Reverse(*count));
    let find = |((peer, shard), (count, _)): ((String, u64), (usize, u64))| {
        let text = format!("{peer} is sent one snapshot after another and does not catch up");
        Finding::new("snapshot-loop", Severity::Warning, text)
            .node(&peer)
            .saw([format!("{count} snapshots of s{shard} within ten minutes")])
            .helps(format!(
                "look at disk and memory of {peer}: it applies slower than others write"
            ))
    };
    worst.into_iter().take(1).map(find).collect()
}

/// Whether a replica holds what is committed: then the last snapshot was the last one.
fn caught_up(scene: &Scene, node: &str, shard: u64) -> bool {
    let vitals = scene.answered().find(|(other, _)| *other == node).map(|(_, vitals)| vitals);
    let replica = vitals.and_then(|v| v.replicas.iter().find(|replica| replica.shard == shard));
    replica.is_some_and(|replica| replica.stuck_ms < STUCK_MS)
}
