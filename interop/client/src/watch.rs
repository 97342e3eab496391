//! Watches.

use etcd_client::{
    Client, DeleteOptions, EventType, Txn, TxnOp, WatchFilterType, WatchOptions, WatchResponse,
    WatchStream,
};

use crate::{
    case::{Fail, QUIET, SOON, Stage, Verdict, some, text},
    holds, same,
};

async fn next(stream: &mut WatchStream) -> Result<WatchResponse, Fail> {
    some(tokio::time::timeout(SOON, stream.message()).await??, "answer")
}

/// Events as they come, until there are so many: kind and value.
async fn events(stream: &mut WatchStream, count: usize) -> Result<Vec<String>, Fail> {
    let mut found = Vec::new();
    while found.len() < count {
        for event in next(stream).await?.events() {
            let kv = some(event.kv(), "key of the event")?;
            let sign = if event.event_type() == EventType::Put { "+" } else { "-" };
            found.push(format!("{sign}{}", text(kv.value())));
        }
    }
    Ok(found)
}

async fn silent(stream: &mut WatchStream) -> Verdict {
    holds!(tokio::time::timeout(QUIET, stream.message()).await.is_err());
    Ok(())
}

async fn open(client: &mut Client, key: &str, options: WatchOptions) -> Result<WatchStream, Fail> {
    let mut stream = client.watch(key, Some(options)).await?;
    let created = next(&mut stream).await?;
    holds!(created.created() && !created.canceled() && created.events().is_empty());
    Ok(stream)
}

async fn put(client: &mut Client, key: &str, value: &str) -> Result<i64, Fail> {
    let done = client.put(key, value, None).await?;
    Ok(some(done.header(), "header")?.revision())
}

pub async fn events_come_in_order_with_what_was_before(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let mut stream = open(&mut client, &key, WatchOptions::new().with_prev_key()).await?;
    let first = put(&mut client, &key, "1").await?;
    let event = next(&mut stream).await?;
    same!(some(event.header(), "header")?.revision(), first);
    holds!(event.events()[0].prev_kv().is_none());
    put(&mut client, &key, "2").await?;
    let event = next(&mut stream).await?;
    same!(text(some(event.events()[0].prev_kv(), "previous")?.value()), "1");
    client.delete(key.as_str(), None).await?;
    let event = next(&mut stream).await?;
    let event = &event.events()[0];
    same!(event.event_type(), EventType::Delete);
    same!(text(some(event.prev_kv(), "previous")?.value()), "2");
    let kv = some(event.kv(), "key")?;
    same!((kv.mod_revision(), kv.create_revision(), kv.version()), (first + 2, 0, 0));
    Ok(())
}

pub async fn filters_leave_kinds_out(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let filter = |kind| WatchOptions::new().with_filters([kind]);
    let mut puts = open(&mut client, &key, filter(WatchFilterType::NoDelete)).await?;
    let mut deletes = open(&mut client, &key, filter(WatchFilterType::NoPut)).await?;
    for value in ["1", "2"] {
        put(&mut client, &key, value).await?;
        client.delete(key.as_str(), None).await?;
    }
    same!(events(&mut puts, 2).await?, ["+1", "+2"]);
    same!(events(&mut deletes, 2).await?, ["-", "-"]);
    silent(&mut puts).await
}

pub async fn the_past_is_replayed(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let first = put(&mut client, &format!("{key}/1"), "1").await?;
    for at in 2..50 {
        put(&mut client, &format!("{key}/{at}"), &at.to_string()).await?;
    }
    let options = WatchOptions::new().with_prefix().with_start_revision(first);
    let mut stream = open(&mut client, &key, options).await?;
    let all: Vec<_> = (1..50).map(|at| format!("+{at}")).collect();
    same!(events(&mut stream, 49).await?, all);
    put(&mut client, &key, "now").await?;
    same!(events(&mut stream, 1).await?, ["+now"]);
    Ok(())
}

pub async fn the_future_is_waited_for(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let now = put(&mut client, &key, "0").await?;
    let options = WatchOptions::new().with_start_revision(now + 3);
    let mut stream = open(&mut client, &key, options).await?;
    for value in ["1", "2", "3"] {
        put(&mut client, &key, value).await?;
    }
    same!(events(&mut stream, 1).await?, ["+3"]);
    Ok(())
}

pub async fn many_watches_share_a_stream(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let mut stream = open(&mut client, &format!("{key}/0"), WatchOptions::new()).await?;
    let mut ids = vec![0];
    for at in 1..20 {
        stream.watch(format!("{key}/{at}"), None).await?;
        let created = next(&mut stream).await?;
        holds!(created.created() && !ids.contains(&created.watch_id()));
        ids.push(created.watch_id());
    }
    for at in (0..20).rev() {
        put(&mut client, &format!("{key}/{at}"), &at.to_string()).await?;
        let found = next(&mut stream).await?;
        same!((found.watch_id(), found.events().len()), (ids[at], 1));
    }
    Ok(())
}

pub async fn an_id_is_taken_once(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let mut stream = open(&mut client, &key, WatchOptions::new().with_watch_id(77)).await?;
    stream.watch(key.as_str(), Some(WatchOptions::new().with_watch_id(77))).await?;
    let found = next(&mut stream).await?;
    holds!(found.canceled());
    same!(found.cancel_reason(), "mvcc: duplicate watch ID provided on the WatchStream");
    put(&mut client, &key, "1").await?;
    same!(next(&mut stream).await?.watch_id(), 77);
    Ok(())
}

pub async fn a_cancelled_watch_is_silent(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let mut stream = open(&mut client, &key, WatchOptions::new().with_watch_id(5)).await?;
    stream.watch(format!("{key}/other"), Some(WatchOptions::new().with_watch_id(6))).await?;
    holds!(next(&mut stream).await?.created());
    stream.cancel(5).await?;
    let end = next(&mut stream).await?;
    same!((end.watch_id(), end.canceled(), end.cancel_reason()), (5, true, ""));
    put(&mut client, &key, "1").await?;
    put(&mut client, &format!("{key}/other"), "2").await?;
    same!(next(&mut stream).await?.watch_id(), 6);
    silent(&mut stream).await
}

pub async fn progress_is_reported_on_request(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let options = WatchOptions::new().with_progress_notify();
    let mut stream = open(&mut client, &key, options).await?;
    put(&mut client, &key, "1").await?;
    same!(events(&mut stream, 1).await?, ["+1"]);
    let now = put(&mut client, &format!("{key}/other"), "1").await?;
    for _ in 0..20 {
        stream.request_progress().await?;
        let found = next(&mut stream).await?;
        holds!(found.events().is_empty() && found.watch_id() == -1);
        if some(found.header(), "header")?.revision() >= now {
            return Ok(());
        }
        tokio::time::sleep(QUIET).await;
    }
    Err(Fail::Wrong(format!("progress did not reach revision {now}")))
}

pub async fn large_answers_come_in_fragments(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let value = "x".repeat(600 << 10);
    let first = put(&mut client, &key, &value).await?;
    for _ in 0..4 {
        put(&mut client, &key, &value).await?;
    }
    let options = WatchOptions::new().with_start_revision(first).with_fragment();
    let mut stream = open(&mut client, &key, options).await?;
    let mut versions = Vec::new();
    while versions.len() < 5 {
        let found = next(&mut stream).await?;
        holds!(
            found
                .events()
                .iter()
                .filter_map(|event| event.kv())
                .map(|kv| kv.value().len())
                .sum::<usize>()
                < 2 << 20
        );
        versions.extend(found.events().iter().filter_map(|event| Some(event.kv()?.version())));
    }
    same!(versions, [1, 2, 3, 4, 5]);
    client.delete(key, None).await?;
    Ok(())
}

pub async fn a_compacted_start_is_refused(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let first = put(&mut client, &key, "1").await?;
    let second = put(&mut client, &key, "2").await?;
    client.compact(second, None).await?;
    let options = WatchOptions::new().with_start_revision(first);
    let mut stream = client.watch(key.as_str(), Some(options)).await?;
    holds!(next(&mut stream).await?.created());
    let end = next(&mut stream).await?;
    same!((end.canceled(), end.compact_revision()), (true, second));
    let options = WatchOptions::new().with_start_revision(second);
    stream.watch(key, Some(options)).await?;
    holds!(next(&mut stream).await?.created());
    same!(events(&mut stream, 1).await?, ["+2"]);
    Ok(())
}

pub async fn a_transaction_is_one_answer(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let mut stream = open(&mut client, &key, WatchOptions::new().with_prefix()).await?;
    let puts: Vec<_> = (0..10).map(|at| TxnOp::put(format!("{key}/{at}"), "1", None)).collect();
    client.txn(Txn::new().and_then(puts)).await?;
    same!(next(&mut stream).await?.events().len(), 10);
    client.delete(key.as_str(), Some(DeleteOptions::new().with_prefix())).await?;
    same!(next(&mut stream).await?.events().len(), 10);
    Ok(())
}
