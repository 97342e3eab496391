//! Which node and which replica carry a call out.
//!
//! ```text
//!   request ─▶ admission ─▶ name to shard ─▶ does it need the leader?
//!                               │               │yes           │no
//!                     unknown: is the catalog   here? propose  a replica here? read
//!                     here as new as the        or confirm     else ask one
//!                     leader's? then 404        else ask the leader, or wait for one
//! ```
//!
//! A call waits (parked) while no leader is known and is tried again when one appears, when its
//! turn on the agenda comes, and when an answer does not. Repeating a mutation is harmless: its
//! request id takes effect once.

use contract::{Consistency, Session};
use kernel::{Duration, Instant, NodeId, RequestId, ShardId, Ticket, Version, bug};
use layers::coordination::{keeps_alive, renews};
use raft::Refusal;
use store::engine::Engine;

use crate::{
    Envelope, Failure, Request,
    api::{self, Action},
    calls::{Call, CallId, Origin, Past, Stage, Want, ask_number, call_of},
    catalog::CATALOG,
    command::Command,
    failure::Code,
    message::{self, Ask, Body, Told},
    shard::{Proposed, Runs, Shard},
};

use super::{Core, Shards, control, fate, finish, flush, leases, pump, serve};

/// An answer from another node is waited for this long before it is asked again.
const ANSWER_WAIT: Duration = Duration::from_millis(400);

/// A request of the host.
pub fn request<E: Engine>(
    core: &mut Core<E>,
    shards: &mut Shards,
    ticket: Ticket,
    request: Request,
) {
    match request {
        Request::Call(call) => {
            let arrived = core.now.instant;
            call_in(core, shards, ticket, call, arrived);
        }
        Request::Waited { call, arrived } => call_in(core, shards, ticket, call, arrived),
        Request::Fate { id, keyspace, timeout } => {
            fate::ask(core, ticket, id, keyspace, timeout);
        }
        Request::Control { control, request_id, timeout } => {
            control::ask(core, ticket, control, request_id, timeout);
        }
        Request::Keyspaces => {
            let all = core.catalog.keyspaces.values().cloned().collect();
            core.replies.push((ticket, api::Answer::Keyspaces(all)));
        }
        Request::Cluster => {
            let cluster = super::report::cluster(core, shards);
            core.replies.push((ticket, api::Answer::Cluster(cluster)));
        }
        Request::HandOver => control::hand_over(core, shards, ticket),
        Request::JournalPressure(pressed) => {
            core.pressed.extend(pressed);
            flush::start(core, shards);
            core.replies.push((ticket, api::Answer::Ok));
        }
        Request::DiskFull(full) => {
            control::disk_full(core, shards, full);
            core.replies.push((ticket, api::Answer::Ok));
        }
        Request::Faults(faults) => {
            core.faults = faults;
            // What a fault held up goes on when it ends.
            core.touched.extend(shards.keys());
            core.replies.push((ticket, api::Answer::Ok));
        }
        Request::Watched { keyspace, watched } => {
            match watched {
                true => drop(core.watched.insert(keyspace)),
                false => drop(core.watched.remove(&keyspace)),
            }
            core.replies.push((ticket, api::Answer::Ok));
        }
    }
}

/// A call with what all calls start with.
pub fn new_call<E: Engine>(
    core: &Core<E>,
    origin: Origin,
    shard: ShardId,
    want: Want,
    timeout: Duration,
) -> Call {
    let deadline = core.now.instant + timeout.min(core.settings.timeout_max);
    Call {
        origin,
        started: core.now.instant,
        deadline,
        look_at: deadline,
        keyspace: Default::default(),
        shard,
        program: None,
        want,
        stage: Stage::Parked,
        consistency: Consistency::LINEARIZABLE,
        session: Session::new(core.identity.incarnation),
        trace: api::Trace::default(),
        bytes: 0,
        keeps_alive: false,
        attempts: 0,
        risked: false,
        current: false,
        control: false,
    }
}

fn call_in<E: Engine>(
    core: &mut Core<E>,
    shards: &mut Shards,
    ticket: Ticket,
    call: api::Call,
    arrived: Instant,
) {
    let body = match &call.action {
        Action::Mutate { command, .. } => command.len(),
        Action::Query { query, .. } | Action::Past { query, .. } => query.len(),
    };
    let session = match call.session {
        Some(session) if session.incarnation() != core.identity.incarnation => {
            let error = contract::SessionError::Incarnation {
                token: session.incarnation(),
                cluster: core.identity.incarnation,
            };
            let text = alloc::format!("{error}");
            let failure = Failure::new(Code::SessionIncarnation, text);
            return core.refuse(ticket, Some(call.keyspace), failure);
        }
        session => session.unwrap_or_else(|| Session::new(core.identity.incarnation)),
    };
    let (origin, keeps_alive) = (Origin::Local(ticket), call.action.keeps_alive());
    let mut new = new_call(core, origin, ShardId(0), Want::Resolve(call.action), call.timeout);
    (new.keyspace, new.session, new.trace) = (call.keyspace, session, call.trace);
    new.started = arrived.min(new.started);
    new.keeps_alive = keeps_alive;
    if let Err(failure) = resolve(core, &mut new, call.consistency, call.request_id) {
        return core.refuse(ticket, Some(new.keyspace), failure);
    }
    if let Some(id) = admit(core, new, body, ticket) {
        dispatch(core, shards, id);
    }
}

fn admit<E: Engine>(
    core: &mut Core<E>,
    mut call: Call,
    body: usize,
    ticket: Ticket,
) -> Option<CallId> {
    call.bytes = body as u64 + 256;
    if !core.admit(&call) {
        let text = "too many requests are in flight on this node";
        let keyspace = Some(call.keyspace);
        core.refuse(ticket, keyspace, Failure::new(Code::Overloaded, text));
        return None;
    }
    Some(core.calls.add(call))
}

/// Finds the shard of a call's keyspace. Leaves the call as it is if this node does not know the
/// name.
fn resolve<E: Engine>(
    core: &mut Core<E>,
    call: &mut Call,
    consistency: Option<Consistency>,
    request_id: Option<RequestId>,
) -> Result<(), Failure> {
    let Want::Resolve(action) = &call.want else { return Ok(()) };
    let Some(keyspace) = core.catalog.keyspaces.get(&call.keyspace) else {
        call.want = Want::Unresolved(action.clone(), request_id, consistency);
        return Ok(());
    };
    let (contract, shard) = (keyspace.contract, keyspace.shards.first().copied());
    call.shard = shard.ok_or_else(|| Failure::new(Code::Shard, "the keyspace has no shard"))?;
    call.consistency = consistency.unwrap_or(contract.read);
    call.program = Some(contract.program);
    let wrong = |program: contract::Program| {
        let text = alloc::format!(
            "keyspace '{}' holds a {}, not a {}",
            call.keyspace,
            contract.program.name(),
            program.name()
        );
        Failure::new(Code::ProgramMismatch, text)
    };
    call.want = match action {
        Action::Mutate { program, .. }
        | Action::Query { program, .. }
        | Action::Past { program, .. }
            if *program != contract.program =>
        {
            return Err(wrong(*program));
        }
        Action::Mutate { program, command } => {
            layers::check(*program, command).map_err(|e| Failure::new(Code::Invalid, e.0))?;
            let most = core.settings.record_bytes_max.0;
            if command.len() as u64 > most {
                let text = alloc::format!(
                    "a command has at most {most} bytes, and this one {}",
                    command.len()
                );
                return Err(Failure::new(Code::Invalid, text));
            }
            let id = match request_id {
                Some(id) => id,
                None => RequestId::from_random(core.rng.bits128()),
            };
            Want::Mutate { id, command: command.clone() }
        }
        Action::Query { query, .. } => read(call, query, Past::Nothing),
        Action::Past { query, at, .. } => read(call, query, at.map_or(Past::Versions, Past::At)),
    };
    Ok(())
}

/// A read of a call whose shard and level are known.
fn read(call: &Call, query: &bytes::Bytes, past: Past) -> Want {
    let seen = call.session.index(call.shard);
    let session = if call.consistency.uses_session() { seen } else { 0 };
    // A replica that has not reached a version cannot answer as of it.
    let version = if let Past::At(version) = past { version.index } else { 0 };
    Want::Query {
        query: query.clone(),
        linearizable: serve::needs_leader(call.consistency.level),
        index_min: session.max(version),
        past,
    }
}

/// A request of another node.
pub fn asked<E: Engine>(
    core: &mut Core<E>,
    shards: &mut Shards,
    shard: ShardId,
    from: NodeId,
    ask: Ask,
) {
    let want = match ask.want {
        Some(message::Want::Mutate(m)) => match RequestId::new(&m.request_id) {
            Some(id) => Want::Mutate { id, command: m.command },
            None => return,
        },
        Some(message::Want::Query(q)) => {
            let past = match Version::from_bytes(&q.at) {
                Some(version) => Past::At(version),
                None if q.versions => Past::Versions,
                None => Past::Nothing,
            };
            let (linearizable, index_min) = (q.linearizable, q.index_min);
            Want::Query { query: q.query, linearizable, index_min, past }
        }
        Some(message::Want::Fate(id)) => match RequestId::new(&id) {
            Some(id) => Want::Fate(id),
            None => return,
        },
        Some(message::Want::Transfer(to)) => Want::Transfer(NodeId(to)),
        None => return,
    };
    let timeout = Duration::from_millis(ask.timeout_ms);
    let mut call = new_call(core, Origin::Peer(from, ask.id), shard, want, timeout);
    call.trace = message::trace_of(&ask.trace);
    call.bytes = 256;
    call.keeps_alive = shards.get(&shard).is_some_and(|shard| keeps_alive_in(shard, &call.want));
    if !core.admit(&call) {
        let failed = message::Failed {
            code: Code::Overloaded.name().into(),
            text: "too many requests are in flight on the leader".into(),
            retry_after_ms: 200,
            ..message::Failed::default()
        };
        let told = Told { id: ask.id, result: Some(message::Result::Failed(failed)) };
        return core.send(from, Envelope::of(shard, Body::Told(told)));
    }
    let id = core.calls.add(call);
    dispatch(core, shards, id);
}

/// Whether a call of another node keeps leases alive and does nothing else.
fn keeps_alive_in(shard: &Shard, want: &Want) -> bool {
    let by_bytes = match want {
        Want::Mutate { command, .. } => renews(command),
        Want::Query { query, .. } => keeps_alive(query),
        _ => false,
    };
    by_bytes && shard.runs.coordinates().is_some()
}

/// Another node says what became of a call.
pub fn told<E: Engine>(core: &mut Core<E>, shards: &mut Shards, from: NodeId, told: Told) {
    let (id, barrier) = call_of(told.id);
    let Some(call) = core.calls.get_mut(id) else { return };
    let awaited = match call.stage {
        Stage::Barrier => barrier,
        Stage::Forwarded | Stage::Parked => !barrier,
        _ => false,
    };
    if !awaited {
        return;
    }
    let shard = if barrier { CATALOG } else { call.shard };
    match told.result {
        Some(message::Result::Done(done)) if barrier => {
            if let Some(catalog) = shards.get_mut(&CATALOG) {
                serve::read_ready(core, catalog, id, done.applied);
            }
        }
        Some(message::Result::Done(done)) if call.control && shard == CATALOG => {
            // Answered once this node's catalog shows the change.
            let (index, deadline) = (done.applied, call.deadline);
            core.calls.stage(id, Stage::Visible(done), deadline);
            if let Some(catalog) = shards.get_mut(&CATALOG) {
                serve::read_ready(core, catalog, id, index);
            }
        }
        Some(message::Result::Done(done)) => finish::answer(core, id, done),
        Some(message::Result::NotDone(_)) => finish::not_done(core, id),
        Some(message::Result::Failed(failed)) if failed.elsewhere => {
            let leader = NodeId(failed.leader);
            if leader.is_some() && leader != from {
                let term = core.leaders.get(&shard).map_or(0, |(term, _)| *term);
                core.leaders.insert(shard, (term, leader));
            }
            park(core, id);
        }
        Some(message::Result::Failed(failed)) => {
            let code = Code::parse(&failed.code).unwrap_or(Code::Unavailable);
            let failure = Failure::new(code, failed.text).led_by(NodeId(failed.leader));
            finish::failed(core, id, if failed.unknown { failure.unknown() } else { failure });
        }
        None => {}
    }
}

/// Does what can be done for a call now.
pub fn dispatch<E: Engine>(core: &mut Core<E>, shards: &mut Shards, id: CallId) {
    let Some(call) = core.calls.get(id) else { return };
    if matches!(call.stage, Stage::Lingering(_)) {
        return serve::visible(core, id);
    }
    if matches!(call.want, Want::FateSomewhere(_)) {
        return match call.current {
            true => fate::spread(core, id),
            false => barrier(core, shards, id),
        };
    }
    if core.catalog.dropped(call.shard)
        && let Some(action) = call.action()
        && let Some(call) = core.calls.get_mut(id)
    {
        // What it asked for is looked for by name again.
        let request = call.request_id().cloned();
        call.want = Want::Unresolved(action, request, Some(call.consistency));
        call.current = false;
    }
    let Some(call) = core.calls.get(id) else { return };
    if matches!(call.want, Want::Unresolved(..)) && !find_again(core, shards, id) {
        return;
    }
    let Some(call) = core.calls.get(id) else { return };
    let shard_id = call.shard;
    if let Want::Query { linearizable: false, index_min, .. } = call.want
        && let Some(shard) = shards.get_mut(&shard_id)
        && shard.sound
    {
        return serve::local(core, shard, id, index_min);
    }
    match shards.get_mut(&shard_id) {
        Some(shard) if shard.raft.is_leader() => lead(core, shard, id),
        shard => {
            let near = shard.map_or(NodeId::NONE, |shard| shard.raft.leader());
            pass_on(core, id, shard_id, near);
        }
    }
}

/// Looks the name up again; whether the call can go on.
fn find_again<E: Engine>(core: &mut Core<E>, shards: &mut Shards, id: CallId) -> bool {
    let Some(mut call) = core.calls.get(id).cloned() else { return false };
    let Want::Unresolved(action, request_id, consistency) = call.want else { return false };
    if !core.catalog.keyspaces.contains_key(&call.keyspace) {
        if call.current {
            let text = alloc::format!(
                "no keyspace '{}'; there are: {}",
                call.keyspace,
                finish::names(core)
            );
            finish::failed(core, id, Failure::new(Code::KeyspaceNotFound, text));
        } else {
            barrier(core, shards, id);
        }
        return false;
    }
    call.want = Want::Resolve(action);
    match resolve(core, &mut call, consistency, request_id) {
        Ok(()) => {
            if let Some(place) = core.calls.get_mut(id) {
                (place.want, place.shard, place.consistency, place.program) =
                    (call.want, call.shard, call.consistency, call.program);
            }
            true
        }
        Err(failure) => {
            finish::failed(core, id, failure);
            false
        }
    }
}

/// Makes sure that the catalog here is as new as the leader's before a name is called unknown.
fn barrier<E: Engine>(core: &mut Core<E>, shards: &mut Shards, id: CallId) {
    let again = core.now.instant + ANSWER_WAIT;
    core.calls.stage(id, Stage::Barrier, again);
    if bug::planted(bug::Bug::CatalogBelieved)
        && let Some(call) = core.calls.get_mut(id)
    {
        call.current = true;
        return core.again.push_back(id);
    }
    let near = match shards.get_mut(&CATALOG) {
        Some(catalog) if catalog.raft.is_leader() => {
            let asked = catalog.raft.read_index(core.now, pump::ticket(id), &mut core.scratch);
            pump::drain(core, catalog);
            core.touched.insert(CATALOG);
            if asked.is_err() {
                core.calls.stage(id, Stage::Barrier, core.now.instant + Duration::from_millis(20));
            }
            return;
        }
        Some(catalog) => catalog.raft.leader(),
        None => NodeId::NONE,
    };
    let leader = leader_of(core, CATALOG, near);
    let Some(call) = core.calls.get(id).filter(|_| leader.is_some()) else {
        let soon = core.now.instant + Duration::from_millis(20);
        return core.calls.stage(id, Stage::Barrier, soon);
    };
    let timeout = call.deadline.since(core.now.instant).as_millis();
    let query = message::Query { linearizable: true, ..message::Query::default() };
    let ask = Ask {
        id: ask_number(id, true),
        timeout_ms: u64::try_from(timeout).unwrap_or(u64::MAX),
        trace: message::trace_bytes(&call.trace),
        want: Some(message::Want::Query(query)),
    };
    core.send(leader, Envelope::of(CATALOG, Body::Ask(ask)));
}

fn leader_of<E: Engine>(core: &Core<E>, shard: ShardId, near: NodeId) -> NodeId {
    let told = core.leaders.get(&shard).map_or(NodeId::NONE, |(_, node)| *node);
    let known = if near.is_some() { near } else { told };
    if known == core.identity.node { NodeId::NONE } else { known }
}

fn pass_on<E: Engine>(core: &mut Core<E>, id: CallId, shard: ShardId, near: NodeId) {
    let mut to = leader_of(core, shard, near);
    let Some(call) = core.calls.get_mut(id) else { return };
    if matches!(call.origin, Origin::Peer(..)) {
        return finish::elsewhere(core, id, to);
    }
    if !to.is_some() {
        // Nobody here knows: a node that holds a replica does.
        let holders = core.catalog.shards.get(&shard).map(|placement| placement.wanted.as_slice());
        let me = core.identity.node;
        let holders = holders.unwrap_or_default();
        if holders.contains(&me) || shard == CATALOG || holders.is_empty() {
            return park(core, id);
        }
        to = holders[call.attempts as usize % holders.len()];
    }
    let Some(ask) = call.ask(id, core.now.instant) else { return };
    call.attempts += 1;
    call.risked = true;
    let again = core.now.instant + ANSWER_WAIT;
    core.calls.stage(id, Stage::Forwarded, again);
    core.send(to, Envelope::of(shard, Body::Ask(ask)));
}

/// Waits for a leader.
pub fn park<E: Engine>(core: &mut Core<E>, id: CallId) {
    let Some(call) = core.calls.get_mut(id) else { return };
    if matches!(call.origin, Origin::Peer(..)) {
        return finish::elsewhere(core, id, NodeId::NONE);
    }
    call.attempts += 1;
    let wait = Duration::from_millis(5 << call.attempts.min(5));
    let stage = if call.stage == Stage::Barrier { Stage::Barrier } else { Stage::Parked };
    let again = core.now.instant + wait;
    core.calls.stage(id, stage, again);
}

/// Carries a call out on the shard that this node leads.
fn lead<E: Engine>(core: &mut Core<E>, shard: &mut Shard, id: CallId) {
    let Some(call) = core.calls.get(id) else { return };
    let deadline = call.deadline;
    match &call.want {
        Want::Resolve(_) | Want::Unresolved(..) | Want::FateSomewhere(_) => {}
        Want::Mutate { .. }
            if shard.id == CATALOG && call.origin != Origin::Own && core.founding() =>
        {
            // Nothing can be placed before the founders are in the catalog.
            park(core, id);
        }
        Want::Mutate { command, .. } if core.disk_full && needs_room(shard, command) => {
            let text = "the leader's disk is full: reads and deletes go on, writes wait for room";
            finish::failed(core, id, Failure::new(Code::DiskFull, text));
        }
        Want::Mutate { command, .. }
            if shard.over_quota(command.len()) && needs_room(shard, command) =>
        {
            let text = "the keyspace would hold more bytes than its quota: reads and deletes go on, \
                        writes wait for room";
            finish::failed(core, id, Failure::new(Code::QuotaExceeded, text));
        }
        Want::Mutate { command, .. } if flush::behind(core) && needs_room(shard, command) => {
            let text = "the disk does not keep up: too much waits in memory to be flushed";
            finish::failed(core, id, Failure::new(Code::Overloaded, text));
        }
        Want::Mutate { id: request, command } => {
            let (request, body) = (request.clone(), command.clone());
            let command = Command::program(core.stamp(shard.applied.timestamp), &request, body);
            propose(core, shard, id, &command);
        }
        Want::Fate(request) => {
            let request = request.clone();
            let command = Command::fence(core.stamp(shard.applied.timestamp), &request);
            propose(core, shard, id, &command);
        }
        Want::Query { query, .. } => {
            let query = query.clone();
            leases::taken_in(core, shard, &query);
            if keeps_alive(&query) && bug::planted(bug::Bug::KeepAliveUnconfirmed) {
                return serve::query(core, shard, id);
            }
            core.calls.stage(id, Stage::Reading, deadline);
            let asked = shard.raft.read_index(core.now, pump::ticket(id), &mut core.scratch);
            core.touched.insert(shard.id);
            pump::drain(core, shard);
            if let Err(refusal) = asked {
                refused(core, id, refusal);
            }
        }
        Want::Transfer(to) => {
            let to = Some(*to).filter(|to| to.is_some());
            let asked = shard.raft.transfer(core.now, to, &mut core.scratch);
            core.touched.insert(shard.id);
            pump::drain(core, shard);
            match asked {
                Ok(()) => finish::answer(core, id, message::Done::default()),
                Err(refusal) => {
                    let text = alloc::format!("leadership cannot be handed over: {refusal:?}");
                    finish::failed(core, id, Failure::new(Code::Shard, text));
                }
            }
        }
    }
}

/// Whether a command of a keyspace makes it larger.
fn needs_room(shard: &Shard, command: &bytes::Bytes) -> bool {
    match &shard.runs {
        Runs::Keyspace { contract, .. } => !layers::frees(contract.program, command),
        Runs::Catalog | Runs::Unknown => false,
    }
}

fn propose<E: Engine>(core: &mut Core<E>, shard: &mut Shard, id: CallId, command: &Command) {
    match pump::propose(core, shard, command) {
        Ok((index, term)) => {
            let at = core.now.instant;
            let Some(call) = core.calls.get_mut(id) else { return };
            let span = if call.trace.is_kept() { core.rng.bits().max(1) } else { 0 };
            if span != 0 {
                let trace = api::Trace { span_id: span, ..call.trace };
                shard.traced.proposed((index, term), trace);
            }
            shard.proposed.insert(index, Proposed { call: id, term, at, durable: None, span });
            call.risked = true;
            let deadline = call.deadline;
            core.calls.stage(id, Stage::Proposed, deadline);
            if bug::planted(bug::Bug::ReplyBeforeCommit) {
                reply_early(core, shard, id, index, command);
            }
        }
        Err(refusal) => refused(core, id, refusal),
    }
}

/// The mutant [`bug::Bug::ReplyBeforeCommit`].
fn reply_early<E: Engine>(
    core: &mut Core<E>,
    shard: &Shard,
    id: CallId,
    index: u64,
    command: &Command,
) {
    use prost::Message as _;
    let is_kv = matches!(&shard.runs, Runs::Keyspace { contract, .. }
        if contract.program == contract::Program::Kv);
    if !is_kv {
        return;
    }
    let timestamp = kernel::clock::hybrid::Timestamp(command.timestamp);
    let version = kernel::Version { incarnation: core.identity.incarnation, timestamp, index };
    let version = bytes::Bytes::copy_from_slice(&version.to_bytes());
    let reply = layers::kv::Reply { version: version.clone(), ..Default::default() };
    let body = reply.encode_to_vec().into();
    finish::answer(core, id, message::Done { body, version, ..Default::default() });
}

fn refused<E: Engine>(core: &mut Core<E>, id: CallId, refusal: Refusal) {
    match refusal {
        Refusal::TooMuchUncommitted => {
            let text = "too much waits to be committed in this shard";
            finish::failed(core, id, Failure::new(Code::Overloaded, text));
        }
        _ => park(core, id),
    }
}

/// Looks at the calls whose turn has come.
pub fn agenda<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    let now: Instant = core.now.instant;
    for id in core.calls.due(now) {
        let Some(call) = core.calls.get(id) else { continue };
        if call.deadline <= now {
            finish::expired(core, id);
        } else {
            dispatch(core, shards, id);
        }
    }
}
