//! Keys that are asked for most, found in a sample of the requests.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use contract::Program;
use database::api::{Action, Call};
use layers::{coordination, counter, kv};
use prost::Message as _;
use vigil::{TopK, vitals};

/// One request of so many is looked at.
const SAMPLE: u64 = 32;
/// Keys that are told apart.
const KEYS_MAX: usize = 32;
/// After so many samples the past counts half.
const FADE: u64 = 8192;
/// Keys that are told.
const TOLD: usize = 5;
/// Bytes of a key that are shown.
const SHOWN: usize = 64;

/// The sketch.
#[derive(Debug)]
pub struct Hot {
    requests: AtomicU64,
    keys: Mutex<TopK<(String, Vec<u8>)>>,
}

impl Default for Hot {
    fn default() -> Hot {
        Hot { requests: AtomicU64::new(0), keys: Mutex::new(TopK::new(KEYS_MAX)) }
    }
}

impl Hot {
    /// A request comes; mostly it is let by.
    pub fn pass(&self, call: &Call) {
        if self.requests.fetch_add(1, Relaxed).is_multiple_of(SAMPLE) {
            self.sample(call);
        }
    }

    fn sample(&self, call: &Call) {
        let Some(key) = key(&call.action) else { return };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let is = |slot: &(String, Vec<u8>)| slot.0 == call.keyspace && slot.1 == key;
        keys.count(is, || (call.keyspace.clone(), key.clone()));
        if keys.total() >= FADE {
            keys.fade();
        }
    }

    /// The keys with their share of the samples, most frequent first.
    #[must_use]
    pub fn top(&self) -> Vec<vitals::Hot> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let sampled = keys.total();
        let hot = |((keyspace, key), count): &((String, Vec<u8>), u64)| vitals::Hot {
            keyspace: keyspace.clone(),
            key: key.get(..SHOWN.min(key.len())).unwrap_or_default().escape_ascii().to_string(),
            permille: count * 1000 / sampled.max(1),
            sampled,
        };
        keys.top().into_iter().take(TOLD).map(hot).collect()
    }
}

/// The first key that a request names, where its program has keys.
fn key(action: &Action) -> Option<Vec<u8>> {
    let key = match action {
        Action::Mutate { program: Program::Kv, command } => {
            match kv::Command::read(command).ok()?.operations.into_iter().next()?.act? {
                kv::Act::Put(put) => put.key,
                kv::Act::Delete(delete) => delete.key,
            }
        }
        Action::Query { program: Program::Kv, query } => match kv::Query::read(query).ok()?.ask? {
            kv::Ask::Get(get) => get.key,
            _ => return None,
        },
        Action::Mutate { program: Program::Counter, command } => {
            counter::Command::read(command).ok()?.name
        }
        Action::Query { program: Program::Counter, query } => {
            counter::Query::read(query).ok()?.name
        }
        Action::Mutate { program: Program::Coordination, command } => {
            match coordination::Command::decode(command.clone()).ok()?.act? {
                coordination::Act::Put(put) => put.key,
                coordination::Act::DeleteRange(delete) => delete.key,
                _ => return None,
            }
        }
        Action::Query { program: Program::Coordination, query } => {
            match coordination::Query::decode(query.clone()).ok()?.ask? {
                coordination::Ask::Range(range) => range.key,
                _ => return None,
            }
        }
        Action::Past { .. } => return None,
    };
    Some(key.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use kernel::Duration;

    #[test]
    fn a_hot_key_stands_out_of_many() {
        let hot = Hot::default();
        let call = |name: String| Call {
            keyspace: "counters".into(),
            action: Action::Query {
                program: Program::Counter,
                query: counter::Query { name: Bytes::from(name) }.encode_to_vec().into(),
            },
            consistency: None,
            session: None,
            request_id: None,
            timeout: Duration::from_secs(1),
            trace: Default::default(),
        };
        for request in 0..64_000u64 {
            // Every other one that is sampled asks for the same.
            let name = if request % 64 < 32 { "hot\n".into() } else { format!("cold-{request}") };
            hot.pass(&call(name));
        }
        let top = hot.top();
        assert_eq!((top[0].key.as_str(), top[0].keyspace.as_str()), ("hot\\n", "counters"));
        assert!((450..=550).contains(&top[0].permille), "{:?}", top[0]);
        assert!(top[1].permille < 100 && top[0].sampled == 2000);
    }
}
