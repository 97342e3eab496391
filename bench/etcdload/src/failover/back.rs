//! Whether what was acknowledged is there.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use layers::coordination::{RangeRequest, RangeResponse};
use serde_json::{Value, json};

use super::{BACKOFF, Shared};
use crate::{ambient, paths::Paths};

/// Keys that are read at once.
const PAGE: i64 = 1_000;
/// How long a page may take, all attempts together.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lost keys that are named.
const NAMED_MAX: usize = 10;

/// What reading back found.
#[derive(Debug, Default)]
pub struct Found {
    /// Puts that were acknowledged.
    acknowledged: usize,
    /// Those whose key is not there.
    lost: usize,
    /// Those whose key has another value.
    wrong: usize,
    /// Some of the lost and wrong.
    named: Vec<String>,
}

impl Found {
    /// Reads what one client wrote, page by page, linearizably.
    pub async fn add(
        &mut self,
        shared: &Shared,
        client: usize,
        acknowledged: &[u32],
    ) -> Result<(), String> {
        let mut paths = shared.paths(client);
        let end: Bytes = shared.key(client + 1, 0).into();
        for puts in acknowledged.chunks(PAGE as usize) {
            let mut there = BTreeMap::new();
            // Puts of unknown outcome may lie between: on until all that belongs here is read.
            let mut from: Bytes = shared.key(client, puts[0]).into();
            let last = shared.key(client, puts[puts.len() - 1]);
            while from <= last.as_bytes() {
                let page = page(&mut paths, &from, &end).await?;
                let more = page.more;
                there.extend(page.kvs.into_iter().map(|kv| (kv.key, kv.value)));
                match there.last_key_value() {
                    Some((key, _)) if more => from = [&key[..], b"\0"].concat().into(),
                    _ => break,
                }
            }
            for put in puts {
                let key = shared.key(client, *put);
                self.judge(there.get(key.as_bytes()), &shared.value(&key), key);
            }
        }
        Ok(())
    }

    /// All of it.
    pub fn told(&self) -> Value {
        json!({
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "wrong": self.wrong,
            "named": self.named,
        })
    }

    fn judge(&mut self, found: Option<&Bytes>, wanted: &[u8], key: String) {
        self.acknowledged += 1;
        match found {
            Some(value) if value == wanted => return,
            Some(_) => self.wrong += 1,
            None => self.lost += 1,
        }
        if self.named.len() < NAMED_MAX {
            self.named.push(key);
        }
    }
}

async fn page(paths: &mut Paths, from: &Bytes, end: &Bytes) -> Result<RangeResponse, String> {
    let (key, range_end) = (from.clone(), end.clone());
    let request = RangeRequest { key, range_end, limit: PAGE, ..RangeRequest::default() };
    let deadline = ambient::now() + PATIENCE;
    loop {
        match paths.call("/etcdserverpb.KV/Range", &request).await {
            Ok(page) => return Ok(page),
            Err(error) if ambient::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(BACKOFF).await,
        }
    }
}
