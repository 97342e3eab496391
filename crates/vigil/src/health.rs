//! From vitals to alarms, and to one number. An alarm has a threshold at which somebody must look,
//! and goes away by itself when its reason does.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::vitals::{Alarm, Health, Vitals};

/// Something that is wrong at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which.
    pub kind: &'static str,
    /// A sentence for people.
    pub text: String,
    /// Points off a hundred.
    pub weight: u64,
    /// Where to read on.
    pub page: &'static str,
}

/// Every kind of alarm.
pub const KINDS: [&str; 11] = [
    "disk-full",
    "slow-disk",
    "quorum-lost",
    "quorum-risk",
    "peer-silent",
    "clock",
    "no-leader",
    "apply-stuck",
    "queue",
    "restarts",
    "burn-rate",
];

/// Milliseconds without a word of a node that is connected every half second.
pub const SILENT_MS: u64 = 2_000;
/// Milliseconds of a sync in the slowest hundredth, above which a disk is slow.
pub const SLOW_SYNC_US: u64 = 100_000;
/// Milliseconds between two clocks.
pub const CLOCK_MS: u64 = 250;
/// Milliseconds without a leader, or without progress.
pub const STUCK_MS: u64 = 3_000;
/// Starts within ten minutes.
pub const STARTS: u64 = 3;

const PAGE: &str = "/v1/doctor";

/// Everything that is wrong with a node, by its vitals (of which alarms and health are not read).
#[must_use]
pub fn judge(vitals: &Vitals) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut say = |kind, weight, page, text| {
        troubles.push(Trouble { kind, text, weight, page });
    };
    if vitals.disk.full {
        let text = "the disk is full: writes are refused".to_string();
        say("disk-full", 50, "/v1/errors/disk-full", text);
    }
    if let Some(us) = vitals.disk.sync.p99_us.filter(|us| *us >= SLOW_SYNC_US) {
        let text = format!("the slowest syncs of the disk take {} ms", us / 1000);
        say("slow-disk", 25, PAGE, text);
    }
    let silent = |peer: &&crate::vitals::Peer| peer.silence_ms.is_none_or(|ms| ms >= SILENT_MS);
    let gone: Vec<&str> = vitals.peers.iter().filter(silent).map(|p| p.node.as_str()).collect();
    let (heard, all) = (vitals.peers.len() - gone.len() + 1, vitals.peers.len() + 1);
    if heard <= all / 2 {
        let text = format!("hears only {heard} of {all} nodes: no majority");
        say("quorum-lost", 60, PAGE, text);
    } else if !gone.is_empty() {
        let weight = if heard - 1 <= all / 2 { 20 } else { 10 };
        let text = format!("nothing is heard of {}", gone.join(" "));
        say("peer-silent", weight, PAGE, text);
        if heard - 1 <= all / 2 {
            say(
                "quorum-risk",
                10,
                PAGE,
                "one more lost node, and there is no majority".to_string(),
            );
        }
    }
    if let Some(ms) = skew(vitals) {
        let text = format!("this node's clock is {ms} ms off those of a majority");
        say("clock", 25, PAGE, text);
    }
    for replica in &vitals.replicas {
        let place = format!("{} (s{})", replica.keyspace, replica.shard);
        if replica.leaderless_ms >= STUCK_MS {
            let text = format!("{place} has had no leader for {} s", replica.leaderless_ms / 1000);
            say("no-leader", 30, "/v1/errors/unavailable", text);
        } else if replica.stuck_ms >= STUCK_MS {
            let text = format!("{place} has applied nothing for {} s", replica.stuck_ms / 1000);
            say("apply-stuck", 30, PAGE, text);
        }
    }
    for queue in vitals.queues.iter().filter(|q| q.limit > 0 && q.depth >= q.limit / 2) {
        let text = format!("the queue '{}' is half full", queue.name);
        say("queue", 15, "/v1/errors/overloaded", text);
    }
    if vitals.starts_10m > STARTS {
        let text = format!("{} starts within ten minutes", vitals.starts_10m);
        say("restarts", 20, PAGE, text);
    }
    for text in &vitals.burning {
        say("burn-rate", 15, "/v1/slo", text.clone());
    }
    troubles
}

/// How far this node's clock is from those of a majority, if it is: a node that differs from one
/// other only may be the one that is right.
#[must_use]
pub fn skew(vitals: &Vitals) -> Option<i64> {
    let mut off: Vec<i64> = Vec::new();
    for peer in &vitals.peers {
        // The answer to a question over a slow link says nothing finer than half of its way.
        let doubt = peer.rtt_us.unwrap_or(0) / 2000;
        let ahead = peer.clock_ms.filter(|ms| ms.unsigned_abs() > CLOCK_MS + doubt);
        off.extend(ahead.map(|ms| -ms));
    }
    let known = vitals.peers.iter().filter(|peer| peer.clock_ms.is_some()).count();
    off.sort_unstable();
    let same = |a: i64, b: i64| a.abs_diff(b) <= 2 * CLOCK_MS;
    let middle = *off.get(off.len() / 2)?;
    let agree = off.iter().filter(|ms| same(**ms, middle)).count();
    // All others that are known are off by the same: then it is this one.
    (known >= 2 && agree == known).then_some(middle)
}

/// The alarms of these troubles; what was wrong before keeps its beginning.
#[must_use]
pub fn alarms(troubles: &[Trouble], before: &[Alarm], now: &str) -> Vec<Alarm> {
    let alarm = |trouble: &Trouble| {
        let known = before.iter().find(|alarm| alarm.kind == trouble.kind);
        Alarm {
            kind: trouble.kind.to_string(),
            since: known.map_or(now, |alarm| &alarm.since).to_string(),
            text: trouble.text.clone(),
            page: trouble.page.to_string(),
        }
    };
    let mut alarms: Vec<Alarm> = Vec::new();
    for trouble in troubles {
        if alarms.iter().all(|alarm| alarm.kind != trouble.kind) {
            alarms.push(alarm(trouble));
        }
    }
    alarms
}

/// The number of these troubles.
#[must_use]
pub fn health(troubles: &[Trouble]) -> Health {
    let off: u64 = troubles.iter().map(|trouble| trouble.weight).sum();
    let reasons = troubles.iter().map(|trouble| trouble.text.clone()).collect();
    Health { score: 100u64.saturating_sub(off), reasons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vitals::{Peer, Queue};
    use alloc::vec;

    fn peer(node: &str, silence_ms: u64, clock_ms: i64) -> Peer {
        Peer {
            node: node.to_string(),
            connected: true,
            silence_ms: Some(silence_ms),
            rtt_us: Some(400),
            clock_ms: Some(clock_ms),
        }
    }

    fn kinds(vitals: &Vitals) -> Vec<&'static str> {
        judge(vitals).iter().map(|trouble| trouble.kind).collect()
    }

    #[test]
    fn a_well_node_has_a_hundred_points() {
        let vitals =
            Vitals { peers: vec![peer("n2", 100, 3), peer("n3", 0, -2)], ..Vitals::default() };
        assert_eq!(judge(&vitals), []);
        assert_eq!(health(&[]), Health { score: 100, reasons: vec![] });
    }

    #[test]
    fn who_is_not_heard_of_is_named_until_there_is_no_majority() {
        let one =
            Vitals { peers: vec![peer("n2", 9000, 0), peer("n3", 0, 0)], ..Vitals::default() };
        assert_eq!(kinds(&one), ["peer-silent", "quorum-risk"]);
        assert!(judge(&one)[0].text.contains("n2"));
        let both = Vitals { peers: vec![peer("n2", 9000, 0), peer("n3", 9000, 0)], ..one };
        assert_eq!(kinds(&both), ["quorum-lost"]);
    }

    #[test]
    fn a_clock_is_off_if_all_others_say_so() {
        let clocks =
            |a, b| Vitals { peers: vec![peer("n2", 0, a), peer("n3", 0, b)], ..Vitals::default() };
        assert_eq!(skew(&clocks(-4000, -4010)), Some(4010));
        assert_eq!(skew(&clocks(-4000, 3)), None, "then n2 is off");
        assert_eq!(skew(&clocks(-4000, 4000)), None, "then nobody knows");
        let mut slow = clocks(-400, -400);
        slow.peers.iter_mut().for_each(|peer| peer.rtt_us = Some(800_000));
        assert_eq!(skew(&slow), None, "the links may be to blame");
    }

    #[test]
    fn alarms_keep_their_beginning_and_go_away() {
        let mut vitals = Vitals { starts_10m: 9, ..Vitals::default() };
        vitals.queues.push(Queue { name: "inbox".into(), depth: 6, limit: 10, ..Queue::default() });
        let first = alarms(&judge(&vitals), &[], "one");
        assert_eq!(first.len(), 2);
        vitals.queues.clear();
        let second = alarms(&judge(&vitals), &first, "two");
        assert_eq!((second.len(), second[0].since.as_str()), (1, "one"));
        assert!(health(&judge(&vitals)).score < 100);
        assert!(judge(&vitals).iter().all(|trouble| KINDS.contains(&trouble.kind)));
    }
}
