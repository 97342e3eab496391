//! What is kept, and for how long.

use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Request, Stage};
use crate::time;

/// Parts of requests that are written down. At a hundred thousand per second they last for 40 ms,
/// which is longer than the slowest request of that second should take; what is slower by itself
/// is kept apart.
const PARTS_MAX: usize = 4096;
/// Parts that are searched for those of a request that ends.
const LATEST: usize = 512;
/// Slowest requests of every minute …
const SLOWEST: usize = 10;
/// … and for how many minutes.
const MINUTES: usize = 10;
/// Failed requests that are kept.
const FAILED_MAX: usize = 64;
/// Sampled requests that are kept.
const SAMPLED_MAX: usize = 64;
/// Slow parts that are kept for other nodes' requests …
const SLOW_PARTS_MAX: usize = 256;
/// … and those of sampled requests: up to five each, of as many as three nodes keep.
const SAMPLED_PARTS_MAX: usize = 1024;

/// What a node did for a request. Times are microseconds since 1970 and durations in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Of which trace.
    pub trace_id: u128,
    /// Whether every node keeps what it does for the trace.
    pub kept: bool,
    /// When it ended.
    pub end_us: u64,
    /// What was done.
    pub did: Did,
}

/// What a node can do for a request, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// The stages of a write on its leader. One that committed before it was durable there has no
    /// `local`.
    #[allow(missing_docs, reason = "the names are those of the stages")]
    Round { queue: u64, local: Option<u64>, commit: u64, apply: u64 },
    /// A call of another node was answered.
    Served(u64),
    /// On a follower, the leader's entry became durable.
    Persisted(u64),
    /// On a follower, the leader's entry arrived, was learned to be committed, and was applied.
    #[allow(missing_docs, reason = "the names are those of the stages")]
    Learned { learn: u64, apply: u64 },
}

/// A request that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its trace.
    pub trace_id: u128,
    /// Whether it was a write.
    pub mutation: bool,
    /// Of which keyspace.
    pub keyspace: String,
    /// The error code; `None` for success.
    pub failed: Option<&'static str>,
    /// Whether it is kept however fast it was.
    pub kept: bool,
    /// When it ended.
    pub end_us: u64,
    /// How long it took.
    pub took_us: u64,
}

/// Why a request is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Slow,
    Failed,
    Sampled,
}

/// Parts of all requests, and the requests that are worth keeping.
#[derive(Clone, Debug)]
pub struct Store {
    node: String,
    parts: Vec<Part>,
    next: usize,
    slow_parts: VecDeque<Part>,
    sampled_parts: VecDeque<Part>,
    /// The slowest of a minute, by minute.
    slowest: VecDeque<(u64, Vec<Ending>)>,
    failed: VecDeque<Ending>,
    sampled: VecDeque<Ending>,
}

/// A request that is kept. Its parts are found when somebody asks, or it leaves the ring.
#[derive(Clone, Debug)]
struct Ending {
    request: Ended,
    parts: Vec<Part>,
}

impl Store {
    /// An empty store of this node. All room for parts is taken at once.
    #[must_use]
    pub fn new(node: String) -> Store {
        Store {
            node,
            parts: Vec::with_capacity(PARTS_MAX),
            next: 0,
            slow_parts: VecDeque::new(),
            sampled_parts: VecDeque::new(),
            slowest: VecDeque::new(),
            failed: VecDeque::new(),
            sampled: VecDeque::new(),
        }
    }

    /// Writes down what was done for a request.
    pub fn part(&mut self, part: Part) {
        match self.parts.get_mut(self.next) {
            Some(oldest) => *oldest = part,
            None => self.parts.push(part),
        }
        self.next = (self.next + 1) % PARTS_MAX;
        if part.kept {
            push(&mut self.sampled_parts, part, SAMPLED_PARTS_MAX);
        } else if part.took() >= self.slow_us(part.end_us) {
            push(&mut self.slow_parts, part, SLOW_PARTS_MAX);
        }
    }

    /// A request ended; whether it is kept for being slow, for having failed, or as a sample.
    pub fn ended(&mut self, request: Ended) -> bool {
        let why = if request.failed.is_some() {
            Why::Failed
        } else if request.took_us > self.slow_us(request.end_us) {
            Why::Slow
        } else if request.kept {
            Why::Sampled
        } else {
            return false;
        };
        let parts = self.latest(request.trace_id);
        let ending = Ending { request, parts };
        match why {
            Why::Slow => self.keep_slow(ending),
            Why::Failed => push(&mut self.failed, ending, FAILED_MAX),
            Why::Sampled => push(&mut self.sampled, ending, SAMPLED_MAX),
        }
        true
    }

    /// The slowest that are kept, slowest first.
    #[must_use]
    pub fn slowest(&self, count: usize) -> Vec<Request> {
        let mut all: Vec<&Ending> = self.all().collect();
        all.sort_by_key(|ending| core::cmp::Reverse(ending.request.took_us));
        all.into_iter().take(count).map(|ending| self.show(ending)).collect()
    }

    /// The newest that are kept, newest first.
    #[must_use]
    pub fn recent(&self, count: usize) -> Vec<Request> {
        let mut all: Vec<&Ending> = self.all().collect();
        all.sort_by_key(|ending| core::cmp::Reverse(ending.request.end_us));
        all.into_iter().take(count).map(|ending| self.show(ending)).collect()
    }

    /// What is known of one trace: the request if it was asked here, else the parts done here.
    #[must_use]
    pub fn find(&self, trace_id: u128) -> Option<Request> {
        if let Some(ending) = self.all().find(|ending| ending.request.trace_id == trace_id) {
            return Some(self.show(ending));
        }
        let parts = self.of(trace_id);
        let start = parts.iter().map(Part::start).min()?;
        let end = parts.iter().map(|part| part.end_us).max()?;
        Some(Request {
            trace_id: hex(trace_id),
            op: "part".to_string(),
            started: time::rfc3339(start / 1000),
            took_us: end.saturating_sub(start),
            stages: self.stages(&parts, start),
            ..Request::default()
        })
    }

    /// Requests that take longer are among the slowest of this minute.
    fn slow_us(&self, now_us: u64) -> u64 {
        match self.slowest.back() {
            Some((minute, slowest)) if *minute == now_us / 60_000_000 => match slowest.len() {
                SLOWEST => slowest.last().map_or(0, |least| least.request.took_us),
                _ => 0,
            },
            _ => 0,
        }
    }

    fn keep_slow(&mut self, ending: Ending) {
        let minute = ending.request.end_us / 60_000_000;
        if self.slowest.back().is_none_or(|(newest, _)| *newest < minute) {
            self.slowest.push_back((minute, Vec::new()));
            if self.slowest.len() > MINUTES {
                self.slowest.pop_front();
            }
        }
        if let Some((_, slowest)) = self.slowest.back_mut() {
            let took = ending.request.took_us;
            let at = slowest.partition_point(|other| other.request.took_us >= took);
            slowest.insert(at, ending);
            slowest.truncate(SLOWEST);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Ending> {
        let slowest = self.slowest.iter().flat_map(|(_, slowest)| slowest);
        slowest.chain(&self.failed).chain(&self.sampled)
    }

    /// The parts of a trace among the latest: a request that ends had its parts a moment ago, and
    /// a storm of failures must not search through all.
    fn latest(&self, trace_id: u128) -> Vec<Part> {
        let (older, newer) = self.parts.split_at(self.next.min(self.parts.len()));
        let latest = older.iter().rev().chain(newer.iter().rev()).take(LATEST);
        latest.filter(|part| part.trace_id == trace_id).copied().collect()
    }

    /// The parts of a trace that are still known.
    fn of(&self, trace_id: u128) -> Vec<Part> {
        let mut parts: Vec<Part> =
            self.parts.iter().filter(|part| part.trace_id == trace_id).copied().collect();
        let longer = self.slow_parts.iter().chain(&self.sampled_parts);
        for part in longer.filter(|part| part.trace_id == trace_id) {
            if !parts.contains(part) {
                parts.push(*part);
            }
        }
        parts
    }

    fn show(&self, ending: &Ending) -> Request {
        let Ended { trace_id, mutation, keyspace, failed, end_us, took_us, .. } = &ending.request;
        let start = end_us.saturating_sub(*took_us);
        // What was kept with it, and what was written down after it ended: a write is answered
        // and told of in one batch, in any order.
        let mut parts = ending.parts.clone();
        let later = self.of(*trace_id).into_iter();
        parts.extend(later.filter(|part| !ending.parts.contains(part)));
        Request {
            trace_id: hex(*trace_id),
            op: if *mutation { "write" } else { "read" }.to_string(),
            keyspace: keyspace.clone(),
            outcome: failed.unwrap_or("ok").to_string(),
            started: time::rfc3339(start / 1000),
            took_us: *took_us,
            stages: self.stages(&parts, start),
        }
    }

    fn stages(&self, parts: &[Part], start: u64) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        let mut stage = |name: &str, from: u64, took_us| {
            stages.push(Stage {
                stage: name.to_string(),
                node: self.node.clone(),
                start_us: from.saturating_sub(start),
                took_us,
            });
        };
        for part in parts {
            let end = part.end_us;
            match part.did {
                Did::Served(took) => stage("served", end.saturating_sub(took), took),
                Did::Round { queue, local, commit, apply } => {
                    let proposed = end.saturating_sub(apply + commit);
                    stage("queue", proposed.saturating_sub(queue), queue);
                    if let Some(local) = local {
                        stage("local", proposed, local);
                    }
                    stage("commit", proposed, commit);
                    stage("apply", end.saturating_sub(apply), apply);
                }
                Did::Persisted(took) => stage("persist", end.saturating_sub(took), took),
                Did::Learned { learn, apply } => {
                    stage("learn", end.saturating_sub(apply + learn), learn);
                    stage("apply", end.saturating_sub(apply), apply);
                }
            }
        }
        stages.sort_by_key(|stage| stage.start_us);
        stages
    }
}

impl Part {
    fn took(&self) -> u64 {
        match self.did {
            Did::Round { queue, commit, apply, .. } => queue + commit + apply,
            Did::Served(took) | Did::Persisted(took) => took,
            Did::Learned { learn, apply } => learn + apply,
        }
    }

    fn start(&self) -> u64 {
        self.end_us.saturating_sub(self.took())
    }
}

fn push<T>(ring: &mut VecDeque<T>, new: T, max: usize) {
    ring.push_back(new);
    if ring.len() > max {
        ring.pop_front();
    }
}

fn hex(trace_id: u128) -> String {
    format!("{trace_id:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000;

    fn ended(trace_id: u128, took_us: u64, end_us: u64) -> Ended {
        let (keyspace, kept) = ("carts".into(), false);
        Ended { trace_id, mutation: true, keyspace, failed: None, kept, end_us, took_us }
    }

    fn round(trace_id: u128, end_us: u64, commit: u64) -> Part {
        part(trace_id, end_us, Did::Round { queue: 10, local: Some(commit / 2), commit, apply: 5 })
    }

    fn part(trace_id: u128, end_us: u64, did: Did) -> Part {
        Part { trace_id, kept: false, end_us, did }
    }

    #[test]
    fn the_slowest_of_every_minute_are_kept_with_their_stages() {
        let mut store = Store::new("n1".into());
        for minute in 0..3u64 {
            for n in 0..1000u64 {
                let (id, end) =
                    (u128::from(minute * 1000 + n) + 1, minute * MINUTE + 1_000 * n + 5_000);
                let took = (n * 7919) % 1000;
                store.part(round(id, end, took));
                store.ended(ended(id, took + 15, end));
            }
        }
        let slowest = store.slowest(30);
        assert_eq!(slowest.len(), 30);
        assert!(slowest.iter().all(|request| request.took_us >= 990 + 15), "{slowest:?}");
        let stages: Vec<_> =
            slowest[0].stages.iter().map(|s| (s.stage.as_str(), s.start_us, s.took_us)).collect();
        assert_eq!(
            stages,
            [("queue", 0, 10), ("local", 10, 499), ("commit", 10, 999), ("apply", 1009, 5)]
        );
        assert!(store.all().count() <= MINUTES * SLOWEST + FAILED_MAX + SAMPLED_MAX);
    }

    #[test]
    fn failures_are_kept_however_fast_and_a_sample_of_the_rest() {
        let mut store = Store::new("n1".into());
        (0..10).for_each(|n| assert!(store.ended(ended(n + 1, 9_000, 1))));
        let failed = Ended { failed: Some("unavailable"), ..ended(77, 1, 2) };
        assert!(store.ended(failed));
        assert_eq!(store.find(77).unwrap().outcome, "unavailable");
        assert!(!store.ended(ended(100, 10, 3)), "nothing tells it from others");
        assert!(store.ended(Ended { kept: true, ..ended(101, 10, 3) }));
        assert_eq!(store.recent(1)[0].took_us, 10);
    }

    #[test]
    fn parts_of_sampled_requests_outlive_the_ring() {
        let mut store = Store::new("n3".into());
        let kept = |did| Part { kept: true, ..part(7, 5_000_000, did) };
        (0..SLOWEST as u128).for_each(|n| assert!(store.ended(ended(n + 20, 9_000, 5_000_000))));
        store.part(kept(Did::Persisted(30)));
        store.part(kept(Did::Learned { learn: 70, apply: 10 }));
        for n in 0..2 * PARTS_MAX as u128 {
            store.part(round(n + 1000, 5_000_000, 1));
        }
        let request = store.find(7).unwrap();
        assert!(request.follows());
        let stages = request.stages.iter().map(|s| (s.stage.as_str(), s.start_us, s.took_us));
        let wanted = [("learn", 0, 70), ("persist", 50, 30), ("apply", 70, 10)];
        assert_eq!(stages.collect::<Vec<_>>(), wanted);
        (0..=SAMPLED_PARTS_MAX)
            .for_each(|_| store.part(Part { trace_id: 8, ..kept(Did::Served(1)) }));
        (0..PARTS_MAX).for_each(|_| store.part(part(9, 1, Did::Served(1))));
        assert_eq!(store.find(7), None, "within bounds");
    }

    #[test]
    fn parts_of_other_nodes_requests_are_found_by_their_trace() {
        let mut store = Store::new("n2".into());
        store.part(part(7, 5_000_000, Did::Served(300)));
        store.part(round(7, 4_999_950, 200));
        let part = store.find(7).unwrap();
        assert_eq!((part.op.as_str(), part.took_us, part.stages.len()), ("part", 300, 5));
        assert_eq!(part.stages[0].stage, "served");
        // Slow ones survive the ring.
        for n in 0..PARTS_MAX as u128 + 1 {
            store.ended(ended(n + 1000, 100, 5_000_000));
            store.part(round(n + 1000, 5_000_000, 1));
        }
        assert!(store.find(7).is_some());
        assert_eq!(store.find(6), None);
    }
}
