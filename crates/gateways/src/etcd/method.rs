//! What can be called, by the path of the request.

use super::auth::AuthMethod;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// One message, one answer.
    Unary(Unary),
    /// A stream in at least one direction.
    Stream(Stream),
}

/// Calls with one message and one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as in etcd's protocol")]
pub enum Unary {
    Range,
    Put,
    DeleteRange,
    Txn,
    Compact,
    LeaseGrant,
    LeaseRevoke,
    LeaseTimeToLive,
    LeaseLeases,
    Lock,
    Unlock,
    Campaign,
    Proclaim,
    Leader,
    Resign,
    MemberList,
    /// Members are changed by `quorate cluster`.
    MemberChange,
    Alarm,
    Status,
    Defragment,
    Hash,
    HashKv,
    MoveLeader,
    Downgrade,
    /// Users, roles, and who calls.
    Auth(AuthMethod),
    HealthCheck,
}

/// Calls with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as in etcd's protocol")]
pub enum Stream {
    Watch,
    LeaseKeepAlive,
    Observe,
    Snapshot,
    HealthWatch,
    Reflect,
}

impl Unary {
    /// Whether the call belongs to etcd's services for recipes, which answer every error of the
    /// program with one code.
    #[must_use]
    pub fn is_recipe(self) -> bool {
        use Unary::{Campaign, Leader, Lock, Proclaim, Resign, Unlock};
        matches!(self, Lock | Unlock | Campaign | Proclaim | Leader | Resign)
    }
}

impl Method {
    /// The method of a path.
    #[must_use]
    pub fn parse(path: &str) -> Option<Method> {
        let (service, name) = path.strip_prefix('/')?.split_once('/')?;
        let unary = match (service, name) {
            ("etcdserverpb.KV", "Range") => Unary::Range,
            ("etcdserverpb.KV", "Put") => Unary::Put,
            ("etcdserverpb.KV", "DeleteRange") => Unary::DeleteRange,
            ("etcdserverpb.KV", "Txn") => Unary::Txn,
            ("etcdserverpb.KV", "Compact") => Unary::Compact,
            ("etcdserverpb.Lease", _) => return lease(name),
            ("etcdserverpb.Watch", "Watch") => return Some(Method::Stream(Stream::Watch)),
            ("etcdserverpb.Cluster", _) => cluster(name)?,
            ("etcdserverpb.Maintenance", "Snapshot") => {
                return Some(Method::Stream(Stream::Snapshot));
            }
            ("etcdserverpb.Maintenance", _) => maintenance(name)?,
            ("etcdserverpb.Auth", _) => Unary::Auth(AuthMethod::parse(name)?),
            ("v3lockpb.Lock", "Lock") => Unary::Lock,
            ("v3lockpb.Lock", "Unlock") => Unary::Unlock,
            ("v3electionpb.Election", _) => return election(name),
            ("grpc.health.v1.Health", "Check") => Unary::HealthCheck,
            ("grpc.health.v1.Health", "Watch") => {
                return Some(Method::Stream(Stream::HealthWatch));
            }
            (
                "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection",
                "ServerReflectionInfo",
            ) => return Some(Method::Stream(Stream::Reflect)),
            _ => return None,
        };
        Some(Method::Unary(unary))
    }
}

fn lease(name: &str) -> Option<Method> {
    Some(Method::Unary(match name {
        "LeaseGrant" => Unary::LeaseGrant,
        "LeaseRevoke" => Unary::LeaseRevoke,
        "LeaseKeepAlive" => return Some(Method::Stream(Stream::LeaseKeepAlive)),
        "LeaseTimeToLive" => Unary::LeaseTimeToLive,
        "LeaseLeases" => Unary::LeaseLeases,
        _ => return None,
    }))
}

fn cluster(name: &str) -> Option<Unary> {
    match name {
        "MemberList" => Some(Unary::MemberList),
        "MemberAdd" | "MemberRemove" | "MemberUpdate" | "MemberPromote" => {
            Some(Unary::MemberChange)
        }
        _ => None,
    }
}

fn maintenance(name: &str) -> Option<Unary> {
    Some(match name {
        "Alarm" => Unary::Alarm,
        "Status" => Unary::Status,
        "Defragment" => Unary::Defragment,
        "Hash" => Unary::Hash,
        "HashKV" => Unary::HashKv,
        "MoveLeader" => Unary::MoveLeader,
        "Downgrade" => Unary::Downgrade,
        _ => return None,
    })
}

fn election(name: &str) -> Option<Method> {
    Some(Method::Unary(match name {
        "Campaign" => Unary::Campaign,
        "Proclaim" => Unary::Proclaim,
        "Leader" => Unary::Leader,
        "Observe" => return Some(Method::Stream(Stream::Observe)),
        "Resign" => Unary::Resign,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_whole() {
        assert_eq!(Method::parse("/etcdserverpb.KV/Put"), Some(Method::Unary(Unary::Put)));
        let watch = Method::parse("/etcdserverpb.Watch/Watch");
        assert_eq!(watch, Some(Method::Stream(Stream::Watch)));
        for wrong in ["", "/", "etcdserverpb.KV/Put", "/etcdserverpb.KV/put", "/a/b/c"] {
            assert_eq!(Method::parse(wrong), None, "{wrong}");
        }
    }
}
