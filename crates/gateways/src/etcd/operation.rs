//! What calls are told apart by where they are counted: by their methods.

use super::{
    auth::AuthMethod,
    method::{Method, Stream, Unary},
};
use crate::measure::same;

/// The methods but those of `Auth`, which has its own list.
const METHODS: [&str; 31] = [
    "etcdserverpb.KV/Range",
    "etcdserverpb.KV/Put",
    "etcdserverpb.KV/DeleteRange",
    "etcdserverpb.KV/Txn",
    "etcdserverpb.KV/Compact",
    "etcdserverpb.Lease/LeaseGrant",
    "etcdserverpb.Lease/LeaseRevoke",
    "etcdserverpb.Lease/LeaseTimeToLive",
    "etcdserverpb.Lease/LeaseLeases",
    "v3lockpb.Lock/Lock",
    "v3lockpb.Lock/Unlock",
    "v3electionpb.Election/Campaign",
    "v3electionpb.Election/Proclaim",
    "v3electionpb.Election/Leader",
    "v3electionpb.Election/Resign",
    "etcdserverpb.Cluster/MemberList",
    "etcdserverpb.Cluster/MemberChange",
    "etcdserverpb.Maintenance/Alarm",
    "etcdserverpb.Maintenance/Status",
    "etcdserverpb.Maintenance/Defragment",
    "etcdserverpb.Maintenance/Hash",
    "etcdserverpb.Maintenance/HashKV",
    "etcdserverpb.Maintenance/MoveLeader",
    "etcdserverpb.Maintenance/Downgrade",
    "grpc.health.v1.Health/Check",
    "etcdserverpb.Watch/Watch",
    "etcdserverpb.Lease/LeaseKeepAlive",
    "v3electionpb.Election/Observe",
    "etcdserverpb.Maintenance/Snapshot",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// The place of a method that nobody has.
pub const NONE: usize = METHODS.len() + AuthMethod::ALL.len();

/// A name for every method, and one for what is none.
pub fn operations() -> impl Iterator<Item = String> {
    let auth = AuthMethod::ALL.iter().map(|(name, _)| format!("etcdserverpb.Auth/{name}"));
    METHODS.map(str::to_owned).into_iter().chain(auth).chain(["none".to_owned()])
}

/// The place of a method in the list. One that is not there does not compile.
const fn place(name: &str) -> usize {
    let mut at = 0;
    while !same(METHODS[at], name) {
        at += 1;
    }
    at
}

impl Method {
    /// The place of the method among those that are counted.
    #[must_use]
    pub fn operation(self) -> usize {
        match self {
            Method::Unary(unary) => unary.operation(),
            Method::Stream(stream) => stream.operation(),
        }
    }
}

impl Unary {
    fn operation(self) -> usize {
        match self {
            Unary::Range => const { place("etcdserverpb.KV/Range") },
            Unary::Put => const { place("etcdserverpb.KV/Put") },
            Unary::DeleteRange => const { place("etcdserverpb.KV/DeleteRange") },
            Unary::Txn => const { place("etcdserverpb.KV/Txn") },
            Unary::Compact => const { place("etcdserverpb.KV/Compact") },
            Unary::LeaseGrant => const { place("etcdserverpb.Lease/LeaseGrant") },
            Unary::LeaseRevoke => const { place("etcdserverpb.Lease/LeaseRevoke") },
            Unary::LeaseTimeToLive => const { place("etcdserverpb.Lease/LeaseTimeToLive") },
            Unary::LeaseLeases => const { place("etcdserverpb.Lease/LeaseLeases") },
            Unary::Lock => const { place("v3lockpb.Lock/Lock") },
            Unary::Unlock => const { place("v3lockpb.Lock/Unlock") },
            Unary::Campaign => const { place("v3electionpb.Election/Campaign") },
            Unary::Proclaim => const { place("v3electionpb.Election/Proclaim") },
            Unary::Leader => const { place("v3electionpb.Election/Leader") },
            Unary::Resign => const { place("v3electionpb.Election/Resign") },
            Unary::MemberList => const { place("etcdserverpb.Cluster/MemberList") },
            Unary::MemberChange => const { place("etcdserverpb.Cluster/MemberChange") },
            Unary::Alarm => const { place("etcdserverpb.Maintenance/Alarm") },
            Unary::Status => const { place("etcdserverpb.Maintenance/Status") },
            Unary::Defragment => const { place("etcdserverpb.Maintenance/Defragment") },
            Unary::Hash => const { place("etcdserverpb.Maintenance/Hash") },
            Unary::HashKv => const { place("etcdserverpb.Maintenance/HashKV") },
            Unary::MoveLeader => const { place("etcdserverpb.Maintenance/MoveLeader") },
            Unary::Downgrade => const { place("etcdserverpb.Maintenance/Downgrade") },
            Unary::HealthCheck => const { place("grpc.health.v1.Health/Check") },
            Unary::Auth(method) => METHODS.len() + method as usize,
        }
    }
}

impl Stream {
    fn operation(self) -> usize {
        match self {
            Stream::Watch => const { place("etcdserverpb.Watch/Watch") },
            Stream::LeaseKeepAlive => const { place("etcdserverpb.Lease/LeaseKeepAlive") },
            Stream::Observe => const { place("v3electionpb.Election/Observe") },
            Stream::Snapshot => const { place("etcdserverpb.Maintenance/Snapshot") },
            Stream::HealthWatch => const { place("grpc.health.v1.Health/Watch") },
            Stream::Reflect => {
                const { place("grpc.reflection.v1.ServerReflection/ServerReflectionInfo") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_under_its_own_method() {
        let names: Vec<String> = operations().collect();
        for (at, name) in names.iter().enumerate().take(NONE) {
            // Who adds, removes, updates or promotes a member is told the same.
            let path = format!("/{}", name.replace("MemberChange", "MemberAdd"));
            assert_eq!(Method::parse(&path).map(Method::operation), Some(at), "{name}");
        }
        assert_eq!((names.len(), names[NONE].as_str()), (NONE + 1, "none"));
    }
}
