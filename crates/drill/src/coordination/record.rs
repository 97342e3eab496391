//! Between what the checkers read and what the cluster is sent.

use bytes::Bytes;
use check::etcd::{
    Answer, Ask, Change, Deleted, Done, Found, Kept, Keys, Kv, Leads, Left, Operand, Page, Queued,
    Refusal, Relation, Step, StepDone, TxnDone,
};
use contract::Program;
use database::api::Action;
use layers::coordination as wire;
use prost::Message;

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command, as it is sent.
pub(super) fn change(act: wire::Act, guard: Option<(&str, i64)>) -> Action {
    let guard = guard.map(|(name, token)| wire::Guard { name: bytes(name), token });
    let command = wire::Command::new(act);
    let command = wire::Command { guards: guard.into_iter().collect(), ..command };
    Action::Mutate { program: Program::Coordination, command: command.encode_to_vec().into() }
}

pub(super) fn query(ask: wire::Ask) -> Action {
    let query = wire::Query::from(ask).encode_to_vec().into();
    Action::Query { program: Program::Coordination, query }
}

/// A request, as it is sent; `limit` bounds how many changes a page looks at.
pub(super) fn sent(ask: &Ask, limit: u32) -> Action {
    let act = match ask {
        Ask::Put(request) => wire::Act::Put(put(request)),
        Ask::Delete(keys) => wire::Act::DeleteRange(delete(keys)),
        Ask::Txn(txn) => wire::Act::Txn(wire::TxnRequest {
            compare: txn.compare.iter().map(compare).collect(),
            success: txn.success.iter().map(step).collect(),
            failure: txn.failure.iter().map(step).collect(),
        }),
        Ask::Compact(compact) => wire::Act::Compaction(wire::CompactionRequest {
            revision: compact.revision,
            physical: false,
        }),
        Ask::Grant(grant) => {
            wire::Act::LeaseGrant(wire::LeaseGrantRequest { id: grant.lease, ttl: grant.ttl })
        }
        Ask::Revoke(lease) => wire::Act::LeaseRevoke(wire::LeaseRevokeRequest { id: lease.lease }),
        Ask::Lock(stand) => {
            let (name, lease) = (bytes(&stand.name), stand.lease);
            wire::Act::Lock(wire::LockRequest { name, lease })
        }
        Ask::Campaign(stand) => {
            let (name, value) = (bytes(&stand.name), bytes(&stand.value));
            wire::Act::Campaign(wire::CampaignRequest { name, lease: stand.lease, value })
        }
        Ask::Unlock(place) => wire::Act::Unlock(wire::UnlockRequest { key: bytes(&place.key) }),
        Ask::Resign(place) => {
            let leader = Some(candidacy(&place.key, place.token, 0));
            wire::Act::Resign(wire::ResignRequest { leader })
        }
        Ask::Proclaim(proclaim) => {
            let leader = Some(candidacy(&proclaim.key, proclaim.token, proclaim.lease));
            let value = bytes(&proclaim.value);
            wire::Act::Proclaim(wire::ProclaimRequest { leader, value })
        }
        Ask::Range(request) => {
            let (revision, limit) = (request.revision, request.limit);
            return query(wire::Ask::Range(wire::RangeRequest {
                revision,
                limit,
                ..range(&request.keys)
            }));
        }
        Ask::KeepAlive(keep) => {
            let ids = keep.leases.clone();
            return query(wire::Ask::LeaseKeepAlive(wire::LeaseRenewRequest { ids }));
        }
        Ask::TimeToLive(lease) => {
            let request = wire::LeaseTimeToLiveRequest { id: lease.lease, keys: false };
            return query(wire::Ask::LeaseTimeToLive(request));
        }
        Ask::Leader(name) => {
            return query(wire::Ask::Leader(wire::LeaderRequest { name: bytes(&name.name) }));
        }
        Ask::Watch(watch) => {
            return query(wire::Ask::Changes(wire::ChangesRequest {
                key: bytes(&watch.keys.key),
                range_end: bytes(&watch.keys.end),
                start_revision: watch.from.0,
                start_sub: watch.from.1,
                prev_kv: true,
                limit,
                ..wire::ChangesRequest::default()
            }));
        }
        Ask::Recipe(recipe) => return super::recipe::sent(recipe),
    };
    change(act, ask.guard())
}

fn put(put: &check::etcd::Put) -> wire::PutRequest {
    let (key, value) = (bytes(&put.key), bytes(&put.value));
    wire::PutRequest { key, value, lease: put.lease, prev_kv: true, ..wire::PutRequest::default() }
}

fn delete(keys: &Keys) -> wire::DeleteRangeRequest {
    let (key, range_end) = (bytes(&keys.key), bytes(&keys.end));
    wire::DeleteRangeRequest { key, range_end, prev_kv: false }
}

fn range(keys: &Keys) -> wire::RangeRequest {
    let (key, range_end) = (bytes(&keys.key), bytes(&keys.end));
    wire::RangeRequest { key, range_end, ..wire::RangeRequest::default() }
}

fn candidacy(key: &str, rev: i64, lease: i64) -> wire::LeaderKey {
    let name = key.rsplit_once('/').map_or("", |(name, _)| name);
    wire::LeaderKey { name: bytes(name), key: bytes(key), rev, lease }
}

fn compare(compare: &check::etcd::Compare) -> wire::Compare {
    let (target, operand) = match &compare.to {
        Operand::Version(to) => (wire::CompareTarget::Version, wire::TargetUnion::Version(*to)),
        Operand::Create(to) => {
            (wire::CompareTarget::Create, wire::TargetUnion::CreateRevision(*to))
        }
        Operand::Mod(to) => (wire::CompareTarget::Mod, wire::TargetUnion::ModRevision(*to)),
        Operand::Value(to) => (wire::CompareTarget::Value, wire::TargetUnion::Value(bytes(to))),
        Operand::Lease(to) => (wire::CompareTarget::Lease, wire::TargetUnion::Lease(*to)),
    };
    let result = match compare.holds {
        Relation::Equal => wire::CompareResult::Equal,
        Relation::NotEqual => wire::CompareResult::NotEqual,
        Relation::Less => wire::CompareResult::Less,
        Relation::Greater => wire::CompareResult::Greater,
    };
    wire::Compare {
        result: result as i32,
        target: target as i32,
        key: bytes(&compare.key),
        target_union: Some(operand),
        range_end: Bytes::new(),
    }
}

fn step(step: &Step) -> wire::RequestOp {
    let request = match step {
        Step::Put(request) => wire::Request::RequestPut(put(request)),
        Step::Delete(keys) => wire::Request::RequestDeleteRange(delete(keys)),
        Step::Range(keys) => wire::Request::RequestRange(range(keys)),
    };
    wire::RequestOp { request: Some(request) }
}

/// What the answer to a command says.
pub(super) fn changed(body: &Bytes) -> Option<Answer> {
    let outcome = match wire::Reply::read(body).ok()?.into_result() {
        Ok(outcome) => outcome,
        Err(error) => return Some(Answer::Refused(refusal(error))),
    };
    Some(match outcome {
        wire::Outcome::Put(put) => {
            let (revision, prev) = (at(put.header)?, put.prev_kv.as_ref().map(kv));
            Answer::Put(Done { revision, prev })
        }
        wire::Outcome::DeleteRange(done) => {
            Answer::Delete(Deleted { revision: at(done.header)?, deleted: done.deleted })
        }
        wire::Outcome::Txn(txn) => Answer::Txn(TxnDone {
            revision: at(txn.header)?,
            succeeded: txn.succeeded,
            steps: txn.responses.iter().filter_map(found).collect(),
        }),
        wire::Outcome::Lock(lock) => Answer::Place(Queued {
            revision: at(lock.header)?,
            key: text(&lock.key),
            token: lock.token,
            held: lock.held,
            behind: text(&lock.behind),
        }),
        wire::Outcome::Campaign(campaign) => {
            let leader = campaign.leader?;
            Answer::Place(Queued {
                revision: at(campaign.header)?,
                key: text(&leader.key),
                token: leader.rev,
                held: campaign.elected,
                behind: text(&campaign.behind),
            })
        }
        wire::Outcome::LeaseRenew(renewed) => kept(&renewed)?,
        wire::Outcome::Compaction(done) => done_at(done.header)?,
        wire::Outcome::LeaseGrant(done) => done_at(done.header)?,
        wire::Outcome::LeaseRevoke(done) => done_at(done.header)?,
        wire::Outcome::Unlock(done) => done_at(done.header)?,
        wire::Outcome::Proclaim(done) => done_at(done.header)?,
        wire::Outcome::Resign(done) => done_at(done.header)?,
        wire::Outcome::Recipe(done) => super::recipe::changed(&done)?,
        _ => return None,
    })
}

/// What the answer to a query says.
pub(super) fn read(body: &Bytes) -> Option<Answer> {
    let answer = match wire::QueryReply::read(body).ok()?.into_result() {
        Ok(answer) => answer,
        Err(error) => return Some(Answer::Refused(refusal(error))),
    };
    Some(match answer {
        wire::Answer::Range(range) => Answer::Range(Found {
            revision: at(range.header)?,
            kvs: range.kvs.iter().map(kv).collect(),
            count: range.count,
        }),
        wire::Answer::LeaseKeepAlive(renewed) => kept(&renewed)?,
        wire::Answer::LeaseTimeToLive(left) => Answer::TimeToLive(Left {
            revision: at(left.header)?,
            ttl: left.ttl,
            granted: left.granted_ttl,
        }),
        wire::Answer::Leader(leader) => {
            Answer::Leader(Leads { revision: at(leader.header)?, kv: kv(leader.kv.as_ref()?) })
        }
        wire::Answer::Recipe(answer) => super::recipe::read(&answer)?,
        wire::Answer::Changes(page) => Answer::Watch(Page {
            revision: at(page.header)?,
            events: page.events.iter().filter_map(event).collect(),
            next: (page.next_revision, page.next_sub),
            compacted: page.compact_revision,
        }),
        _ => return None,
    })
}

/// The leases that must be renewed through the log before a keep-alive counts.
pub(super) fn to_log(body: &Bytes) -> Vec<i64> {
    match wire::QueryReply::read(body).map(wire::QueryReply::into_result) {
        Ok(Ok(wire::Answer::LeaseKeepAlive(renewed))) => {
            renewed.leases.iter().filter(|kept| kept.log_it).map(|kept| kept.id).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn at(header: Option<wire::ResponseHeader>) -> Option<i64> {
    header.map(|header| header.revision)
}

fn done_at(header: Option<wire::ResponseHeader>) -> Option<Answer> {
    Some(Answer::Done(Done { revision: at(header)?, prev: None }))
}

fn kept(renewed: &wire::LeaseRenewResponse) -> Option<Answer> {
    let leases = renewed.leases.iter().map(|kept| (kept.id, kept.ttl)).collect();
    Some(Answer::KeepAlive(Kept { revision: at(renewed.header)?, leases }))
}

fn found(response: &wire::ResponseOp) -> Option<StepDone> {
    Some(match response.response.as_ref()? {
        wire::Response::ResponsePut(_) => StepDone::Put,
        wire::Response::ResponseDeleteRange(done) => StepDone::Deleted(done.deleted),
        wire::Response::ResponseRange(range) => StepDone::Found(range.kvs.iter().map(kv).collect()),
        wire::Response::ResponseTxn(_) => return None,
    })
}

fn event(event: &wire::Event) -> Option<Change> {
    let removed = event.r#type == wire::EventType::Delete as i32;
    let prev = event.prev_kv.as_ref().map(kv);
    Some(Change { removed, kv: kv(event.kv.as_ref()?), prev })
}

fn kv(kv: &wire::KeyValue) -> Kv {
    Kv {
        key: text(&kv.key),
        value: text(&kv.value),
        create: kv.create_revision,
        modified: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

fn refusal(error: wire::Error) -> Refusal {
    match error {
        wire::Error::Compacted => Refusal::Compacted,
        wire::Error::FutureRev => Refusal::Future,
        wire::Error::LeaseNotFound => Refusal::LeaseNotFound,
        wire::Error::GuardFailed => Refusal::Guard,
        wire::Error::NotLeader => Refusal::NotLeader,
        wire::Error::NoLeader => Refusal::NoLeader,
        _ => Refusal::Other,
    }
}
