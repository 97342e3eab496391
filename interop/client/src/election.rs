//! Elections.

use etcd_client::{LeaderKey, ProclaimOptions, ResignOptions};

use crate::{
    case::{Fail, QUIET, SOON, Stage, Verdict, some, text},
    holds, same,
};

fn proclaim(leader: &LeaderKey) -> Option<ProclaimOptions> {
    Some(ProclaimOptions::new().with_leader(leader.clone()))
}

fn resign(leader: &LeaderKey) -> Option<ResignOptions> {
    Some(ResignOptions::new().with_leader(leader.clone()))
}

pub async fn one_leads_and_others_wait(stage: &Stage) -> Verdict {
    let (mut client, mut other, name) = (stage.client(), stage.client(), stage.name());
    let (mine, theirs) =
        (client.lease_grant(60, None).await?.id(), client.lease_grant(60, None).await?.id());
    let mut found = client.campaign(name.as_str(), "me", mine).await?;
    let leader = some(found.take_leader(), "leader")?;
    same!((text(leader.name()), leader.lease()), (name.clone(), mine));
    same!(text(leader.key()), format!("{name}/{mine:x}"));
    let kv = some(client.leader(name.as_str()).await?.take_kv(), "leader")?;
    same!((text(kv.value()), kv.create_revision()), ("me".to_string(), leader.rev()));
    let waiting = tokio::spawn({
        let name = name.clone();
        async move { other.campaign(name, "other", theirs).await }
    });
    tokio::time::sleep(QUIET).await;
    holds!(!waiting.is_finished());
    client.resign(resign(&leader)).await?;
    let next = tokio::time::timeout(SOON, waiting).await?;
    let next = some(next.map_err(|error| Fail::Wrong(error.to_string()))??.take_leader(), "next")?;
    same!(next.lease(), theirs);
    let kv = some(client.leader(name).await?.take_kv(), "leader")?;
    same!(text(kv.value()), "other");
    client.resign(resign(&next)).await?;
    Ok(())
}

pub async fn a_leader_proclaims_and_observers_see(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let lease = client.lease_grant(60, None).await?.id();
    let leader = some(client.campaign(name.as_str(), "1", lease).await?.take_leader(), "leader")?;
    let mut seen = client.observe(name.as_str()).await?;
    let mut next = async |expected: &str| {
        let answer = tokio::time::timeout(SOON, seen.message()).await??;
        let mut answer = some(answer, "answer")?;
        same!(text(some(answer.take_kv(), "leader")?.value()), expected);
        Ok::<(), Fail>(())
    };
    next("1").await?;
    client.proclaim("2", proclaim(&leader)).await?;
    next("2").await?;
    client.resign(resign(&leader)).await?;
    let other = client.lease_grant(60, None).await?.id();
    let follower = some(client.campaign(name, "3", other).await?.take_leader(), "leader")?;
    next("3").await?;
    client.resign(resign(&follower)).await?;
    Ok(())
}

pub async fn nobody_leads_an_election_without_candidates(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let found = client.leader(stage.name()).await;
    let error = found.err().map(|error| error.to_string()).unwrap_or_default();
    holds!(error.contains("election: no leader"));
    Ok(())
}

pub async fn the_former_leader_cannot_proclaim(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let lease = client.lease_grant(60, None).await?.id();
    let leader = some(client.campaign(name, "1", lease).await?.take_leader(), "leader")?;
    client.lease_revoke(lease).await?;
    let found = client.proclaim("2", proclaim(&leader)).await;
    let error = found.err().map(|error| error.to_string()).unwrap_or_default();
    holds!(error.contains("election: not leader"));
    client.resign(resign(&leader)).await?;
    Ok(())
}
