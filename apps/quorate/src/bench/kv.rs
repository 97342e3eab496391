//! One client of the load generator.

use client::{Client, Error, Kv, Options};
use kernel::Duration;

/// Keys of one keyspace, over connections of its own; its clones share them.
#[derive(Clone)]
pub struct KvTarget {
    kv: Kv,
}

impl KvTarget {
    /// A client that goes to the leader, or to all nodes in turn.
    pub fn new(endpoints: &[String], keyspace: &str, spread: bool, timeout: Duration) -> KvTarget {
        let options = Options { timeout, spread, session: false, ..Options::default() };
        KvTarget { kv: Client::new(endpoints.to_vec(), options).kv(keyspace) }
    }

    /// The same, with reads at a level of the caller's choice.
    pub fn at(self, consistency: Option<&str>) -> KvTarget {
        match consistency {
            Some(level) => KvTarget { kv: self.kv.at(level) },
            None => self,
        }
    }
}

impl load::Target for KvTarget {
    async fn write(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        let done = self.kv.put(key.as_bytes(), value, None, None).await;
        done.map(drop).map_err(|error: Error| error.to_string())
    }

    async fn read(&mut self, key: &str) -> Result<(), String> {
        let done = self.kv.get(key.as_bytes()).await;
        done.map(drop).map_err(|error| error.to_string())
    }
}
