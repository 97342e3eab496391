//! Requests that wait: for a lock, and to be elected.
//!
//! ```text
//!   request ──▶ both servers ── until the place in the queue is there ──▶ waiting
//!   later     the queue at the first server: nobody before the place ──▶ both must answer, alike
//!                                            somebody before it       ──▶ neither may answer
//!   abandoned   the call is dropped: the place must go, on both
//! ```

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
    /// Candidacies of late, the newest last.
    pub candidates: Vec<LeaderKey>,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were abandoned.
    pub abandoned: u64,
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

/// The create revision of a key; 0 if it is not there.
async fn made(server: &mut Server, key: Bytes) -> Result<i64, String> {
    let found = server.ask(RANGE, &RangeRequest { key, ..RangeRequest::default() }).await;
    let found = found.map_err(|status| status.to_string())?;
    let found = RangeResponse::decode(found).map_err(|e| e.to_string())?;
    Ok(found.kvs.first().map_or(0, |kv| kv.create_revision))
}

/// Whether somebody stands before this place.
async fn behind(server: &mut Server, call: &Call, token: i64) -> Result<bool, String> {
    let key = call.queue();
    let mut range_end = key.to_vec();
    if let Some(last) = range_end.last_mut() {
        *last += 1;
    }
    let range_end = range_end.into();
    let all = RangeRequest { key, range_end, max_create_revision: token - 1, ..Default::default() };
    let found = server.ask(RANGE, &all).await.map_err(|status| status.to_string())?;
    Ok(!RangeResponse::decode(found).map_err(|e| e.to_string())?.kvs.is_empty())
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
            let place = self.places.swap_remove(rng.below(self.places.len() as u64) as usize);
            self.abandoned += 1;
            return abandon(place, servers).await.map(|()| None);
        }
        let call = Call::draw(rng);
        let token = made(&mut servers[0], call.key()).await?;
        // Who has a place that others made or that waits already would wait where we cannot see.
        if token != 0 && behind(&mut servers[0], &call, token).await? {
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
        if token == 0 || !behind(&mut servers[0], &call, token).await? {
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
        for at in (0..self.places.len()).rev() {
            let place = &mut self.places[at];
            place.lost |= made(&mut servers[0], place.call.key()).await? != place.token;
            if behind(&mut servers[0], &place.call, place.token).await? {
                let early = place.calls.iter().position(|call| call.is_finished());
                if let (Some(early), false) = (early, place.lost) {
                    let answer = self.places.swap_remove(at);
                    let side = ["left", "right"][early];
                    return Err(format!("the {side} one answered too early: {:?}", answer.call));
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

/// Drops the calls; the place has to go on both servers.
async fn abandon(place: Place, servers: &mut [Server; 2]) -> Result<(), String> {
    place.calls.iter().for_each(JoinHandle::abort);
    for server in servers {
        let gone = async {
            while made(server, place.call.key()).await? == place.token {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok::<(), String>(())
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        gone.map_err(|_| format!("abandoned, but the place stays: {:?}", place.call))??;
    }
    Ok(())
}
