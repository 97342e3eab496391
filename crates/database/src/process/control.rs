//! Changes of the control plane, and what an operator may ask of a node.

use kernel::{Duration, RequestId, Ticket};
use prost::Message as _;
use store::engine::Engine;

use crate::{
    Answer, Failure,
    api::Control,
    calls::{Origin, Want},
    catalog::{self, CATALOG, CatalogCommand, Change},
    failure::Code,
};

use super::{Core, Shards, route};

/// A clean shutdown waits this long for other leaders.
const HAND_OVER_WAIT: Duration = Duration::from_secs(2);

/// A change asked for by the host.
pub fn ask<E: Engine>(
    core: &mut Core<E>,
    ticket: Ticket,
    control: Control,
    request_id: Option<RequestId>,
    timeout: Duration,
) {
    let mut keyspace = alloc::string::String::new();
    let change = match control {
        Control::CreateKeyspace { name, contract } => {
            if let Err(error) = contract.check(usize::MAX) {
                return core.refuse(ticket, None, Failure::new(Code::ContractRefused, error.text));
            }
            keyspace.clone_from(&name);
            Change::Create(catalog::Create { name, contract: Some((&contract).into()) })
        }
        Control::DropKeyspace { name } => {
            keyspace.clone_from(&name);
            Change::End(name)
        }
        Control::AddNode(member) => Change::AddMember((&member).into()),
        Control::RemoveNode(node) => Change::RemoveMember(node.0),
        Control::MoveReplica { shard, from, to } => {
            Change::Move(catalog::Move { shard: shard.0, from: from.0, to: to.0 })
        }
        Control::Transfer { shard, to } => {
            let want = Want::Transfer(to);
            let mut call = route::new_call(core, Origin::Local(ticket), shard, want, timeout);
            call.control = true;
            let call = core.calls.add(call);
            return core.again.push_back(call);
        }
    };
    let id = request_id.unwrap_or_else(|| RequestId::from_random(core.rng.bits128()));
    let want = Want::Mutate { id, command: encode(change) };
    let mut call = route::new_call(core, Origin::Local(ticket), CATALOG, want, timeout);
    call.control = true;
    call.keyspace = keyspace;
    let call = core.calls.add(call);
    core.again.push_back(call);
}

/// A change of the catalog that this node wants by itself.
pub fn own<E: Engine>(core: &mut Core<E>, id: RequestId, change: Change) {
    let want = Want::Mutate { id, command: encode(change) };
    let timeout = Duration::from_secs(2);
    let call = route::new_call(core, Origin::Own, CATALOG, want, timeout);
    let call = core.calls.add(call);
    core.again.push_back(call);
}

fn encode(change: Change) -> bytes::Bytes {
    CatalogCommand::from(change).encode_to_vec().into()
}

/// Hands leadership of every shard over; answered when none is left.
pub fn hand_over<E: Engine>(core: &mut Core<E>, shards: &mut Shards, ticket: Ticket) {
    if let Some((earlier, _)) = core.hand_over.take() {
        core.replies.push((earlier, Answer::Ok));
    }
    core.hand_over = Some((ticket, core.now.instant + HAND_OVER_WAIT));
    give_up(core, shards);
}

/// Asks the best follower of every shard that this node leads to take over.
fn give_up<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    for shard in shards.values_mut().filter(|shard| shard.raft.is_leader()) {
        // A refusal leaves the shard where it is: it has nobody to go to.
        let _ = shard.raft.transfer(core.now, None, &mut core.scratch);
        core.touched.insert(shard.id);
        super::pump::drain(core, shard);
    }
}

/// Answers a hand-over that is complete, or that has waited long enough. A shard with one voter has
/// nobody to go to.
pub fn handed_over<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    let Some((ticket, deadline)) = core.hand_over else { return };
    let mut led = shards.values().filter(|shard| shard.raft.is_leader());
    let leads = led.any(|shard| shard.raft.membership().voters().count() > 1);
    if !leads || core.now.instant >= deadline {
        core.hand_over = None;
        core.replies.push((ticket, Answer::Ok));
    }
}

/// The disk is full, or has room again. A leader that cannot write gives its shards to others.
pub fn disk_full<E: Engine>(core: &mut Core<E>, shards: &mut Shards, full: bool) {
    core.disk_full = full;
    if full {
        give_up(core, shards);
    }
}
