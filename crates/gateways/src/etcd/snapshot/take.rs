//! A snapshot of a keyspace.
//!
//! ```text
//!   Status ─▶ revision R ─▶ Range at R, page by page ─▶ LeaseRecords ─▶ Builder ─▶ Download
//! ```
//!
//! All pages are read as of one revision, so the keys are those of one moment however long it takes.
//! Leases come after them and are those of a later moment. One that was granted in between has no
//! keys here; one that ended in between ends again after a restore ([`Builder::lease`]).

use std::path::Path;

use bytes::Bytes;
use layers::coordination::{
    self, Answer, Ask, KeyValue, LeaseRecordsRequest, LeaseRecordsResponse, RangeRequest,
    RangeResponse, StatusRequest, StatusResponse, limits::LEASE_RECORDS_MAX,
};

use super::{Builder, Download, Error};

/// Bytes of keys and values of a page, about.
const PAGE: usize = 1 << 20;
/// The most keys of a page.
const KEYS_MAX: i64 = 4_000;
/// Keys of the first page: nothing is known of their values yet.
const KEYS_FIRST: i64 = 32;

/// A keyspace of the coordination program. What [`Keyspace::ask`] fails with ends the snapshot.
pub trait Keyspace: Sync {
    /// Asks, at a level that shows the newest revision it has shown before.
    fn ask(&self, ask: Ask) -> impl Future<Output = Result<Answer, Error>> + Send;
}

/// Makes a snapshot of what a keyspace holds now, in files of `directory`. Tells how many keys were
/// read.
///
/// # Errors
/// If the keyspace cannot be read (its revision may be compacted while it is: begin anew), or the
/// disk fails.
pub async fn take(
    keyspace: &impl Keyspace,
    directory: &Path,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Download, Error> {
    let status = status(keyspace).await?;
    let revision = status.header.map_or(1, |header| header.revision);
    let mut builder = Builder::new(revision, directory)?;
    keys(keyspace, revision, &mut builder, progress).await?;
    leases(keyspace, &mut builder).await?;
    let mut building = builder.build()?;
    while building.step()? {
        tokio::task::yield_now().await;
    }
    building.finish()
}

async fn keys(
    keyspace: &impl Keyspace,
    revision: i64,
    builder: &mut Builder,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), Error> {
    let (mut key, mut limit, mut all) = (Bytes::from_static(b"\0"), KEYS_FIRST, 0);
    loop {
        let page = match range(keyspace, &key, revision, limit).await {
            // A few long values among many short ones.
            Err(Error::Refused(coordination::Error::AnswerTooLarge)) if limit > 1 => {
                limit /= 2;
                continue;
            }
            page => page?,
        };
        page.kvs.iter().try_for_each(|kv| builder.key(kv))?;
        all += page.kvs.len() as u64;
        progress(all);
        let Some(last) = page.kvs.last().filter(|_| page.more) else { return Ok(()) };
        key = [&last.key[..], b"\0"].concat().into();
        limit = fitting(&page.kvs);
    }
}

/// How many keys like these make a page.
fn fitting(kvs: &[KeyValue]) -> i64 {
    let bytes: usize = kvs.iter().map(|kv| kv.key.len() + kv.value.len() + 48).sum();
    let fit = PAGE.saturating_mul(kvs.len()) / bytes.max(1);
    i64::try_from(fit).unwrap_or(KEYS_MAX).clamp(1, KEYS_MAX)
}

async fn leases(keyspace: &impl Keyspace, builder: &mut Builder) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let page = records(keyspace, after).await?;
        page.leases.iter().try_for_each(|lease| builder.lease(lease))?;
        let Some(last) = page.leases.last().filter(|_| page.more) else { return Ok(()) };
        after = last.id;
    }
}

async fn status(keyspace: &impl Keyspace) -> Result<StatusResponse, Error> {
    match keyspace.ask(Ask::Status(StatusRequest {})).await? {
        Answer::Status(status) => Ok(status),
        _ => Err(unexpected()),
    }
}

async fn range(
    keyspace: &impl Keyspace,
    key: &Bytes,
    revision: i64,
    limit: i64,
) -> Result<RangeResponse, Error> {
    let range_end = Bytes::from_static(b"\0");
    let key = key.clone();
    let request =
        RangeRequest { key, range_end, revision, limit, uncounted: true, ..Default::default() };
    match keyspace.ask(Ask::Range(request)).await? {
        Answer::Range(page) => Ok(page),
        _ => Err(unexpected()),
    }
}

async fn records(keyspace: &impl Keyspace, after: i64) -> Result<LeaseRecordsResponse, Error> {
    let request = LeaseRecordsRequest { after, limit: LEASE_RECORDS_MAX };
    match keyspace.ask(Ask::LeaseRecords(request)).await? {
        Answer::LeaseRecords(page) => Ok(page),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> Error {
    Error::Unanswered("the keyspace answered something else".into())
}
