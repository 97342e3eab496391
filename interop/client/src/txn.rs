//! Transactions.

use etcd_client::{
    Compare, CompareOp, DeleteOptions, GetOptions, PutOptions, Txn, TxnOp, TxnOpResponse,
};

use crate::{
    case::{Fail, Stage, Verdict, refused, some, text},
    holds, same,
};

pub async fn every_target_and_every_comparison_decides(stage: &Stage) -> Verdict {
    use CompareOp::{Equal, Greater, Less, NotEqual};
    let (mut client, key) = (stage.client(), stage.name());
    let lease = client.lease_grant(60, None).await?.id();
    client.put(key.as_str(), "m", None).await?;
    client.put(key.as_str(), "m", Some(PutOptions::new().with_lease(lease))).await?;
    let kv = some(client.get(key.as_str(), None).await?.take_kvs().pop(), "key")?;
    let (made, set) = (kv.create_revision(), kv.mod_revision());
    for by in [-1i64, 0, 1] {
        // What stands there, seen from an operand that is smaller, equal or greater.
        for (op, expected) in
            [(Equal, by == 0), (NotEqual, by != 0), (Greater, by < 0), (Less, by > 0)]
        {
            let value = ["a", "m", "z"][(by + 1) as usize];
            for compare in [
                Compare::version(key.as_str(), op, 2 + by),
                Compare::create_revision(key.as_str(), op, made + by),
                Compare::mod_revision(key.as_str(), op, set + by),
                Compare::value(key.as_str(), op, value),
                Compare::lease(key.as_str(), op, lease + by),
            ] {
                let described = format!("{compare:?}");
                let read = [TxnOp::get(key.as_str(), None)];
                let txn = Txn::new().when([compare]).and_then(read.clone()).or_else(read);
                let found = client.txn(txn).await?;
                same!((found.succeeded(), described.as_str()), (expected, described.as_str()));
            }
        }
    }
    let missing = Compare::create_revision(stage.name(), Equal, 0);
    holds!(client.txn(Txn::new().when([missing])).await?.succeeded());
    client.lease_revoke(lease).await?;
    Ok(())
}

pub async fn branches_answer_operation_by_operation(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let other = format!("{key}/other");
    client.put(key.as_str(), "old", None).await?;
    let txn = Txn::new()
        .when([Compare::value(key.as_str(), CompareOp::Equal, "old")])
        .and_then([
            TxnOp::put(key.as_str(), "new", Some(PutOptions::new().with_prev_key())),
            TxnOp::get(key.as_str(), None),
            TxnOp::put(other.as_str(), "1", None),
            TxnOp::delete(stage.name(), Some(DeleteOptions::new().with_prev_key())),
        ])
        .or_else([TxnOp::get(key.as_str(), Some(GetOptions::new().with_count_only()))]);
    let first = client.txn(txn.clone()).await?;
    let revision = some(first.header(), "header")?.revision();
    let [TxnOpResponse::Put(put), TxnOpResponse::Get(get), TxnOpResponse::Put(_), delete] =
        &first.op_responses()[..]
    else {
        return Err(Fail::Wrong(format!("{:?}", first.op_responses())));
    };
    same!(text(some(put.prev_key(), "previous")?.value()), "old");
    same!((text(get.kvs()[0].value()), get.kvs()[0].mod_revision()), ("new".to_string(), revision));
    holds!(matches!(delete, TxnOpResponse::Delete(found) if found.deleted() == 0));
    let kv = some(client.get(other, None).await?.take_kvs().pop(), "key")?;
    same!(kv.mod_revision(), revision);
    let second = client.txn(txn).await?;
    holds!(!second.succeeded());
    same!(some(second.header(), "header")?.revision(), revision);
    holds!(matches!(&second.op_responses()[..], [TxnOpResponse::Get(get)] if get.count() == 1));
    Ok(())
}

pub async fn transactions_nest(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let inner = Txn::new()
        .when([Compare::value(key.as_str(), CompareOp::Equal, "outer")])
        .and_then([TxnOp::get(key.as_str(), None)])
        .or_else([TxnOp::put(format!("{key}/inner"), "1", None)]);
    let outer = Txn::new().and_then([TxnOp::txn(inner)]);
    let found = client.txn(outer).await?;
    let [TxnOpResponse::Txn(inside)] = &found.op_responses()[..] else {
        return Err(Fail::Wrong(format!("{:?}", found.op_responses())));
    };
    holds!(found.succeeded() && !inside.succeeded());
    holds!(matches!(inside.op_responses()[..], [TxnOpResponse::Put(_)]));
    same!(client.get(format!("{key}/inner"), None).await?.count(), 1);
    Ok(())
}

pub async fn a_key_is_put_once_only(stage: &Stage) -> Verdict {
    let (mut client, key) = (stage.client(), stage.name());
    let put = || TxnOp::put(key.as_str(), "1", None);
    let twice = client.txn(Txn::new().and_then([put(), put()])).await;
    refused(twice, "InvalidArgument", "etcdserver: duplicate key given in txn request")?;
    let many: Vec<_> = (0..129).map(|at| TxnOp::put(format!("{key}/{at}"), "1", None)).collect();
    let found = client.txn(Txn::new().and_then(many)).await;
    refused(found, "InvalidArgument", "etcdserver: too many operations in txn request")
}

pub async fn ranges_compare_every_key(stage: &Stage) -> Verdict {
    let (mut client, name) = (stage.client(), stage.name());
    for at in 0..3 {
        client.put(format!("{name}/{at}"), "same", None).await?;
    }
    // etcd answers a transaction without operations from what the asked node has: hence the reads.
    let all = Compare::value(name.as_str(), CompareOp::Equal, "same").with_prefix();
    let read = [TxnOp::get(name.as_str(), None)];
    let txn = Txn::new().when([all]).and_then(read.clone()).or_else(read);
    holds!(client.txn(txn.clone()).await?.succeeded());
    client.put(format!("{name}/1"), "other", None).await?;
    holds!(!client.txn(txn).await?.succeeded());
    Ok(())
}
