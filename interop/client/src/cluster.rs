//! Membership, and the addresses that a client knows.

use etcd_client::MemberAddOptions;

use crate::{
    case::{Stage, Verdict, refused, some},
    holds, same,
};

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

pub async fn members_are_listed_with_their_addresses(stage: &Stage) -> Verdict {
    let found = stage.client().member_list().await?;
    same!(found.members().len(), stage.endpoints.len());
    for member in found.members() {
        holds!(member.id() != 0 && !member.name().is_empty() && !member.is_learner());
        holds!(!member.peer_urls().is_empty());
        let url = some(member.client_urls().first(), "client address")?;
        holds!(stage.endpoints.iter().any(|endpoint| url.ends_with(endpoint.as_str())));
        same!(
            stage.client_of(url).await?.member_list().await?.members().len(),
            found.members().len()
        );
    }
    Ok(())
}

pub async fn members_come_and_go(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let options = MemberAddOptions::new().with_is_learner();
    let added = client.member_add([NOBODY], Some(options)).await?;
    let id = some(added.member(), "member")?.id();
    same!(added.member_list().len(), stage.endpoints.len() + 1);
    let text = "etcdserver: can only promote a learner member which is in sync with leader";
    refused(client.member_promote(id).await, "FailedPrecondition", text)?;
    same!(client.member_remove(id).await?.members().len(), stage.endpoints.len());
    let again = client.member_remove(id).await;
    refused(again, "NotFound", "etcdserver: member not found")
}

pub async fn members_can_be_updated(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let found = client.member_list().await?;
    let member = some(found.members().iter().find(|member| !member.is_learner()), "member")?;
    let done = client.member_update(member.id(), member.peer_urls()).await?;
    same!(done.members().len(), stage.endpoints.len());
    let nobody = client.member_update(1, [NOBODY.to_string()]).await;
    refused(nobody, "NotFound", "etcdserver: member not found")
}

pub async fn endpoints_of_a_client_can_change(stage: &Stage) -> Verdict {
    let first = &stage.endpoints[0];
    let client = stage.client_of(first).await?;
    for endpoint in &stage.endpoints[1..] {
        client.add_endpoint(endpoint).await?;
        same!(client.clone().get("any", None).await?.more(), false);
    }
    if stage.endpoints.len() > 1 {
        client.remove_endpoint(first).await?;
        same!(client.clone().get("any", None).await?.more(), false);
    }
    Ok(())
}
