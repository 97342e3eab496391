//! Put, delete, compaction, and the client's namespaces.

use etcd_client::{CompactionOptions, DeleteOptions, GetOptions, KvClientPrefix, PutOptions};

use crate::{
    case::{Stage, Verdict, refused, some, text},
    holds, same,
};

pub async fn put_answers_with_what_it_replaced(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let prev = || Some(PutOptions::new().with_prev_key());
    let first = client.put(key.as_str(), "1", prev()).await?;
    holds!(first.prev_key().is_none());
    let second = client.put(key.as_str(), "2", prev()).await?;
    let header = some(second.header(), "header")?;
    holds!(header.cluster_id() != 0 && header.member_id() != 0 && header.raft_term() != 0);
    let old = some(second.prev_key(), "previous")?;
    same!((text(old.key()), text(old.value())), (key.clone(), "1".to_string()));
    same!((old.version(), old.lease()), (1, 0));
    same!(old.mod_revision(), some(first.header(), "header")?.revision());
    same!(header.revision(), old.mod_revision() + 1);
    let kv = some(client.get(key, None).await?.take_kvs().pop(), "key")?;
    same!((kv.version(), kv.create_revision()), (2, old.create_revision()));
    same!(kv.mod_revision(), header.revision());
    Ok(())
}

pub async fn a_put_may_keep_the_value_or_the_lease(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let keep = PutOptions::new().with_ignore_value();
    let missing = client.put(key.as_str(), "", Some(keep.clone())).await;
    refused(missing, "InvalidArgument", "etcdserver: key not found")?;
    let lease = client.lease_grant(60, None).await?.id();
    client.put(key.as_str(), "kept", Some(PutOptions::new().with_lease(lease))).await?;
    let both = client.put(key.as_str(), "new", Some(keep)).await;
    refused(both, "InvalidArgument", "etcdserver: value is provided")?;
    client.put(key.as_str(), "new", Some(PutOptions::new().with_ignore_lease())).await?;
    let kv = some(client.get(key.as_str(), None).await?.take_kvs().pop(), "key")?;
    same!((text(kv.value()), kv.lease()), ("new".to_string(), lease));
    client.put(key.as_str(), "", Some(PutOptions::new().with_ignore_value())).await?;
    let kv = some(client.get(key, None).await?.take_kvs().pop(), "key")?;
    same!((text(kv.value()), kv.lease(), kv.version()), ("new".to_string(), 0, 3));
    client.lease_revoke(lease).await?;
    Ok(())
}

pub async fn deletes_answer_with_what_they_removed(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    for at in 0..5 {
        client.put(format!("{name}/{at}"), format!("{at}"), None).await?;
    }
    let one = client.delete(format!("{name}/0"), None).await?;
    same!((one.deleted(), one.prev_kvs().len()), (1, 0));
    let none = client.delete(format!("{name}/0"), None).await?;
    same!(none.deleted(), 0);
    let before = some(none.header(), "header")?.revision();
    same!(before, some(one.header(), "header")?.revision());
    let range = DeleteOptions::new().with_range(format!("{name}/3")).with_prev_key();
    let some_of_them = client.delete(format!("{name}/1"), Some(range)).await?;
    let values: Vec<_> = some_of_them.prev_kvs().iter().map(|kv| text(kv.value())).collect();
    same!((some_of_them.deleted(), values), (2, vec!["1".to_string(), "2".to_string()]));
    let prefix = client.delete(name, Some(DeleteOptions::new().with_prefix())).await?;
    same!(prefix.deleted(), 2);
    Ok(())
}

pub async fn requests_without_a_key_are_refused(stage: &Stage) -> Verdict {
    let mut client = stage.client();
    let text = "etcdserver: key is not provided";
    refused(client.put("", "1", None).await, "InvalidArgument", text)?;
    refused(client.get("", None).await, "InvalidArgument", text)?;
    refused(client.delete("", None).await, "InvalidArgument", text)
}

pub async fn a_request_is_limited_to_one_and_a_half_mebibytes(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    client.put(key.as_str(), vec![b'x'; 1 << 20], None).await?;
    same!(client.get(key.as_str(), None).await?.kvs()[0].value().len(), 1 << 20);
    let large = client.put(key.as_str(), vec![b'x'; (3 << 19) + 1], None).await;
    refused(large, "InvalidArgument", "etcdserver: request is too large")?;
    client.delete(key, None).await?;
    Ok(())
}

pub async fn what_is_compacted_cannot_be_read(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let first = client.put(key.as_str(), "1", None).await?;
    let first = some(first.header(), "header")?.revision();
    client.put(key.as_str(), "2", None).await?;
    let newest = client.put(key.as_str(), "3", None).await?;
    let newest = some(newest.header(), "header")?.revision();
    let physical = CompactionOptions::new().with_physical();
    let done = client.compact(first + 1, Some(physical)).await?;
    same!(some(done.header(), "header")?.revision(), newest);
    let at = |revision| Some(GetOptions::new().with_revision(revision));
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    refused(client.get(key.as_str(), at(first)).await, "OutOfRange", compacted)?;
    let kv = some(client.get(key.as_str(), at(first + 1)).await?.take_kvs().pop(), "key")?;
    same!(text(kv.value()), "2");
    refused(client.compact(first + 1, None).await, "OutOfRange", compacted)?;
    let future = "etcdserver: mvcc: required revision is a future revision";
    refused(client.compact(newest + 1_000_000, None).await, "OutOfRange", future)
}

pub async fn a_prefix_of_the_client_is_a_namespace(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    let mut inside = KvClientPrefix::new(client.kv_client(), format!("{name}/").into_bytes());
    inside.put("a", "1", None).await?;
    same!(text(client.get(format!("{name}/a"), None).await?.kvs()[0].value()), "1");
    same!(text(inside.get("a", None).await?.kvs()[0].key()), "a");
    same!(inside.delete("a", None).await?.deleted(), 1);
    same!(client.get(format!("{name}/a"), None).await?.count(), 0);
    Ok(())
}
