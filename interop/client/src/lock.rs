//! Locks of the lock service.

use std::time::Duration;

use etcd_client::{Compare, CompareOp, LockOptions, Txn, TxnOp};

use crate::{
    case::{QUIET, SOON, Stage, Verdict, some, text},
    holds, same,
};

fn under(lease: i64) -> Option<LockOptions> {
    Some(LockOptions::new().with_lease(lease))
}

pub async fn a_lock_excludes(stage: &Stage) -> Verdict {
    let (mut client, mut other, name) = (stage.client(), stage.client(), stage.name());
    let (mine, theirs) =
        (client.lease_grant(60, None).await?.id(), client.lease_grant(60, None).await?.id());
    let key = client.lock(name.as_str(), under(mine)).await?.key().to_vec();
    same!(text(&key), format!("{name}/{mine:x}"));
    // A write that must happen under the lock compares that the key of the lock is there.
    let guarded = |key: &[u8]| {
        Txn::new()
            .when([Compare::create_revision(key, CompareOp::Greater, 0)])
            .and_then([TxnOp::put(format!("{name}-guarded"), "1", None)])
    };
    holds!(client.txn(guarded(&key)).await?.succeeded());
    let waiting = tokio::spawn({
        let name = name.clone();
        async move { other.lock(name, under(theirs)).await }
    });
    tokio::time::sleep(QUIET).await;
    holds!(!waiting.is_finished());
    client.unlock(key.clone()).await?;
    let next = tokio::time::timeout(SOON, waiting).await?;
    let next = next.map_err(|error| crate::case::Fail::Wrong(error.to_string()))??;
    same!(text(next.key()), format!("{name}/{theirs:x}"));
    holds!(!client.txn(guarded(&key)).await?.succeeded());
    holds!(client.txn(guarded(next.key())).await?.succeeded());
    client.unlock(next.key()).await?;
    // Giving up what is given up already changes nothing.
    client.unlock(next.key()).await?;
    Ok(())
}

pub async fn a_lock_ends_with_its_lease(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let short = client.lease_grant(2, None).await?.id();
    let long = client.lease_grant(60, None).await?.id();
    client.lock(name.as_str(), under(short)).await?;
    let next = tokio::time::timeout(SOON, client.lock(name.as_str(), under(long))).await??;
    same!(text(next.key()), format!("{name}/{long:x}"));
    client.lease_revoke(long).await?;
    same!(client.get(next.key(), None).await?.count(), 0);
    Ok(())
}

pub async fn the_same_lease_holds_the_same_key(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let lease = client.lease_grant(60, None).await?.id();
    let first = client.lock(name.as_str(), under(lease)).await?.key().to_vec();
    let again = client.lock(name.as_str(), under(lease)).await?.key().to_vec();
    same!(text(&first), text(&again));
    client.lease_revoke(lease).await?;
    let gone = client.lock(name.as_str(), under(lease)).await;
    holds!(gone.is_err_and(|error| error.to_string().contains("requested lease not found")));
    Ok(())
}

pub async fn a_lock_without_a_lease_is_held(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let key = client.lock(name.as_str(), None).await?.key().to_vec();
    let kv = some(client.get(key.clone(), None).await?.take_kvs().pop(), "key")?;
    holds!(kv.lease() != 0);
    client.unlock(key).await?;
    let lease = client.lease_grant(60, None).await?.id();
    tokio::time::timeout(SOON, client.lock(name, under(lease))).await??;
    client.lease_revoke(lease).await?;
    Ok(())
}

pub async fn places_are_in_order(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let (sender, mut holders) = tokio::sync::mpsc::unbounded_channel();
    for place in 0..5 {
        let lease = client.lease_grant(60, None).await?.id();
        let (mut client, name, sender) = (stage.client(), name.clone(), sender.clone());
        tokio::spawn(async move {
            let held = client.lock(name, under(lease)).await?;
            let _ = sender.send(place);
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.unlock(held.key()).await
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for place in 0..5 {
        same!(tokio::time::timeout(SOON, holders.recv()).await?, Some(place));
    }
    Ok(())
}
