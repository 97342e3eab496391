//! Leases.

use std::time::Duration;

use etcd_client::{Client, LeaseGrantOptions, LeaseTimeToLiveOptions, PutOptions, WatchOptions};

use crate::{
    ambient,
    case::{SOON, Stage, Verdict, refused, some, text},
    holds, same,
};

/// An id that is not in use.
fn id(stage: &Stage) -> i64 {
    let name = stage.name();
    name.bytes().fold(7, |hash: i64, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
        & i64::MAX
}

async fn ttl(client: &mut Client, lease: i64) -> Result<i64, etcd_client::Error> {
    Ok(client.lease_time_to_live(lease, None).await?.ttl())
}

pub async fn grants_choose_an_id_or_take_one(stage: &Stage) -> Verdict {
    let (mut client, wanted) = (stage.client(), id(stage));
    let chosen = client.lease_grant(60, None).await?;
    holds!(chosen.id() != 0 && chosen.error().is_empty());
    same!(chosen.ttl(), 60);
    let options = LeaseGrantOptions::new().with_id(wanted);
    same!(client.lease_grant(60, Some(options)).await?.id(), wanted);
    for lease in [chosen.id(), wanted] {
        client.lease_revoke(lease).await?;
    }
    Ok(())
}

pub async fn a_lease_is_granted_once(stage: &Stage) -> Verdict {
    let (mut client, id) = (stage.client(), id(stage));
    let options = || Some(LeaseGrantOptions::new().with_id(id));
    client.lease_grant(60, options()).await?;
    let again = client.lease_grant(60, options()).await;
    refused(again, "FailedPrecondition", "etcdserver: lease already exists")?;
    client.lease_revoke(id).await?;
    let large = client.lease_grant(9_000_000_001, None).await;
    refused(large, "OutOfRange", "etcdserver: too large lease TTL")
}

pub async fn a_keep_alive_gives_the_whole_time_again(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let lease = client.lease_grant(4, None).await?.id();
    let (mut keeper, mut answers) = client.lease_keep_alive(lease).await?;
    same!(keeper.id(), lease);
    let began = ambient::now();
    while began.elapsed() < Duration::from_secs(6) {
        keeper.keep_alive().await?;
        let answer = some(tokio::time::timeout(SOON, answers.message()).await??, "answer")?;
        same!((answer.id(), answer.ttl()), (lease, 4));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    holds!((1..=4).contains(&ttl(&mut client, lease).await?));
    client.lease_revoke(lease).await?;
    Ok(())
}

pub async fn a_keep_alive_of_nothing_ends(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let found = client.lease_keep_alive(id(stage)).await;
    // The client asks once by itself, and takes a time of 0 for the end of the lease.
    let text = found.err().map(|error| error.to_string()).unwrap_or_default();
    holds!(text.contains("not found"));
    Ok(())
}

pub async fn time_to_live_tells_time_and_keys(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let lease = client.lease_grant(100, None).await?.id();
    for at in 0..3 {
        let options = PutOptions::new().with_lease(lease);
        client.put(format!("{key}/{at}"), "1", Some(options)).await?;
    }
    let options = LeaseTimeToLiveOptions::new().with_keys();
    let found = client.lease_time_to_live(lease, Some(options)).await?;
    same!((found.id(), found.granted_ttl()), (lease, 100));
    holds!((90..=100).contains(&found.ttl()));
    let mut keys: Vec<_> = found.keys().iter().map(|key| text(key)).collect();
    keys.sort();
    same!(keys, (0..3).map(|at| format!("{key}/{at}")).collect::<Vec<_>>());
    let without = client.lease_time_to_live(lease, None).await?;
    same!(without.keys().len(), 0);
    client.lease_revoke(lease).await?;
    let gone = client.lease_time_to_live(lease, None).await?;
    same!((gone.id(), gone.ttl(), gone.granted_ttl()), (lease, -1, 0));
    Ok(())
}

/// Waits until as many of these leases are listed: etcd lists what the asked node has applied.
async fn listed(client: &mut Client, mine: &[i64], count: usize) -> Verdict {
    let wait = async {
        loop {
            let found = client.leases().await?;
            let there = |id: &&i64| found.leases().iter().any(|lease| lease.id() == **id);
            if mine.iter().filter(there).count() == count {
                return Ok::<(), etcd_client::Error>(());
            }
        }
    };
    Ok(tokio::time::timeout(SOON, wait).await??)
}

pub async fn leases_are_listed(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(client.lease_grant(60, None).await?.id());
    }
    listed(&mut client, &mine, 3).await?;
    client.lease_revoke(mine[1]).await?;
    listed(&mut client, &mine, 2).await?;
    client.lease_revoke(mine[0]).await?;
    client.lease_revoke(mine[2]).await?;
    listed(&mut client, &mine, 0).await
}

pub async fn revoking_removes_the_keys(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let lease = client.lease_grant(60, None).await?.id();
    let options = || Some(PutOptions::new().with_lease(lease));
    client.put(format!("{key}/a"), "1", options()).await?;
    client.put(format!("{key}/b"), "1", options()).await?;
    // A key that was put without the lease since does not belong to it any more.
    client.put(format!("{key}/b"), "2", None).await?;
    client.lease_revoke(lease).await?;
    same!(client.get(format!("{key}/a"), None).await?.count(), 0);
    same!(client.get(format!("{key}/b"), None).await?.count(), 1);
    Ok(())
}

pub async fn a_lease_that_ends_removes_its_keys(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let mut stream = client.watch(key.as_str(), Some(WatchOptions::new())).await?;
    same!(some(stream.message().await?, "answer")?.created(), true);
    let began = ambient::now();
    let lease = client.lease_grant(2, None).await?.id();
    client.put(key.as_str(), "1", Some(PutOptions::new().with_lease(lease))).await?;
    same!(some(stream.message().await?, "event")?.events().len(), 1);
    let end = some(tokio::time::timeout(SOON, stream.message()).await??, "event")?;
    same!(end.events()[0].event_type(), etcd_client::EventType::Delete);
    holds!(began.elapsed() >= Duration::from_millis(1_900));
    same!(client.get(key, None).await?.count(), 0);
    same!(ttl(&mut client, lease).await?, -1);
    Ok(())
}

pub async fn unknown_leases_are_refused(stage: &Stage) -> Verdict {
    let (mut client, key, id) = (stage.client(), stage.name(), id(stage));
    let text = "etcdserver: requested lease not found";
    refused(client.lease_revoke(id).await, "NotFound", text)?;
    let put = client.put(key, "1", Some(PutOptions::new().with_lease(id))).await;
    refused(put, "NotFound", text)
}
