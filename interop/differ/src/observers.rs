//! Observers of elections: one of each election at each server. Not every leader has to be seen,
//! but the one that leads has to be.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use layers::coordination::{KeyValue, LeaderRequest, LeaderResponse};
use prost::Message;

use crate::wire::{PATIENCE, Server};

const OBSERVE: &str = "/v3electionpb.Election/Observe";
const LEADER: &str = "/v3electionpb.Election/Leader";

/// What an observer saw last.
type Seen = Arc<Mutex<Option<KeyValue>>>;

/// The observers of one election.
pub struct Observers {
    name: Bytes,
    seen: [Seen; 2],
    /// Leaders that were seen.
    pub leaders: u64,
}

async fn observe(server: &mut Server, seen: &Seen, name: Bytes) -> Result<(), tonic::Status> {
    let mut stream = server.listen(OBSERVE, &LeaderRequest { name }).await?;
    while let Some(bytes) = stream.message().await? {
        let found = LeaderResponse::decode(bytes).unwrap_or_default();
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = found.kv;
    }
    Ok(())
}

impl Observers {
    /// Begins to observe. The call of a server that has no leader yet does not begin before there
    /// is one, so nobody waits for it here.
    pub fn open(name: Bytes, servers: &[Server; 2]) -> Observers {
        let seen = [Seen::default(), Seen::default()];
        for (server, seen) in servers.iter().zip(&seen) {
            let (mut server, seen, name) = (server.clone(), seen.clone(), name.clone());
            tokio::spawn(async move {
                // What an observer still had to read may be compacted: then it has to begin anew.
                loop {
                    let _ = observe(&mut server, &seen, name.clone()).await;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
        }
        Observers { name, seen, leaders: 0 }
    }

    /// Waits until both see who leads at the first server.
    pub async fn agree(&mut self, servers: &mut [Server; 2]) -> Result<(), String> {
        let request = LeaderRequest { name: self.name.clone() };
        let Ok(leader) = servers[0].ask(LEADER, &request).await else { return Ok(()) };
        let leader = LeaderResponse::decode(leader).map_err(|e| e.to_string())?.kv;
        let sees = |seen: &Seen| *seen.lock().unwrap_or_else(PoisonError::into_inner) == leader;
        let all = async {
            while !self.seen.iter().all(sees) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            if !sees(&self.seen[1]) {
                return Err(format!("{leader:?} leads, but an observer saw {:?}", self.seen[1]));
            }
            // etcd's observers now and then stay with a leader that is gone.
            let leaders = self.leaders;
            *self = Observers::open(self.name.clone(), servers);
            self.leaders = leaders;
        }
        self.leaders += 1;
        Ok(())
    }
}
