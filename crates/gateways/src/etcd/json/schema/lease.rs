//! Leases.

use super::{HEADER, Kind::*, messages};

messages! {
    LEASE_GRANT_REQUEST = "etcdserverpb.LeaseGrantRequest" {
        1 TTL: Int64;
        2 ID: Int64;
    }
    LEASE_GRANT_RESPONSE = "etcdserverpb.LeaseGrantResponse" {
        1 header: Message(&HEADER);
        2 ID: Int64;
        3 TTL: Int64;
        4 error: Text;
    }
    LEASE_REVOKE_REQUEST = "etcdserverpb.LeaseRevokeRequest" {
        1 ID: Int64;
    }
    LEASE_REVOKE_RESPONSE = "etcdserverpb.LeaseRevokeResponse" {
        1 header: Message(&HEADER);
    }
    LEASE_KEEP_ALIVE_REQUEST = "etcdserverpb.LeaseKeepAliveRequest" {
        1 ID: Int64;
    }
    LEASE_KEEP_ALIVE_RESPONSE = "etcdserverpb.LeaseKeepAliveResponse" {
        1 header: Message(&HEADER);
        2 ID: Int64;
        3 TTL: Int64;
    }
    LEASE_TIME_TO_LIVE_REQUEST = "etcdserverpb.LeaseTimeToLiveRequest" {
        1 ID: Int64;
        2 keys: Bool;
    }
    LEASE_TIME_TO_LIVE_RESPONSE = "etcdserverpb.LeaseTimeToLiveResponse" {
        1 header: Message(&HEADER);
        2 ID: Int64;
        3 TTL: Int64;
        4 grantedTTL: Int64;
        5 keys: Bytes, many;
    }
    LEASE_STATUS = "etcdserverpb.LeaseStatus" {
        1 ID: Int64;
    }
    LEASE_LEASES_RESPONSE = "etcdserverpb.LeaseLeasesResponse" {
        1 header: Message(&HEADER);
        2 leases: Message(&LEASE_STATUS), many;
    }
}
