//! Watches: a stream to each server, and what came over it.
//!
//! Answers to requests are compared as they come; events, and the ends of watches, by watch, once
//! both servers have sent as much as each other. The header of an event is left out: it says how
//! far the server was when it sent it. That a revision comes in one answer is looked at, though.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kernel::Rng;
use layers::coordination::{ChangesRequest, ResponseHeader};
use prost::Message;
use tokio::sync::mpsc;
use tonic::Streaming;

use crate::{
    ambient, draw,
    message::{
        WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
        Wish,
    },
    wire::{PATIENCE, Requests, Server},
};

const WATCH: &str = "/etcdserverpb.Watch/Watch";
/// Watches at most.
const WATCHES: usize = 12;
/// How long nothing more may come before what came counts as all.
const QUIET: Duration = Duration::from_millis(20);

/// How long etcd may take to begin with the past: it looks ten times a second.
const PAST: Duration = Duration::from_millis(250);

/// What came, by watch.
type Came = Arc<Mutex<BTreeMap<i64, Vec<String>>>>;

/// The stream to one server.
struct Side {
    requests: Requests,
    /// Answers to requests.
    answers: mpsc::UnboundedReceiver<WatchResponse>,
    came: Came,
}

/// The streams to both.
pub struct Watches {
    sides: [Side; 2],
    live: Vec<i64>,
    /// The greatest id so far.
    given: i64,
    /// When a watch last began in the past.
    past: Instant,
    /// The revision that history was last compacted at.
    pub compacted: i64,
    /// Watches that began at such a revision, and which.
    from_compacted: BTreeMap<i64, i64>,
    /// Events that were equal.
    pub events: u64,
    /// Events that etcd had compacted away.
    pub swept: u64,
}

impl Side {
    async fn open(server: &mut Server) -> Result<Side, String> {
        let first = said(Wish::Progress(WatchProgressRequest {}));
        let opened = server.talk(WATCH, first).await;
        let (requests, stream) = opened.map_err(|status| format!("watch: {status}"))?;
        let (sender, answers) = mpsc::unbounded_channel();
        let came = Came::default();
        tokio::spawn(read(stream, sender, came.clone()));
        Ok(Side { requests, answers, came })
    }

    fn taken(&self) -> BTreeMap<i64, Vec<String>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answer(&mut self) -> Result<WatchResponse, String> {
        match tokio::time::timeout(PATIENCE, self.answers.recv()).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err("the watch stream ended".into()),
            Err(_) => Err("no answer on the watch stream".into()),
        }
    }
}

/// Whether the watch ended.
fn ends(list: &[String]) -> bool {
    list.last().is_some_and(|last| last.contains("canceled: true"))
}

fn said(wish: Wish) -> Bytes {
    WatchRequest { wish: Some(wish) }.encode_to_vec().into()
}

/// Sorts what comes: answers to requests here, events and ends by watch there.
async fn read(
    mut stream: Streaming<Bytes>,
    answers: mpsc::UnboundedSender<WatchResponse>,
    came: Came,
) {
    let mut newest = BTreeMap::new();
    while let Ok(Some(bytes)) = stream.message().await {
        let mut found = WatchResponse::decode(bytes.clone()).unwrap_or_default();
        if found.encode_to_vec() != bytes {
            found.cancel_reason = format!("has unknown fields: {bytes:?}");
            found.created = true;
        }
        if found.created || found.watch_id == -1 {
            let _ = answers.send(found);
            continue;
        }
        if found.events.is_empty() && !found.canceled {
            // How far it has come, which both say every ten minutes, each at a time of its own.
            continue;
        }
        let mut came = came.lock().unwrap_or_else(PoisonError::into_inner);
        let list = came.entry(found.watch_id).or_default();
        let revision =
            |event: &layers::coordination::Event| event.kv.as_ref().map(|kv| kv.mod_revision);
        let first = found.events.first().and_then(revision);
        let last = newest.entry(found.watch_id).or_insert(None);
        if first.is_some() && *last >= first {
            list.push("a revision came in two answers".into());
        }
        *last = found.events.last().and_then(revision).or(*last);
        list.extend(found.events.iter().map(|event| format!("{event:?}")));
        if found.canceled {
            (found.header, found.events) = (None, Vec::new());
            *last = None;
            list.push(format!("{found:?}"));
        }
    }
}

/// A request for a watch. An id of ours is one that lives, or one that was never given: at etcd, an
/// id stays taken when compaction ended its watch.
fn create(rng: &mut Rng, newest: i64, live: &[i64], given: i64) -> WatchCreateRequest {
    let start_revision = if rng.below(2) == 0 { 0 } else { draw::revision(rng, newest).max(0) };
    let watch_id = match (start_revision, rng.below(4)) {
        (0, 0) => given + 1 + rng.below(3) as i64,
        (0, 1) => rng.pick(live).copied().unwrap_or(0),
        _ => 0,
    };
    let filters = match rng.below(8) {
        0 => vec![0],
        1 => vec![1],
        2 => vec![0, 1],
        _ => Vec::new(),
    };
    let changes = ChangesRequest { key: draw::key(rng), ..ChangesRequest::default() };
    WatchCreateRequest {
        key: changes.key,
        range_end: match rng.below(4) {
            0 => Bytes::new(),
            1 => Bytes::from_static(b"\0"),
            _ => draw::key(rng),
        },
        start_revision,
        progress_notify: rng.below(8) == 0,
        filters,
        prev_kv: rng.below(2) == 0,
        watch_id,
        fragment: rng.below(4) == 0,
    }
}

impl Watches {
    /// Opens the streams.
    pub async fn open(servers: &mut [Server; 2]) -> Result<Watches, String> {
        let [left, right] = servers;
        let mut sides = [Side::open(left).await?, Side::open(right).await?];
        for side in &mut sides {
            side.answer().await?;
        }
        Ok(Watches {
            sides,
            live: Vec::new(),
            given: 0,
            past: ambient::now(),
            compacted: 0,
            from_compacted: BTreeMap::new(),
            events: 0,
            swept: 0,
        })
    }

    /// Says the same to both servers and compares the answers.
    async fn say(&mut self, wish: Wish) -> Result<[WatchResponse; 2], String> {
        for side in &self.sides {
            let _ = side.requests.send(said(wish.clone()));
        }
        let [left, right] = &mut self.sides;
        Ok([left.answer().await?, right.answer().await?])
    }

    /// Begins a watch, ends one, or asks how far they have come. What two servers answered.
    pub async fn step(
        &mut self,
        rng: &mut Rng,
        newest: i64,
    ) -> Result<Option<(String, [String; 2])>, String> {
        if rng.below(6) == 0 {
            return self.progress(newest).await.map(|()| None);
        }
        if !self.live.is_empty() && (self.live.len() >= WATCHES || rng.below(4) == 0) {
            let id = self.live[rng.below(self.live.len() as u64) as usize];
            return self.cancel(id).await.map(|()| None);
        }
        let request = create(rng, newest, &self.live, self.given);
        let (described, from) = (format!("{request:?}"), request.start_revision);
        let answers = self.say(Wish::Create(request)).await?;
        if from != 0 {
            self.past = ambient::now();
        }
        if answers.iter().all(|answer| !answer.canceled) {
            let id = answers[0].watch_id;
            self.live.push(id);
            self.given = self.given.max(id);
            if from > 0 && from == self.compacted {
                self.from_compacted.insert(id, from);
            }
        }
        Ok(Some((described, answers.map(normal))))
    }

    async fn cancel(&mut self, id: i64) -> Result<(), String> {
        self.agree().await?;
        if !self.live.contains(&id) {
            return Ok(());
        }
        for side in &self.sides {
            let wish = Wish::Cancel(WatchCancelRequest { watch_id: id });
            let _ = side.requests.send(said(wish));
        }
        let ended = async {
            while !self
                .sides
                .iter()
                .all(|side| side.taken().get(&id).is_some_and(|list| ends(list)))
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        self.live.retain(|live| *live != id);
        ended.map_err(|_| format!("watch {id} was cancelled and goes on"))
    }

    /// Both have to say, in time, that they have come to the newest revision.
    async fn progress(&mut self, newest: i64) -> Result<(), String> {
        let reached = async {
            loop {
                let answers = self.say(Wish::Progress(WatchProgressRequest {})).await?;
                let revision = |answer: &WatchResponse| answer.header.map_or(0, |h| h.revision);
                if answers.iter().any(|answer| revision(answer) > newest) {
                    return Err(format!("progress beyond {newest}: {answers:?}"));
                }
                if answers.iter().all(|answer| revision(answer) == newest) {
                    return Ok(());
                }
                tokio::time::sleep(QUIET).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.map_err(|_| format!("progress does not come to {newest}"))?
    }

    /// Waits until both have sent the same, and nothing more comes.
    pub async fn agree(&mut self) -> Result<(), String> {
        tokio::time::sleep(PAST.saturating_sub(self.past.elapsed())).await;
        let taken = || self.sides.each_ref().map(Side::taken);
        let mut tries = PATIENCE.as_millis() / QUIET.as_millis();
        let (mut before, mut equal) = (taken(), 0);
        while equal < 2 {
            tokio::time::sleep(QUIET).await;
            let now = taken();
            let same = now == before && self.difference(&now).is_none();
            equal = if same { equal + 1 } else { 0 };
            before = now;
            tries -= 1;
            if tries == 0 {
                let difference = self.difference(&before);
                return Err(difference.unwrap_or_else(|| "events go on and on".into()));
            }
        }
        let count = |came: &BTreeMap<_, Vec<_>>| came.values().map(Vec::len).sum::<usize>() as u64;
        self.events += count(&before[0]);
        self.swept += count(&before[1]) - count(&before[0]);
        for (id, list) in &before[0] {
            if ends(list) {
                self.live.retain(|live| live != id);
            }
        }
        for side in &self.sides {
            side.came.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(())
    }

    /// The first events that differ, but for what etcd had compacted away.
    fn difference(&self, [left, right]: &[BTreeMap<i64, Vec<String>>; 2]) -> Option<String> {
        let none = Vec::new();
        left.keys().chain(right.keys()).find_map(|id| {
            let (left, right) = (left.get(id).unwrap_or(&none), right.get(id).unwrap_or(&none));
            let swept =
                |cut: &i64| left.iter().eq(right.iter().filter(|event| !removes(event, *cut)));
            if left == right || self.from_compacted.get(id).is_some_and(swept) {
                return None;
            }
            let at = left.iter().zip(right).take_while(|(left, right)| left == right).count();
            Some(format!(
                "watch {id}: {} and {} events, different from {at} on:\n  left  {:?}\n  right {:?}",
                left.len(),
                right.len(),
                left.get(at),
                right.get(at)
            ))
        })
    }
}

/// Whether an event is a key that this revision removed. A compaction at it takes the event from
/// etcd, whose watches may begin there and miss it then (etcd-io/etcd issues 18089 and 19179;
/// later releases tell it).
fn removes(event: &str, revision: i64) -> bool {
    event.contains("r#type: Delete") && event.contains(&format!(" mod_revision: {revision},"))
}

fn normal(mut answer: WatchResponse) -> String {
    answer.header = answer.header.map(|header| {
        let cluster_id = u64::from(header.cluster_id != 0 && header.member_id != 0);
        ResponseHeader { cluster_id, revision: header.revision, ..ResponseHeader::default() }
    });
    format!("{answer:?}")
}
