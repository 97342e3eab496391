//! What a range can be asked for.

use etcd_client::{Client, Error, GetOptions, GetResponse, PutOptions, SortOrder, SortTarget};

use crate::{
    case::{Fail, SOON, Stage, Verdict, refused, some, text},
    holds, same,
};

/// Keys `a` to `e` in a room of their own: `b` was put twice, values fall as keys rise.
async fn room(stage: &Stage) -> Result<(Client, String, i64), Error> {
    let (mut client, name) = (stage.client(), stage.name());
    let mut first = 0;
    for (key, value) in [("a", "9"), ("b", "0"), ("c", "7"), ("b", "8"), ("d", "6"), ("e", "5")] {
        let done = client.put(format!("{name}/{key}"), value, None).await?;
        if first == 0 {
            first = done.header().map_or(0, |header| header.revision());
        }
    }
    Ok((client, name, first))
}

fn keys(found: &GetResponse) -> String {
    found.kvs().iter().map(|kv| text(&kv.key()[kv.key().len() - 1..])).collect()
}

pub async fn ranges_prefixes_and_everything(stage: &Stage) -> Verdict {
    let (mut client, name, _) = room(stage).await?;
    let b = format!("{name}/b");
    let range = GetOptions::new().with_range(format!("{name}/d"));
    same!(keys(&client.get(b.as_str(), Some(range)).await?), "bc");
    let prefix = client.get(name.as_str(), Some(GetOptions::new().with_prefix())).await?;
    same!((keys(&prefix), prefix.count(), prefix.more()), ("abcde".to_string(), 5, false));
    let from = client.get(b.as_str(), Some(GetOptions::new().with_from_key())).await?;
    holds!(keys(&from).starts_with("bcde"));
    let counted = GetOptions::new().with_all_keys().with_count_only();
    holds!(client.get("", Some(counted)).await?.count() >= 5);
    Ok(())
}

pub async fn limits_say_whether_there_is_more(stage: &Stage) -> Verdict {
    let (mut client, name, _) = room(stage).await?;
    let options = GetOptions::new().with_prefix().with_limit(2);
    let found = client.get(name.as_str(), Some(options)).await?;
    same!((keys(&found), found.more(), found.count()), ("ab".to_string(), true, 5));
    let options = GetOptions::new().with_prefix().with_limit(5);
    let found = client.get(name.as_str(), Some(options)).await?;
    same!((found.more(), found.kvs().len()), (false, 5));
    Ok(())
}

pub async fn all_targets_sort_in_both_orders(stage: &Stage) -> Verdict {
    let (mut client, name, _) = room(stage).await?;
    let expected = [
        (SortTarget::Key, "abcde", "edcba"),
        (SortTarget::Create, "abcde", "edcba"),
        (SortTarget::Mod, "acbde", "edbca"),
        (SortTarget::Value, "edcba", "abcde"),
    ];
    for (target, up, down) in expected {
        for (order, keys_in_order) in [(SortOrder::Ascend, up), (SortOrder::Descend, down)] {
            let options = GetOptions::new().with_prefix().with_sort(target, order);
            same!(keys(&client.get(name.as_str(), Some(options)).await?), keys_in_order);
        }
    }
    let by_version = GetOptions::new().with_sort(SortTarget::Version, SortOrder::Descend);
    let found = client.get(name.as_str(), Some(by_version.with_prefix().with_limit(1))).await?;
    same!(keys(&found), "b");
    Ok(())
}

pub async fn keys_only_and_counts(stage: &Stage) -> Verdict {
    let (mut client, name, _) = room(stage).await?;
    let options = GetOptions::new().with_prefix().with_keys_only();
    let found = client.get(name.as_str(), Some(options)).await?;
    holds!(found.kvs().iter().all(|kv| kv.value().is_empty() && kv.version() > 0));
    same!(keys(&found), "abcde");
    let options = GetOptions::new().with_prefix().with_count_only();
    let found = client.get(name.as_str(), Some(options)).await?;
    same!((found.count(), found.kvs().len()), (5, 0));
    Ok(())
}

pub async fn the_past_is_readable(stage: &Stage) -> Verdict {
    let (mut client, name, first) = room(stage).await?;
    let at = |revision| GetOptions::new().with_prefix().with_revision(revision);
    same!(keys(&client.get(name.as_str(), Some(at(first + 2))).await?), "abc");
    let b = client.get(format!("{name}/b"), Some(at(first + 2))).await?;
    same!((text(b.kvs()[0].value()), b.kvs()[0].version()), ("0".to_string(), 1));
    holds!(some(b.header(), "header")?.revision() >= first + 5);
    let future = "etcdserver: mvcc: required revision is a future revision";
    let found = client.get(name.as_str(), Some(at(first + 1_000_000))).await;
    refused(found, "OutOfRange", future)
}

pub async fn bounds_of_revisions_filter(stage: &Stage) -> Verdict {
    let (mut client, name, first) = room(stage).await?;
    let all = || GetOptions::new().with_prefix();
    for (options, expected) in [
        (all().with_min_mod_revision(first + 3), "bde"),
        (all().with_max_mod_revision(first + 3), "abc"),
        (all().with_min_create_revision(first + 2), "cde"),
        (all().with_max_create_revision(first + 1), "ab"),
    ] {
        same!(keys(&client.get(name.as_str(), Some(options)).await?), expected);
    }
    Ok(())
}

pub async fn any_node_answers_a_serializable_read(stage: &Stage) -> Verdict {
    let (mut writer, key) = (stage.client(), stage.name());
    writer.put(key.as_str(), "1", Some(PutOptions::new())).await?;
    for endpoint in &stage.endpoints {
        let mut client = stage.client_of(endpoint).await?;
        same!(client.get(key.as_str(), None).await?.count(), 1);
        let seen = async {
            let options = || Some(GetOptions::new().with_serializable());
            while client.get(key.as_str(), options()).await?.count() == 0 {}
            Ok::<(), Error>(())
        };
        tokio::time::timeout(SOON, seen).await??;
    }
    Ok(())
}

pub async fn ranges_as_a_stream(stage: &Stage) -> Verdict {
    let (client, name, _) = room(stage).await?;
    let prefix = GetOptions::new().with_prefix();
    let stream = client.kv_client().get_stream(name, Some(prefix)).await;
    let Ok(mut stream) = stream else {
        let text = stream.err().map(|error| error.to_string()).unwrap_or_default();
        holds!(text.to_lowercase().contains("unimplemented") || text.contains("not implemented"));
        return Err(Fail::NotApplicable("RangeStream came with etcd 3.7"));
    };
    let mut found = String::new();
    while let Some(part) = stream.message().await? {
        found += &keys(&part);
    }
    same!(found, "abcde");
    Ok(())
}
