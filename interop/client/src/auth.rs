//! Users, roles and what they may do.

use etcd_client::{
    Client, ConnectOptions, GetOptions, Permission, PermissionType, RoleRevokePermissionOptions,
};

use crate::{
    case::{Fail, QUIET, SOON, Stage, Verdict, connect, refused, same},
    holds, same,
};

pub async fn roles_and_permissions(stage: &Stage) -> Verdict {
    let (mut client, role) = (stage.client(), stage.name());
    client.role_add(role.as_str()).await?;
    let again = client.role_add(role.as_str()).await;
    refused(again, "FailedPrecondition", "etcdserver: role name already exists")?;
    let prefix = Permission::read_write("a/").with_prefix();
    client.role_grant_permission(role.as_str(), Permission::read("b")).await?;
    client.role_grant_permission(role.as_str(), prefix.clone()).await?;
    let permissions = client.role_get(role.as_str()).await?.permissions();
    holds!(permissions == [prefix, Permission::read("b")]);
    holds!(client.role_list().await?.roles().contains(&role));
    let prefix = RoleRevokePermissionOptions::new().with_prefix();
    client.role_revoke_permission(role.as_str(), "a/", Some(prefix)).await?;
    let permissions = client.role_get(role.as_str()).await?.permissions();
    same!(
        permissions.iter().map(Permission::get_type).collect::<Vec<_>>(),
        [PermissionType::Read as i32]
    );
    client.role_delete(role.as_str()).await?;
    let gone = client.role_get(role).await;
    refused(gone, "FailedPrecondition", "etcdserver: role name not found")
}

pub async fn users_and_their_roles(stage: &Stage) -> Verdict {
    let (mut client, user, role) = (stage.client(), stage.name(), stage.name());
    client.user_add(user.as_str(), "secret", None).await?;
    let again = client.user_add(user.as_str(), "secret", None).await;
    refused(again, "FailedPrecondition", "etcdserver: user name already exists")?;
    let missing = client.user_grant_role(user.as_str(), role.as_str()).await;
    refused(missing, "FailedPrecondition", "etcdserver: role name not found")?;
    client.role_add(role.as_str()).await?;
    client.user_grant_role(user.as_str(), role.as_str()).await?;
    same!(client.user_get(user.as_str()).await?.roles(), [role.clone()]);
    holds!(client.user_list().await?.users().contains(&user));
    client.user_change_password(user.as_str(), "other").await?;
    client.user_revoke_role(user.as_str(), role.as_str()).await?;
    same!(client.user_get(user.as_str()).await?.roles().len(), 0);
    client.user_delete(user.as_str()).await?;
    client.role_delete(role).await?;
    let gone = client.user_get(user).await;
    refused(gone, "FailedPrecondition", "etcdserver: user name not found")
}

async fn login(stage: &Stage, user: &str, password: &str) -> Result<Client, etcd_client::Error> {
    connect(&stage.endpoints, ConnectOptions::new().with_user(user, password)).await
}

/// Enables authentication, tries, and disables it again whatever was found.
pub async fn what_is_not_permitted_is_refused_once_it_is_enabled(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let early = client.auth_enable().await;
    refused(early, "FailedPrecondition", "etcdserver: root user does not exist")?;
    client.user_add("root", "r", None).await?;
    client.role_add("root").await?;
    client.user_grant_role("root", "root").await?;
    client.user_add(name.as_str(), "u", None).await?;
    client.role_add(name.as_str()).await?;
    let mine = Permission::read_write(format!("{name}/")).with_prefix();
    client.role_grant_permission(name.as_str(), mine).await?;
    client.user_grant_role(name.as_str(), name.as_str()).await?;
    client.auth_enable().await?;
    let found = match everywhere(stage).await {
        Ok(()) => enabled(stage, &name).await,
        failed => failed,
    };
    let mut root = login(stage, "root", "r").await?;
    root.auth_disable().await?;
    client.user_delete("root").await?;
    client.role_delete("root").await?;
    client.user_delete(name.as_str()).await?;
    client.role_delete(name.as_str()).await?;
    client.put(name, "free", None).await?;
    found
}

/// Waits until every node knows: Quorate's hear of it within a second.
async fn everywhere(stage: &Stage) -> Verdict {
    for endpoint in &stage.endpoints {
        let mut client = stage.client_of(endpoint).await?;
        let refused = async {
            let empty = "user name is empty";
            while client
                .get("any", None)
                .await
                .map_or_else(|e| !e.to_string().contains(empty), |_| true)
            {
                tokio::time::sleep(QUIET).await;
            }
        };
        tokio::time::timeout(SOON, refused).await?;
    }
    Ok(())
}

async fn enabled(stage: &Stage, name: &str) -> Verdict {
    let mine = format!("{name}/key");
    let nobody = stage.client().put(mine.as_str(), "1", None).await;
    refused(nobody, "InvalidArgument", "etcdserver: user name is empty")?;
    let wrong = login(stage, name, "wrong").await;
    let text = "etcdserver: authentication failed, invalid user ID or password";
    refused(wrong, "InvalidArgument", text)?;
    let mut user = login(stage, name, "u").await?;
    user.put(mine.as_str(), "1", None).await?;
    let prefix = GetOptions::new().with_prefix();
    same(user.get(format!("{name}/"), Some(prefix.clone())).await?.count(), 1, "own prefix")?;
    let denied = "etcdserver: permission denied";
    refused(user.put("foreign", "1", None).await, "PermissionDenied", denied)?;
    refused(user.get(name, Some(prefix)).await, "PermissionDenied", denied)?;
    refused(user.user_list().await, "PermissionDenied", denied)?;
    let mut root = login(stage, "root", "r").await?;
    root.put("foreign", "1", None).await?;
    holds!(root.user_list().await?.users().len() >= 2);
    root.user_delete("nobody").await.map_or(Ok(()), |_| Err(Fail::Wrong("deleted nobody".into())))
}
