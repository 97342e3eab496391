//! Requests that wait: for a lock, and to be elected.
//!
//! ```text
//!   request ──▶ both servers ── until the place in the queue is there ──▶ waiting
//!   later     the queue at the first server: nobody before the place ──▶ both must answer, alike
//!                                            somebody before it       ──▶ neither may answer
//!   abandoned   the call is dropped: the place must go, on both
//! ```
//!
//! etcd watches the place before from the revision at which it looked. If history is compacted
//! between the two, its call ends with an error, now and then; ours looks again. Such a place is
//! given up on both sides.

use std::time::Duration;

use bytes::Bytes;
use kernel::Rng;
use layers::coordination::*;
use prost::Message;
use tokio::task::JoinHandle;

use crate::{
    draw,
    normal::{Answer, answer},
    wire::{PATIENCE, Server},
};

const LOCK: &str = "/v3lockpb.Lock/Lock";
const CAMPAIGN: &str = "/v3electionpb.Election/Campaign";
const RESIGN: &str = "/v3electionpb.Election/Resign";
const RANGE: &str = "/etcdserverpb.KV/Range";

/// Places at most, and candidacies that are remembered.
const PLACES: usize = 6;

/// A request that may wait.
#[derive(Clone, Debug)]
pub enum Call {
    Lock(LockRequest),
    Campaign(CampaignRequest),
}

/// A place in a queue.
struct Place {
    call: Call,
    token: i64,
    /// Whether somebody removed it.
    lost: bool,
    calls: [JoinHandle<Answer>; 2],
}

/// All places.
#[derive(Default)]
pub struct Waiting {
    places: Vec<Place>,
    /// What was done last.
    pub last: String,
    /// Candidacies of late, the newest last.
    pub candidates: Vec<LeaderKey>,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were abandoned.
    pub abandoned: u64,
    /// Requests that etcd gave up because history was compacted.
    pub overtaken: u64,
}

/// What two servers said to a request.
pub type Pair = (String, [Answer; 2]);

impl Call {
    fn draw(rng: &mut Rng) -> Call {
        let (name, lease) = (draw::name(rng), draw::lease(rng));
        match rng.below(2) {
            0 => Call::Lock(LockRequest { name, lease }),
            _ => Call::Campaign(CampaignRequest { name, lease, value: draw::put(rng).value }),
        }
    }

    fn place(&self) -> (&Bytes, i64) {
        match self {
            Call::Lock(lock) => (&lock.name, lock.lease),
            Call::Campaign(campaign) => (&campaign.name, campaign.lease),
        }
    }

    fn queue(&self) -> Bytes {
        [&self.place().0[..], b"/"].concat().into()
    }

    fn key(&self) -> Bytes {
        let lease = self.place().1;
        let lease = if lease < 0 { format!("-{:x}", -lease) } else { format!("{lease:x}") };
        [&self.queue()[..], lease.as_bytes()].concat().into()
    }

    fn ask(&self, server: &Server) -> JoinHandle<Answer> {
        let (call, mut server) = (self.clone(), server.clone());
        tokio::spawn(async move {
            match call {
                Call::Lock(lock) => {
                    let body = lock.encode_to_vec().into();
                    answer::<LockResponse>(server.wait(LOCK, body).await)
                }
                Call::Campaign(campaign) => {
                    let body = campaign.encode_to_vec().into();
                    answer::<CampaignResponse>(server.wait(CAMPAIGN, body).await)
                }
            }
        })
    }
}

/// The keys from one on, up to another.
async fn keys(server: &mut Server, key: Bytes, range_end: Bytes) -> Result<Vec<KeyValue>, String> {
    let range = RangeRequest { key, range_end, keys_only: true, ..RangeRequest::default() };
    let found = server.ask(RANGE, &range).await.map_err(|status| status.to_string())?;
    Ok(RangeResponse::decode(found).map_err(|e| e.to_string())?.kvs)
}

/// What stands under a key.
async fn stands(server: &mut Server, key: Bytes) -> Result<Option<KeyValue>, String> {
    Ok(keys(server, key, Bytes::new()).await?.pop())
}

/// The create revision of a key; 0 if it is not there.
async fn made(server: &mut Server, key: Bytes) -> Result<i64, String> {
    Ok(stands(server, key).await?.map_or(0, |kv| kv.create_revision))
}

/// Everything that there is: a few keys.
async fn all(server: &mut Server) -> Result<Vec<KeyValue>, String> {
    let everything = Bytes::from_static(b"\0");
    keys(server, everything.clone(), everything).await
}

/// Whether somebody stands before this place.
fn behind(all: &[KeyValue], call: &Call, token: i64) -> bool {
    let queue = call.queue();
    all.iter().any(|kv| kv.key.starts_with(&queue) && kv.create_revision < token)
}

async fn join(calls: [JoinHandle<Answer>; 2]) -> Result<[Answer; 2], String> {
    let [left, right] = calls;
    let both = async { (left.await, right.await) };
    match tokio::time::timeout(PATIENCE, both).await {
        Ok((Ok(left), Ok(right))) => Ok([left, right]),
        Ok(_) => Err("a call broke off".into()),
        Err(_) => Err("only one of the servers answered, or none".into()),
    }
}

impl Waiting {
    /// Asks for a place, or abandons one.
    pub async fn step(
        &mut self,
        rng: &mut Rng,
        servers: &mut [Server; 2],
    ) -> Result<Option<Pair>, String> {
        if self.places.len() >= PLACES || !self.places.is_empty() && rng.below(8) == 0 {
            let at = rng.below(self.places.len() as u64) as usize;
            // etcd removes what stands under the key, be it the place or not.
            if self.places[at].lost {
                return Ok(None);
            }
            let place = self.places.swap_remove(at);
            self.abandoned += 1;
            self.last = format!("abandoning {:?}", place.call);
            return abandon(place, servers).await.map(|()| None);
        }
        let call = Call::draw(rng);
        self.last = format!("{call:?}");
        let place = stands(&mut servers[0], call.key()).await?;
        // A candidate whose lease is gone and whose key somebody else made: etcd removes that key.
        if place.as_ref().is_some_and(|kv| kv.lease != call.place().1) {
            return Ok(None);
        }
        let token = place.map_or(0, |kv| kv.create_revision);
        // Who has a place that others made or that waits already would wait where we cannot see.
        if token != 0 && behind(&all(&mut servers[0]).await?, &call, token) {
            return Ok(None);
        }
        let calls = [call.ask(&servers[0]), call.ask(&servers[1])];
        let described = format!("{call:?}");
        if token != 0 {
            self.answered += 1;
            return join(calls).await.map(|found| Some((described, found)));
        }
        let mut tokens = [0; 2];
        for side in 0..2 {
            let there = async {
                while !calls[side].is_finished() && tokens[side] == 0 {
                    tokens[side] = made(&mut servers[side], call.key()).await?;
                }
                Ok::<(), String>(())
            };
            let there = tokio::time::timeout(PATIENCE, there).await;
            there.map_err(|_| format!("no place in the queue: {described}"))??;
        }
        let token = made(&mut servers[0], call.key()).await?;
        self.remember(&call, token);
        if token == 0 || !behind(&all(&mut servers[0]).await?, &call, token) {
            self.answered += 1;
            let found = join(calls).await.map_err(|e| format!("{described}: {e}"))?;
            return Ok(Some((described, found)));
        }
        self.places.push(Place { call, token, lost: false, calls });
        Ok(None)
    }

    fn remember(&mut self, call: &Call, rev: i64) {
        let ((name, lease), key) = (call.place(), call.key());
        self.candidates.push(LeaderKey { name: name.clone(), key, rev, lease });
        if self.candidates.len() > PLACES {
            self.candidates.remove(0);
        }
    }

    /// What has been answered since something changed.
    pub async fn look(&mut self, servers: &mut [Server; 2]) -> Result<Vec<Pair>, String> {
        let mut found = Vec::new();
        if self.places.is_empty() {
            return Ok(found);
        }
        let all = all(&mut servers[0]).await?;
        let made = |key: Bytes| all.iter().find(|kv| kv.key == key).map(|kv| kv.create_revision);
        for at in (0..self.places.len()).rev() {
            let place = &mut self.places[at];
            place.lost |= made(place.call.key()) != Some(place.token);
            if behind(&all, &place.call, place.token) {
                let early = place.calls.iter().position(|call| call.is_finished());
                if let (Some(early), false) = (early, place.lost) {
                    let place = self.places.swap_remove(at);
                    self.last = format!("giving up {:?}", place.call);
                    give_up(place, early, servers).await?;
                    self.overtaken += 1;
                }
                continue;
            }
            let Place { call, calls, lost, .. } = self.places.swap_remove(at);
            self.answered += 1;
            let lost = if lost { "lost its place: " } else { "" };
            let answers = join(calls).await.map_err(|e| format!("{lost}{call:?}: {e}"))?;
            found.push((format!("{lost}{call:?}"), answers));
        }
        Ok(found)
    }
}

/// Lets a place go that etcd has given up because history was compacted; any other answer while
/// somebody stands before the place is wrong.
async fn give_up(place: Place, early: usize, servers: &mut [Server; 2]) -> Result<(), String> {
    let Place { call, token, calls: [left, right], .. } = place;
    let ((name, lease), key) = (call.place(), call.key());
    let leader = LeaderKey { name: name.clone(), key, rev: token, lease };
    if early != 0 {
        return Err(format!("the right one answered too early: {call:?}"));
    }
    let answer = left.await.map_err(|error| error.to_string())?;
    if !answer.text.contains("compacted") {
        return Err(format!("the left one answered too early: {call:?}: {}", answer.text));
    }
    // Of an election it leaves the key; what is gone already is not removed again.
    let resign = ResignRequest { leader: Some(leader) };
    servers[0].ask(RESIGN, &resign).await.map_err(|status| status.to_string())?;
    right.abort();
    gone(&call, token, servers).await
}

/// Drops the calls; the place has to go on both servers.
async fn abandon(place: Place, servers: &mut [Server; 2]) -> Result<(), String> {
    place.calls.iter().for_each(JoinHandle::abort);
    gone(&place.call, place.token, servers).await
}

/// Waits until a place is gone from both servers.
async fn gone(call: &Call, token: i64, servers: &mut [Server; 2]) -> Result<(), String> {
    for server in servers {
        let gone = async {
            while made(server, call.key()).await? == token {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok::<(), String>(())
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        gone.map_err(|_| format!("abandoned, but the place stays: {call:?}"))??;
    }
    Ok(())
}
