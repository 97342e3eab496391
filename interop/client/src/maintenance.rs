//! Maintenance.

use etcd_client::{AlarmAction, AlarmType, Client, DowngradeOptions, Error};

use crate::{
    case::{Fail, QUIET, SOON, Stage, Verdict, refused, some},
    holds, same,
};

pub async fn status_tells_where_the_cluster_stands(stage: &Stage) -> Verdict {
    let mut leaders = Vec::new();
    for endpoint in &stage.endpoints {
        let mut client = stage.client_of(endpoint).await?;
        client.put(stage.name(), "1", None).await?;
        let status = client.status().await?;
        let header = some(status.header(), "header")?;
        holds!(status.version().starts_with("3."));
        holds!(status.db_size() > 0 && status.raft_used_db_size() > 0);
        holds!(status.raft_term() > 0 && status.raft_term() == header.raft_term());
        holds!(status.raft_index() > 0 && status.raft_applied_index() > 0);
        holds!(!status.is_learner() && status.errors().is_empty());
        leaders.push(status.leader());
    }
    let members = stage.client().member_list().await?;
    holds!(members.members().iter().any(|member| member.id() == leaders[0]));
    holds!(leaders.iter().all(|leader| leader == &leaders[0]));
    Ok(())
}

pub async fn hashes_agree_between_nodes(stage: &Stage) -> Verdict {
    let done = stage.client().put(stage.name(), "1", None).await?;
    let revision = some(done.header(), "header")?.revision();
    let mut hashes = Vec::new();
    for endpoint in &stage.endpoints {
        let mut client = stage.client_of(endpoint).await?;
        // The node has to have what is hashed.
        client.get("any", None).await?;
        let found = client.hash_kv(revision).await?;
        hashes.push((found.hash(), found.compact_version()));
        same!(some(client.hash().await?.header(), "header")?.revision() >= revision, true);
    }
    holds!(hashes.iter().all(|found| found == &hashes[0]));
    let mut client = stage.client_of(&stage.endpoints[0]).await?;
    client.put(stage.name(), "2", None).await?;
    client.get("any", None).await?;
    holds!(client.hash_kv(0).await?.hash() != hashes[0].0);
    let future = client.hash_kv(revision + 1_000_000).await;
    refused(future, "OutOfRange", "etcdserver: mvcc: required revision is a future revision")
}

pub async fn a_snapshot_downloads_to_its_last_byte(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    client.put(stage.name(), vec![b'x'; 200 << 10], None).await?;
    let mut stream = client.snapshot().await?;
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await? {
        parts.push((part.blob().len() as u64, part.remaining_bytes()));
    }
    // The last part is the checksum of the others, and is not counted.
    same!(parts.pop(), Some((32, 0)));
    let bytes: u64 = parts.iter().map(|(length, _)| length).sum();
    holds!(bytes > 200 << 10);
    let mut sent = 0;
    for (length, remaining) in parts {
        sent += length;
        same!(sent + remaining, bytes);
    }
    Ok(())
}

pub async fn alarms_can_be_listed(stage: &Stage) -> Verdict {
    let found = stage.client().alarm(AlarmAction::Get, AlarmType::None, None).await?;
    same!(found.alarms().len(), 0);
    holds!(found.header().is_some());
    Ok(())
}

pub async fn a_raised_alarm_stops_puts_until_it_is_cleared(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    client.alarm(AlarmAction::Activate, AlarmType::Nospace, None).await?;
    let listed = client.alarm(AlarmAction::Get, AlarmType::None, None).await;
    let put = client.put(key.as_str(), "1", None).await;
    let delete = client.delete(key.as_str(), None).await;
    client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, None).await?;
    same!(
        listed?.alarms().iter().map(|found| found.alarm()).collect::<Vec<_>>(),
        [AlarmType::Nospace]
    );
    refused(put, "ResourceExhausted", "etcdserver: mvcc: database space exceeded")?;
    delete?;
    client.put(key, "1", None).await?;
    same!(client.alarm(AlarmAction::Get, AlarmType::None, None).await?.alarms().len(), 0);
    Ok(())
}

pub async fn defragment_is_accepted(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    client.put(key.as_str(), "1", None).await?;
    client.defragment().await?;
    same!(client.get(key, None).await?.count(), 1);
    Ok(())
}

async fn leader_of(client: &mut Client) -> Result<u64, Error> {
    Ok(client.status().await?.leader())
}

pub async fn leadership_moves_on_request(stage: &Stage) -> Verdict {
    let leader = leader_of(&mut stage.client()).await?;
    let mut members = Vec::new();
    for endpoint in &stage.endpoints {
        let mut client = stage.client_of(endpoint).await?;
        let status = client.status().await?;
        members.push((some(status.header(), "header")?.member_id(), client));
    }
    let Some(target) = members.iter().map(|(id, _)| *id).find(|id| *id != leader) else {
        return Err(Fail::NotApplicable("one node has nobody to move to"));
    };
    let Some((_, client)) = members.iter_mut().find(|(id, _)| *id == leader) else {
        return Err(Fail::Wrong("the leader is none of the nodes".into()));
    };
    client.move_leader(target).await?;
    let moved = async {
        while leader_of(&mut stage.client()).await? != target {
            tokio::time::sleep(QUIET).await;
        }
        Ok::<(), Error>(())
    };
    tokio::time::timeout(SOON, moved).await??;
    stage.client().put(stage.name(), "1", None).await?;
    Ok(())
}

pub async fn a_downgrade_can_be_validated(stage: &Stage) -> Verdict {
    let mut client = stage.client().maintenance_client();
    let validate = |version: &str| DowngradeOptions::Validate(version.into());
    holds!(client.downgrade(validate("3.4.0")).await?.version().starts_with("3."));
    let found = client.downgrade(validate("3.0.0")).await;
    refused(found, "InvalidArgument", "etcdserver: invalid downgrade target version")
}
