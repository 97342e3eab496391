//! Locks and elections.

use super::{HEADER, KEY_VALUE, Kind::*, messages};

messages! {
    LOCK_REQUEST = "v3lockpb.LockRequest" {
        1 name: Bytes;
        2 lease: Int64;
    }
    LOCK_RESPONSE = "v3lockpb.LockResponse" {
        1 header: Message(&HEADER);
        2 key: Bytes;
    }
    UNLOCK_REQUEST = "v3lockpb.UnlockRequest" {
        1 key: Bytes;
    }
    UNLOCK_RESPONSE = "v3lockpb.UnlockResponse" {
        1 header: Message(&HEADER);
    }
    LEADER_KEY = "v3electionpb.LeaderKey" {
        1 name: Bytes;
        2 key: Bytes;
        3 rev: Int64;
        4 lease: Int64;
    }
    CAMPAIGN_REQUEST = "v3electionpb.CampaignRequest" {
        1 name: Bytes;
        2 lease: Int64;
        3 value: Bytes;
    }
    CAMPAIGN_RESPONSE = "v3electionpb.CampaignResponse" {
        1 header: Message(&HEADER);
        2 leader: Message(&LEADER_KEY);
    }
    PROCLAIM_REQUEST = "v3electionpb.ProclaimRequest" {
        1 leader: Message(&LEADER_KEY);
        2 value: Bytes;
    }
    PROCLAIM_RESPONSE = "v3electionpb.ProclaimResponse" {
        1 header: Message(&HEADER);
    }
    LEADER_REQUEST = "v3electionpb.LeaderRequest" {
        1 name: Bytes;
    }
    LEADER_RESPONSE = "v3electionpb.LeaderResponse" {
        1 header: Message(&HEADER);
        2 kv: Message(&KEY_VALUE);
    }
    RESIGN_REQUEST = "v3electionpb.ResignRequest" {
        1 leader: Message(&LEADER_KEY);
    }
    RESIGN_RESPONSE = "v3electionpb.ResignResponse" {
        1 header: Message(&HEADER);
    }
}
