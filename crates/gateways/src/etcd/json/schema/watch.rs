//! Watches.

use super::{EMPTY, HEADER, KEY_VALUE, Kind::*, messages};

const FILTER: &[&str] = &["NOPUT", "NODELETE"];
const KIND: &[&str] = &["PUT", "DELETE"];

messages! {
    EVENT = "mvccpb.Event" {
        1 type: Enum(KIND);
        2 kv: Message(&KEY_VALUE);
        3 prev_kv: Message(&KEY_VALUE);
    }
    WATCH_REQUEST = "etcdserverpb.WatchRequest" {
        1 create_request: Message(&WATCH_CREATE_REQUEST) => request_union;
        2 cancel_request: Message(&WATCH_CANCEL_REQUEST) => request_union;
        3 progress_request: Message(&EMPTY) => request_union;
    }
    WATCH_CREATE_REQUEST = "etcdserverpb.WatchCreateRequest" {
        1 key: Bytes;
        2 range_end: Bytes;
        3 start_revision: Int64;
        4 progress_notify: Bool;
        5 filters: Enum(FILTER), many;
        6 prev_kv: Bool;
        7 watch_id: Int64;
        8 fragment: Bool;
    }
    WATCH_CANCEL_REQUEST = "etcdserverpb.WatchCancelRequest" {
        1 watch_id: Int64;
    }
    WATCH_RESPONSE = "etcdserverpb.WatchResponse" {
        1 header: Message(&HEADER);
        2 watch_id: Int64;
        3 created: Bool;
        4 canceled: Bool;
        5 compact_revision: Int64;
        6 cancel_reason: Text;
        7 fragment: Bool;
        11 events: Message(&EVENT), many;
    }
}
