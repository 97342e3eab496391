//! What operators ask: members, maintenance.

use super::{HEADER, Kind::*, messages};

const ACTION: &[&str] = &["GET", "ACTIVATE", "DEACTIVATE"];
const ALARM: &[&str] = &["NONE", "NOSPACE", "CORRUPT"];

const SERVING: &[&str] = &["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

messages! {
    EMPTY = "google.protobuf.Empty" {}
    MEMBER = "etcdserverpb.Member" {
        1 ID: Uint64;
        2 name: Text;
        3 peerURLs: Text, many;
        4 clientURLs: Text, many;
        5 isLearner: Bool;
    }
    MEMBER_LIST_REQUEST = "etcdserverpb.MemberListRequest" {
        1 linearizable: Bool;
    }
    MEMBER_LIST_RESPONSE = "etcdserverpb.MemberListResponse" {
        1 header: Message(&HEADER);
        2 members: Message(&MEMBER), many;
    }
    MEMBER_ADD_REQUEST = "etcdserverpb.MemberAddRequest" {
        1 peerURLs: Text, many;
        2 isLearner: Bool;
    }
    MEMBER_UPDATE_REQUEST = "etcdserverpb.MemberUpdateRequest" {
        1 ID: Uint64;
        2 peerURLs: Text, many;
    }
    ALARM_REQUEST = "etcdserverpb.AlarmRequest" {
        1 action: Enum(ACTION);
        2 memberID: Uint64;
        3 alarm: Enum(ALARM);
    }
    ALARM_MEMBER = "etcdserverpb.AlarmMember" {
        1 memberID: Uint64;
        2 alarm: Enum(ALARM);
    }
    ALARM_RESPONSE = "etcdserverpb.AlarmResponse" {
        1 header: Message(&HEADER);
        2 alarms: Message(&ALARM_MEMBER), many;
    }
    STATUS_RESPONSE = "etcdserverpb.StatusResponse" {
        1 header: Message(&HEADER);
        2 version: Text;
        3 dbSize: Int64;
        4 leader: Uint64;
        5 raftIndex: Uint64;
        6 raftTerm: Uint64;
        7 raftAppliedIndex: Uint64;
        8 errors: Text, many;
        9 dbSizeInUse: Int64;
        10 isLearner: Bool;
    }
    DEFRAGMENT_RESPONSE = "etcdserverpb.DefragmentResponse" {
        1 header: Message(&HEADER);
    }
    HASH_RESPONSE = "etcdserverpb.HashResponse" {
        1 header: Message(&HEADER);
        2 hash: Uint32;
    }
    HASH_KV_REQUEST = "etcdserverpb.HashKVRequest" {
        1 revision: Int64;
    }
    HASH_KV_RESPONSE = "etcdserverpb.HashKVResponse" {
        1 header: Message(&HEADER);
        2 hash: Uint32;
        3 compact_revision: Int64;
        4 hash_revision: Int64;
    }
    HEALTH_CHECK_REQUEST = "grpc.health.v1.HealthCheckRequest" {
        1 service: Text;
    }
    HEALTH_CHECK_RESPONSE = "grpc.health.v1.HealthCheckResponse" {
        1 status: Enum(SERVING);
    }
    MOVE_LEADER_REQUEST = "etcdserverpb.MoveLeaderRequest" {
        1 targetID: Uint64;
    }
    MOVE_LEADER_RESPONSE = "etcdserverpb.MoveLeaderResponse" {
        1 header: Message(&HEADER);
    }
    SNAPSHOT_RESPONSE = "etcdserverpb.SnapshotResponse" {
        1 header: Message(&HEADER);
        2 remaining_bytes: Uint64;
        3 blob: Bytes;
    }
}
