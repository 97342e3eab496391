//! Our messages as the JSON of etcd's gateway, and back.

use bytes::Bytes;
use layers::coordination::*;
use serde_json::{Value, json};

use super::http::Connection;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { digit as char } else { '=' });
        }
    }
    text
}

pub fn decode(value: &Value) -> Bytes {
    let digits = value.as_str().unwrap_or_default().trim_end_matches('=').bytes();
    let (mut bytes, mut group, mut bits) = (Vec::new(), 0u32, 0);
    for digit in digits {
        group = group << 6 | DIGITS.iter().position(|known| *known == digit).unwrap() as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    bytes.into()
}

pub fn number(value: &Value) -> i64 {
    value.as_str().map_or(0, |text| text.parse().unwrap())
}

pub fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(read).collect()
}

fn from_put(put: &PutRequest) -> Value {
    json!({
        "key": encode(&put.key), "value": encode(&put.value), "lease": put.lease,
        "prev_kv": put.prev_kv, "ignore_value": put.ignore_value, "ignore_lease": put.ignore_lease,
    })
}

fn from_delete(delete: &DeleteRangeRequest) -> Value {
    json!({
        "key": encode(&delete.key), "range_end": encode(&delete.range_end),
        "prev_kv": delete.prev_kv,
    })
}

fn from_range(range: &RangeRequest) -> Value {
    json!({
        "key": encode(&range.key), "range_end": encode(&range.range_end), "limit": range.limit,
        "revision": range.revision, "sort_order": range.sort_order,
        "sort_target": range.sort_target, "keys_only": range.keys_only,
        "count_only": range.count_only, "min_mod_revision": range.min_mod_revision,
        "max_mod_revision": range.max_mod_revision,
        "min_create_revision": range.min_create_revision,
        "max_create_revision": range.max_create_revision,
    })
}

fn from_compare(compare: &Compare) -> Value {
    let mut value = json!({
        "result": compare.result, "target": compare.target, "key": encode(&compare.key),
        "range_end": encode(&compare.range_end),
    });
    let (name, operand) = match &compare.target_union {
        Some(TargetUnion::Version(of)) => ("version", json!(of)),
        Some(TargetUnion::CreateRevision(of)) => ("create_revision", json!(of)),
        Some(TargetUnion::ModRevision(of)) => ("mod_revision", json!(of)),
        Some(TargetUnion::Value(of)) => ("value", json!(encode(of))),
        Some(TargetUnion::Lease(of)) => ("lease", json!(of)),
        None => return value,
    };
    value[name] = operand;
    value
}

fn from_op(op: &RequestOp) -> Value {
    match &op.request {
        Some(Request::RequestRange(range)) => json!({"request_range": from_range(range)}),
        Some(Request::RequestPut(put)) => json!({"request_put": from_put(put)}),
        Some(Request::RequestDeleteRange(delete)) => {
            json!({"request_delete_range": from_delete(delete)})
        }
        Some(Request::RequestTxn(txn)) => json!({"request_txn": from_txn(txn)}),
        None => json!({}),
    }
}

fn from_txn(txn: &TxnRequest) -> Value {
    let ops = |ops: &[RequestOp]| ops.iter().map(from_op).collect::<Vec<_>>();
    json!({
        "compare": txn.compare.iter().map(from_compare).collect::<Vec<_>>(),
        "success": ops(&txn.success), "failure": ops(&txn.failure),
    })
}

pub fn header(value: &Value) -> Option<ResponseHeader> {
    value.get("header").and_then(|header| ResponseHeader::at(number(&header["revision"])))
}

fn kv(value: &Value) -> KeyValue {
    KeyValue {
        key: decode(&value["key"]),
        create_revision: number(&value["create_revision"]),
        mod_revision: number(&value["mod_revision"]),
        version: number(&value["version"]),
        value: decode(&value["value"]),
        lease: number(&value["lease"]),
    }
}

fn to_range(value: &Value) -> RangeResponse {
    RangeResponse {
        header: header(value),
        kvs: list(&value["kvs"], kv),
        more: value["more"] == true,
        count: number(&value["count"]),
    }
}

fn to_put(value: &Value) -> PutResponse {
    PutResponse { header: header(value), prev_kv: value.get("prev_kv").map(kv) }
}

fn to_delete(value: &Value) -> DeleteRangeResponse {
    DeleteRangeResponse {
        header: header(value),
        deleted: number(&value["deleted"]),
        prev_kvs: list(&value["prev_kvs"], kv),
    }
}

fn to_op(value: &Value) -> ResponseOp {
    let (kind, value) = value.as_object().and_then(|object| object.iter().next()).unwrap();
    let response = match kind.as_str() {
        "response_range" => Response::ResponseRange(to_range(value)),
        "response_put" => Response::ResponsePut(to_put(value)),
        "response_delete_range" => Response::ResponseDeleteRange(to_delete(value)),
        _ => Response::ResponseTxn(to_txn(value)),
    };
    ResponseOp { response: Some(response) }
}

fn to_txn(value: &Value) -> TxnResponse {
    TxnResponse {
        header: header(value),
        succeeded: value["succeeded"] == true,
        responses: list(&value["responses"], to_op),
    }
}

/// Our error with etcd's text and code.
pub fn refused(value: &Value) -> Option<Error> {
    let text = value.get("error")?.as_str()?;
    let code = value["code"].as_i64();
    let known = (1..64).filter_map(|number| Error::try_from(number).ok());
    let found = known.into_iter().find(|error| error.text() == text);
    let found = found.unwrap_or_else(|| panic!("etcd says {value}"));
    assert_eq!(code, Some(found.code() as i64), "{text}");
    Some(found)
}

pub fn kind(act: &Act) -> usize {
    match act {
        Act::Put(_) => 0,
        Act::DeleteRange(_) => 1,
        Act::Txn(_) => 2,
        Act::Compaction(_) => 3,
        Act::LeaseGrant(_) => 4,
        _ => 5,
    }
}

pub fn act(etcd: &mut Connection, act: &Act) -> Result<Outcome, Error> {
    let (path, body) = match act {
        Act::Put(put) => ("kv/put", from_put(put)),
        Act::DeleteRange(delete) => ("kv/deleterange", from_delete(delete)),
        Act::Txn(txn) => ("kv/txn", from_txn(txn)),
        Act::Compaction(compact) => ("kv/compaction", json!({"revision": compact.revision})),
        Act::LeaseGrant(grant) => ("lease/grant", json!({"ID": grant.id, "TTL": grant.ttl})),
        Act::LeaseRevoke(revoke) => ("lease/revoke", json!({"ID": revoke.id})),
        _ => panic!("etcd has no {act:?}"),
    };
    let value = etcd.call(path, &body);
    if let Some(error) = refused(&value) {
        return Err(error);
    }
    let header = header(&value);
    Ok(match act {
        Act::Put(_) => Outcome::Put(to_put(&value)),
        Act::DeleteRange(_) => Outcome::DeleteRange(to_delete(&value)),
        Act::Txn(_) => Outcome::Txn(to_txn(&value)),
        // How far etcd has swept cannot be seen, and a step of ours suffices here.
        Act::Compaction(_) => Outcome::Compaction(CompactionResponse { header, swept: true }),
        Act::LeaseGrant(_) => {
            let (id, ttl) = (number(&value["ID"]), number(&value["TTL"]));
            Outcome::LeaseGrant(LeaseGrantResponse { header, id, ttl })
        }
        _ => Outcome::LeaseRevoke(LeaseRevokeResponse { header }),
    })
}

pub fn ask(etcd: &mut Connection, ask: &Ask) -> Result<Answer, Error> {
    let (path, body) = match ask {
        Ask::Range(range) => ("kv/range", from_range(range)),
        Ask::Txn(txn) => ("kv/txn", from_txn(txn)),
        Ask::LeaseTimeToLive(of) => ("lease/timetolive", json!({"ID": of.id, "keys": of.keys})),
        _ => panic!("etcd is not asked {ask:?}"),
    };
    let value = etcd.call(path, &body);
    if let Some(error) = refused(&value) {
        return Err(error);
    }
    Ok(match ask {
        Ask::Range(_) => Answer::Range(to_range(&value)),
        Ask::Txn(_) => Answer::Txn(to_txn(&value)),
        _ => {
            let granted_ttl = number(&value["grantedTTL"]);
            // etcd counts the time that is left; the program knows what was left at first.
            let ttl = if granted_ttl > 0 { granted_ttl } else { number(&value["TTL"]) };
            let (id, mut keys) = (number(&value["ID"]), list(&value["keys"], decode));
            // In etcd they come in no order.
            keys.sort();
            let header = header(&value);
            Answer::LeaseTimeToLive(LeaseTimeToLiveResponse { header, id, ttl, granted_ttl, keys })
        }
    })
}

/// What a watch says first: the revision that it says is compacted, or as many events as `until`
/// has.
pub fn watch(
    address: &str,
    request: &ChangesRequest,
    until: &(i64, Vec<Event>),
) -> (i64, Vec<Event>) {
    let mut etcd = Connection::open(address);
    let create = json!({"create_request": {
        "key": encode(&request.key), "range_end": encode(&request.range_end),
        "start_revision": request.start_revision, "prev_kv": request.prev_kv,
        "filters": request.filters,
    }});
    etcd.send("watch", &create);
    etcd.head();
    let (mut compacted, mut events) = (0, Vec::new());
    while compacted == 0 && (until.0 > 0 || events.len() < until.1.len()) {
        let Some(chunk) = etcd.chunk() else { break };
        for line in chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let value: Value = serde_json::from_slice(line).unwrap();
            compacted = number(&value["result"]["compact_revision"]);
            events.extend(list(&value["result"]["events"], |event| Event {
                r#type: i32::from(event["type"] == "DELETE"),
                kv: event.get("kv").map(kv),
                prev_kv: event.get("prev_kv").map(kv),
            }));
        }
    }
    (compacted, events)
}
