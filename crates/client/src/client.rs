//! The handle that all calls start from.

use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Duration, RequestId, Rng};

use crate::{
    Control, Coordination, Counters, Kv, Recipes, ambient,
    error::{Cause, Error},
    nodes::Nodes,
    pipe::Pipes,
    pool::Pool,
    wire::Reply,
};

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a call may take, all attempts together.
    pub timeout: Duration,
    /// How long one attempt may take before another node is tried.
    pub attempt_timeout: Duration,
    /// The longest wait between attempts; the first is a twenty-fifth of it.
    pub backoff_max: Duration,
    /// Whether to repeat what may have failed for a moment.
    pub retry: bool,
    /// Whether to go to all nodes in turn instead of to the leader.
    pub spread: bool,
    /// Whether to keep and send a session token.
    pub session: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(2),
            backoff_max: Duration::from_millis(250),
            retry: true,
            spread: false,
            session: true,
        }
    }
}

/// A client of one cluster. Clones share connections, hints and the session.
///
/// The session is exact for calls made one after another. Of calls that run at the same time the
/// last answer's token is kept: use one client per concurrent user of a session.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub options: Options,
    pub nodes: Nodes,
    pub pool: Pool,
    pub pipes: Pipes,
    session: Mutex<Option<String>>,
    rng: Mutex<Rng>,
}

impl Client {
    /// A client that knows these addresses (`host:port`) and learns the other nodes from them.
    ///
    /// # Errors
    /// If none of them answers within the timeout.
    pub async fn connect(
        endpoints: impl IntoIterator<Item = impl Into<String>>,
        options: Options,
    ) -> Result<Client, Error> {
        let client = Client::new(endpoints, options);
        let cluster = client.control().cluster().await?;
        client.shared.nodes.learn(cluster.nodes.into_iter().map(|node| node.http));
        Ok(client)
    }

    /// A client that knows these addresses and connects when it is first used.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>, options: Options) -> Client {
        let mut rng = Rng::new(ambient::seed());
        let addresses: Vec<String> = endpoints.into_iter().map(Into::into).collect();
        let start = rng.below(addresses.len() as u64) as usize;
        let shared = Shared {
            options,
            nodes: Nodes::new(addresses, start),
            pool: Pool::default(),
            pipes: Pipes::default(),
            session: Mutex::new(None),
            rng: Mutex::new(rng),
        };
        Client { shared: Arc::new(shared) }
    }

    /// The keys of a keyspace.
    #[must_use]
    pub fn kv(&self, keyspace: &str) -> Kv {
        Kv::new(self.clone(), keyspace)
    }

    /// The counters of a keyspace.
    #[must_use]
    pub fn counters(&self, keyspace: &str) -> Counters {
        Counters::new(self.clone(), keyspace)
    }

    /// A keyspace with etcd's model.
    #[must_use]
    pub fn coordination(&self, keyspace: &str) -> Coordination {
        Coordination::new(self.clone(), keyspace)
    }

    /// Locks, semaphores, barriers and services of a keyspace with etcd's model.
    #[must_use]
    pub fn recipes(&self, keyspace: &str) -> Recipes {
        Recipes::new(self.clone(), keyspace)
    }

    /// Keyspaces, nodes, shards and fates.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.clone())
    }

    /// Every address that is known by now.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.shared.nodes.all()
    }

    /// The session token, to carry it to another client.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        self.shared.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on with a session of another client.
    pub fn resume(&self, token: String) {
        *self.shared.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }
}

impl Shared {
    /// A new request id.
    pub fn request_id(&self) -> String {
        RequestId::from_random(self.rng(Rng::bits128)).to_string()
    }

    /// A wait before attempt `number` (from 1): doubling, with a random part of up to a half.
    pub fn backoff(&self, number: u32) -> Duration {
        let max = self.options.backoff_max;
        let base = (max / 25).saturating_mul(1 << number.saturating_sub(1).min(10)).min(max);
        self.rng(|rng| rng.duration(base / 2, base))
    }

    pub fn token(&self) -> Option<String> {
        self.options
            .session
            .then(|| self.session.lock().unwrap_or_else(PoisonError::into_inner).clone())?
    }

    /// Takes note of what the client has seen.
    pub fn observe(&self, token: &str) {
        if self.options.session {
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            *session = Some(token.to_owned());
        }
    }

    fn rng<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads the JSON of an answer.
pub(crate) fn json<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, Error> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| Error::NotDone(Cause::Protocol(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_ids_differ() {
        let client = Client::new(["a"], Options::default());
        let waits: Vec<_> = (1..=9).map(|n| client.shared.backoff(n)).collect();
        assert!(waits[0] <= Duration::from_millis(10) && waits[0] >= Duration::from_millis(5));
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(250)));
        assert!(waits[8] >= Duration::from_millis(125));
        assert_ne!(client.shared.request_id(), client.shared.request_id());
        let other = Client::new(["a"], Options::default());
        assert_ne!(client.shared.request_id(), other.shared.request_id());
    }
}
