//! What nodes take themselves for, looked at again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use kernel::Duration;
use sim::report::timeline::Lane;
use tokio::task::JoinHandle;

use super::KEYSPACE;
use crate::{
    ambient::{self, Moment},
    bench::traffic,
    dev::Layout,
    exit::Failure,
};

/// Between two looks at a node.
const LOOK: Duration = Duration::from_millis(25);

/// What a node took itself for, and when.
pub struct Seen {
    pub at: Moment,
    pub node: u16,
    /// Its term, if it believes to lead.
    pub leads: Option<u64>,
    pub answers: bool,
    /// Up to where it knew its log to be committed.
    pub commit: u64,
}

/// Looks at all nodes until it is finished.
pub struct Watch {
    ended: Arc<AtomicBool>,
    watchers: Vec<JoinHandle<Vec<Seen>>>,
}

impl Watch {
    pub fn start(layout: &Layout) -> Watch {
        let ended = Arc::new(AtomicBool::new(false));
        let begin = |node| ambient::spawn(watch(node, layout.http(node), Arc::clone(&ended)));
        let watchers = layout.numbers().map(begin).collect();
        Watch { ended, watchers }
    }

    /// All that was seen.
    pub async fn finish(self) -> Result<Vec<Seen>, Failure> {
        self.ended.store(true, Relaxed);
        let mut seen = Vec::new();
        for watcher in self.watchers {
            seen.extend(watcher.await.map_err(|error| Failure::new(error.to_string()))?);
        }
        Ok(seen)
    }
}

/// Asks a node what it takes itself for, until the end.
async fn watch(node: u16, http: String, ended: Arc<AtomicBool>) -> Vec<Seen> {
    let control = traffic::connect(&[http]).control();
    let mut seen = Vec::new();
    while !ended.load(Relaxed) {
        let asked = ambient::now();
        let cluster = ambient::within(LOOK * 8, control.cluster()).await.and_then(Result::ok);
        let name = format!("n{node}");
        let shard =
            cluster.as_ref().and_then(|all| all.shards.iter().find(|s| s.keyspace == KEYSPACE));
        let own = shard.and_then(|shard| {
            let own = shard.replicas.iter().find(|replica| replica.node == name)?;
            Some((shard.term, own))
        });
        let leads = own.filter(|(_, own)| own.role == "leader").map(|(term, _)| term);
        let commit = own.and_then(|(_, own)| own.log.as_ref()).map_or(0, |log| log.commit_index);
        // Who does not answer has not done so since it was asked.
        let (now, answers) = (ambient::now(), own.is_some());
        let at = if answers { now } else { asked };
        seen.push(Seen { at, node, leads, answers, commit });
        ambient::sleep(LOOK).await;
    }
    seen
}

/// Who took itself for the leader of which term.
pub fn leaders(seen: &[Seen]) -> BTreeMap<u64, BTreeSet<u16>> {
    let mut terms: BTreeMap<u64, BTreeSet<u16>> = BTreeMap::new();
    for look in seen {
        if let Some(term) = look.leads {
            terms.entry(term).or_default().insert(look.node);
        }
    }
    terms
}

/// What a node took itself for, over time.
pub fn lane(node: u16, seen: &[Seen], origin: Moment, span: f64) -> Lane {
    let mut lane = Lane { name: format!("n{node}"), pieces: Vec::new() };
    let mine = seen.iter().filter(|look| look.node == node);
    for look in mine {
        let at = look.at.duration_since(origin).as_secs_f64();
        let (class, word) = match look.leads {
            _ if !look.answers => ("down", String::new()),
            Some(term) => ("leader", format!("leads, term {term}")),
            None => ("plain", "follows".to_owned()),
        };
        match lane.pieces.last_mut() {
            Some((_, to, before, said)) if *before == class && *said == word => *to = at,
            _ => lane.pieces.push((at, at, class, word)),
        }
    }
    // A piece lasts until the next one begins.
    let begins: Vec<f64> = lane.pieces.iter().skip(1).map(|piece| piece.0).chain([span]).collect();
    lane.pieces.iter_mut().zip(begins).for_each(|(piece, next)| piece.1 = next);
    lane
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leaders_of_one_term_would_be_seen() {
        let at = ambient::now();
        let seen = |node, term| Seen { at, node, leads: Some(term), answers: true, commit: 0 };
        let count = |all: &[Seen]| leaders(all).values().map(BTreeSet::len).max();
        assert_eq!(count(&[seen(1, 1), seen(2, 2), seen(2, 2)]), Some(1));
        assert_eq!(count(&[seen(1, 2), seen(2, 2)]), Some(2));
    }
}
