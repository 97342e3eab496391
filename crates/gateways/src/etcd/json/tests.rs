use bytes::Bytes;
use layers::coordination::{
    Compare, KeyValue, PutRequest, RangeRequest, RangeResponse, Request, RequestOp, ResponseHeader,
    TargetUnion, TxnRequest,
};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use super::{read, schema, write};
use crate::etcd::wire::{RequestUnion, WatchCreateRequest, WatchRequest};

fn bytes(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

#[test]
fn a_transaction_is_read_as_etcd_documents_it() {
    let value = json!({
        "compare": [{ "result": "GREATER", "target": "MOD", "key": "Zm9v", "mod_revision": "7" }],
        "success": [{ "request_put": { "key": "Zm9v", "value": "YmFy", "lease": 5 } }],
        "failure": [{ "requestTxn": { "success": [{ "request_range": { "key": "Zm9v" } }] } }],
    });
    let op = |request| vec![RequestOp { request: Some(request) }];
    let key = Bytes::from_static(b"foo");
    let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
    let inner = TxnRequest { success: op(Request::RequestRange(range)), ..TxnRequest::default() };
    let put =
        PutRequest { key: key.clone(), value: "bar".into(), lease: 5, ..PutRequest::default() };
    let target_union = Some(TargetUnion::ModRevision(7));
    let compare = Compare { result: 1, target: 2, key, target_union, ..Compare::default() };
    let wanted = TxnRequest {
        compare: vec![compare],
        success: op(Request::RequestPut(put)),
        failure: op(Request::RequestTxn(inner)),
    };
    let message = read(&schema::TXN_REQUEST, &value).unwrap();
    assert_eq!(TxnRequest::decode(&message[..]).unwrap(), wanted);
    let watch = json!({ "create_request": { "filters": ["NODELETE"], "start_revision": "-3" } });
    let message = read(&schema::WATCH_REQUEST, &watch).unwrap();
    let create = WatchCreateRequest {
        filters: vec![1],
        start_revision: -3,
        ..WatchCreateRequest::default()
    };
    let wanted = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    assert_eq!(WatchRequest::decode(&message[..]).unwrap(), wanted);
}

#[test]
fn an_answer_is_written_without_zeros_and_without_fields_of_our_own() {
    let kv = KeyValue { key: "foo".into(), version: 1, lease: -1, ..KeyValue::default() };
    let header = Some(ResponseHeader { revision: i64::MAX, ..ResponseHeader::default() });
    let response = RangeResponse { header, kvs: vec![kv], more: false, count: 1 };
    let wanted = json!({
        "header": { "revision": "9223372036854775807" },
        "kvs": [{ "key": "Zm9v", "version": "1", "lease": "-1" }],
        "count": "1",
    });
    assert_eq!(write(&schema::RANGE_RESPONSE, bytes(&response)), Some(wanted));
    let unknown = [&bytes(&response)[..], &[0xa0, 6, 1]].concat();
    let written = write(&schema::RANGE_RESPONSE, unknown.into()).unwrap();
    assert_eq!(written.as_object().unwrap().len(), 3);
    assert_eq!(write(&schema::RANGE_RESPONSE, Bytes::from_static(&[10, 9])), None);
}

#[test]
fn names_and_values_that_are_wrong_are_named() {
    for (value, named) in [
        (json!({ "keys": "Zm9v" }), "\"keys\" in etcdserverpb.PutRequest"),
        (json!({ "key": "!" }), "\"!\" is no value for \"key\""),
        (json!({ "lease": "x" }), "\"lease\""),
        (json!({ "prev_kv": "true" }), "\"prev_kv\""),
        (json!([]), "no object"),
    ] {
        let refused = read(&schema::PUT_REQUEST, &value).unwrap_err();
        assert!(refused.text.contains(named), "{}", refused.text);
    }
    let unpadded = read(&schema::PUT_REQUEST, &json!({ "key": "_-8", "value": null })).unwrap();
    assert_eq!(PutRequest::decode(&unpadded[..]).unwrap().key, &[0xff, 0xef][..]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(key: Vec<u8>, value: Vec<u8>, lease: i64, prev_kv: bool) {
        let put = PutRequest {
            key: key.into(), value: value.into(), lease, prev_kv, ..PutRequest::default()
        };
        let written = write(&schema::PUT_REQUEST, bytes(&put)).unwrap();
        let message = read(&schema::PUT_REQUEST, &written).unwrap();
        prop_assert_eq!(PutRequest::decode(&message[..]).unwrap(), put);
    }

    #[test]
    fn any_bytes_are_handled(bytes: Vec<u8>) {
        let _ = write(&schema::TXN_RESPONSE, bytes.clone().into());
        if let Ok(value) = serde_json::from_slice(&bytes) {
            let _ = read(&schema::TXN_REQUEST, &value);
        }
    }
}
