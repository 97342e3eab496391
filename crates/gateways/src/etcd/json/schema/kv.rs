//! Keys, values and transactions.

use super::{Kind::*, messages};

const SORT_ORDER: &[&str] = &["NONE", "ASCEND", "DESCEND"];
const SORT_TARGET: &[&str] = &["KEY", "VERSION", "CREATE", "MOD", "VALUE"];
const RESULT: &[&str] = &["EQUAL", "GREATER", "LESS", "NOT_EQUAL"];
const TARGET: &[&str] = &["VERSION", "CREATE", "MOD", "VALUE", "LEASE"];

messages! {
    HEADER = "etcdserverpb.ResponseHeader" {
        1 cluster_id: Uint64;
        2 member_id: Uint64;
        3 revision: Int64;
        4 raft_term: Uint64;
    }
    KEY_VALUE = "mvccpb.KeyValue" {
        1 key: Bytes;
        2 create_revision: Int64;
        3 mod_revision: Int64;
        4 version: Int64;
        5 value: Bytes;
        6 lease: Int64;
    }
    RANGE_REQUEST = "etcdserverpb.RangeRequest" {
        1 key: Bytes;
        2 range_end: Bytes;
        3 limit: Int64;
        4 revision: Int64;
        5 sort_order: Enum(SORT_ORDER);
        6 sort_target: Enum(SORT_TARGET);
        7 serializable: Bool;
        8 keys_only: Bool;
        9 count_only: Bool;
        10 min_mod_revision: Int64;
        11 max_mod_revision: Int64;
        12 min_create_revision: Int64;
        13 max_create_revision: Int64;
    }
    RANGE_RESPONSE = "etcdserverpb.RangeResponse" {
        1 header: Message(&HEADER);
        2 kvs: Message(&KEY_VALUE), many;
        3 more: Bool;
        4 count: Int64;
    }
    PUT_REQUEST = "etcdserverpb.PutRequest" {
        1 key: Bytes;
        2 value: Bytes;
        3 lease: Int64;
        4 prev_kv: Bool;
        5 ignore_value: Bool;
        6 ignore_lease: Bool;
    }
    PUT_RESPONSE = "etcdserverpb.PutResponse" {
        1 header: Message(&HEADER);
        2 prev_kv: Message(&KEY_VALUE);
    }
    DELETE_RANGE_REQUEST = "etcdserverpb.DeleteRangeRequest" {
        1 key: Bytes;
        2 range_end: Bytes;
        3 prev_kv: Bool;
    }
    DELETE_RANGE_RESPONSE = "etcdserverpb.DeleteRangeResponse" {
        1 header: Message(&HEADER);
        2 deleted: Int64;
        3 prev_kvs: Message(&KEY_VALUE), many;
    }
    COMPARE = "etcdserverpb.Compare" {
        1 result: Enum(RESULT);
        2 target: Enum(TARGET);
        3 key: Bytes;
        4 version: Int64 => target_union;
        5 create_revision: Int64 => target_union;
        6 mod_revision: Int64 => target_union;
        7 value: Bytes => target_union;
        8 lease: Int64 => target_union;
        64 range_end: Bytes;
    }
    REQUEST_OP = "etcdserverpb.RequestOp" {
        1 request_range: Message(&RANGE_REQUEST) => request;
        2 request_put: Message(&PUT_REQUEST) => request;
        3 request_delete_range: Message(&DELETE_RANGE_REQUEST) => request;
        4 request_txn: Message(&TXN_REQUEST) => request;
    }
    RESPONSE_OP = "etcdserverpb.ResponseOp" {
        1 response_range: Message(&RANGE_RESPONSE) => response;
        2 response_put: Message(&PUT_RESPONSE) => response;
        3 response_delete_range: Message(&DELETE_RANGE_RESPONSE) => response;
        4 response_txn: Message(&TXN_RESPONSE) => response;
    }
    TXN_REQUEST = "etcdserverpb.TxnRequest" {
        1 compare: Message(&COMPARE), many;
        2 success: Message(&REQUEST_OP), many;
        3 failure: Message(&REQUEST_OP), many;
    }
    TXN_RESPONSE = "etcdserverpb.TxnResponse" {
        1 header: Message(&HEADER);
        2 succeeded: Bool;
        3 responses: Message(&RESPONSE_OP), many;
    }
    COMPACTION_REQUEST = "etcdserverpb.CompactionRequest" {
        1 revision: Int64;
        2 physical: Bool;
    }
    COMPACTION_RESPONSE = "etcdserverpb.CompactionResponse" {
        1 header: Message(&HEADER);
    }
}
