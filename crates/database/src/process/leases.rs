//! The leader's part for a coordination shard: it counts the time of leases, ends those that have
//! run out, notes what is left of long ones, and keeps sweeps going.
//!
//! ```text
//!   applied ─▶ follow ─▶ ┌───────┐ ◀─ taken_in ◀─ keep-alive arrives
//!   records ─▶ turn ───▶ │ clock │ ──▶ answer ─▶ keep-alive, time to live, once confirmed
//!                        └───┬───┘
//!                            └─▶ LeaseExpire, LeaseCheckpoint, Sweep ─▶ log
//! ```
//!
//! The clock lives as long as the leadership: it is made when an entry of the leader's own term has
//! been applied, and with it all that earlier leaders had proposed, and gone when the term is. What
//! needs the clock and does not find it goes to whoever leads now.

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use layers::coordination::{
    Act, Answer, Ask, Command as Coordinate, LeaseChange, LeaseCheckpointRequest,
    LeaseExpireRequest, LeaseRecordsRequest, LeaseRecordsResponse, LeaseRenewResponse, Query,
    QueryReply, StatusRequest, StatusResponse, SweepRequest, keeps_alive, timed,
};
use prost::Message as _;
use store::{engine::Engine, mvcc::Reader};

use crate::{
    command::{Command, Do},
    shard::{
        Shard,
        leases::{Clock, Due, Kept, Pace, limits::LOADED_MAX},
    },
};

use super::{Core, flush, pump};

/// The clock of the leadership that the replica holds now.
fn current(shard: &mut Shard) -> Option<&mut Clock> {
    let led = shard.raft.is_leader().then(|| shard.raft.term());
    let clock = shard.clock.as_deref_mut()?;
    (led == Some(clock.term)).then_some(clock)
}

/// Follows what was applied of leases, and whether something compacted is left to sweep. Makes the
/// clock of a leadership, or ends that of one that is over.
pub fn follow<E: Engine>(
    core: &mut Core<E>,
    shard: &mut Shard,
    changes: &[LeaseChange],
    unswept: bool,
) {
    let (term, now) = (shard.raft.term(), core.now.instant);
    let leads = shard.raft.is_leader() && shard.applied.term == term;
    let mutant = planted(Bug::LeaseNotFrozen);
    match &mut shard.clock {
        Some(clock) if leads && clock.term == term || mutant => {
            clock.term = term;
            changes.iter().for_each(|change| clock.follow(now, change));
            if leads {
                let due = clock.go_on(shard.applied.index);
                let sweeps = unswept && clock.may_sweep();
                propose_due(core, shard, due);
                if sweeps {
                    sweep(core, shard);
                }
            }
        }
        _ if leads || mutant => {
            let (step, note_after) =
                (core.settings.report_period * 2, core.settings.lease_checkpoint);
            let clock = Clock::new(term, now, Pace { step, note_after }, core.salt());
            shard.clock = Some(clock.into());
        }
        gone => *gone = None,
    }
}

/// A query has come to the leader. One that keeps leases alive counts from now on, whenever it is
/// answered: a turn may come in between. One of a user counts when it is answered, since it may be
/// denied.
pub fn taken_in<E: Engine>(core: &Core<E>, shard: &mut Shard, query: &Bytes) {
    if let Some(clock) = current(shard)
        && keeps_alive(query)
        && let Ok(Query { ask: Some(Ask::LeaseKeepAlive(request)), caller: None }) =
            Query::read(query)
    {
        for id in request.ids {
            let _ = clock.keep_alive(core.now.instant, id);
        }
    }
}

/// What becomes of the answer to a query.
pub enum Answered {
    /// It is this.
    So(Bytes),
    /// Only the leader can give it, and that is not this replica any more.
    Elsewhere,
    /// It is in an entry of the log that may yet be lost with this leadership: a lease that was said to
    /// have ended must not come back.
    NotYet,
    /// Only the leader can give it, and it was not asked for at a level that needs one.
    NotHere,
}

/// Puts into an answer what the clock knows better than the records.
pub fn answer<E: Engine>(
    core: &Core<E>,
    shard: &mut Shard,
    linearizable: bool,
    body: Bytes,
) -> Answered {
    let answer = shard.runs.coordinates().and_then(|_| timed(&body));
    let now = core.now.instant;
    match (answer, current(shard)) {
        (Some(Answer::LeaseTimeToLive(mut response)), Some(clock)) if linearizable => {
            let left = clock.left(now, response.id).filter(|_| response.ttl >= 0);
            response.ttl = left.unwrap_or(response.ttl);
            so(Answer::LeaseTimeToLive(response))
        }
        (Some(Answer::LeaseKeepAlive(_)), _) if !linearizable => Answered::NotHere,
        (Some(Answer::LeaseKeepAlive(_)), None) => Answered::Elsewhere,
        (Some(Answer::LeaseKeepAlive(response)), Some(clock)) => {
            match keep_alive(clock, now, response) {
                Some(response) => so(Answer::LeaseKeepAlive(response)),
                None => Answered::NotYet,
            }
        }
        _ => Answered::So(body),
    }
}

fn so(answer: Answer) -> Answered {
    Answered::So(QueryReply { error: None, answer: Some(answer) }.encode_to_vec().into())
}

/// What the clock says of these leases; nothing while the end of one is proposed.
fn keep_alive(
    clock: &mut Clock,
    now: kernel::Instant,
    mut response: LeaseRenewResponse,
) -> Option<LeaseRenewResponse> {
    let mut ending = false;
    for lease in response.leases.iter_mut().filter(|lease| lease.ttl > 0) {
        match clock.keep_alive(now, lease.id) {
            // The log may be about to say that it has less.
            Kept::Alive { log_it } => lease.log_it |= log_it,
            Kept::Ending => ending = true,
            // Not read from the records yet: its time has not begun.
            Kept::Unknown => {}
        }
        lease.log_it &= !planted(Bug::KeepAliveNotLogged);
    }
    (!ending).then_some(response)
}

/// The leader's turn: reads records, counts, and proposes what came of it.
pub fn turn<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let mutant = planted(Bug::LeaseTimeUnproven) || planted(Bug::LeaseNotFrozen);
    let proven = if mutant { Some(core.now.instant) } else { shard.raft.proven_at() };
    load(core, shard);
    let Some(clock) = current(shard) else { return };
    let counted = proven.is_some_and(|proven| clock.count(proven));
    let due = if counted { clock.turn() } else { Due::default() };
    propose_due(core, shard, due);
    if counted && !is_swept(core, shard) {
        sweep(core, shard);
    }
}

/// Proposes what a lot came to.
fn propose_due<E: Engine>(core: &mut Core<E>, shard: &mut Shard, due: Due) {
    let Due { overdue, noted } = due;
    if !overdue.is_empty() {
        let act = Act::LeaseExpire(LeaseExpireRequest { overdue: overdue.clone() });
        let proposed = propose(core, shard, act);
        match (proposed, current(shard)) {
            (Some(index), Some(clock)) => clock.proposed(index),
            (None, Some(clock)) => clock.not_proposed(&overdue),
            (_, None) => {}
        }
    }
    if !noted.is_empty() {
        let act = Act::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints: noted });
        if let Some(index) = propose(core, shard, act)
            && let Some(clock) = current(shard)
        {
            clock.proposed(index);
        }
    }
}

/// Reads a page of the records, unless all are read.
fn load<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let Some(after) = current(shard).and_then(|clock| clock.loading()) else { return };
    let request = LeaseRecordsRequest { after, limit: LOADED_MAX };
    let page = ask(core, shard, Ask::LeaseRecords(request));
    if let (Some(Answer::LeaseRecords(page)), Some(clock)) = (page, current(shard)) {
        let LeaseRecordsResponse { leases, more, .. } = page;
        clock.load(core.now.instant, &leases, more);
    }
}

fn is_swept<E: Engine>(core: &mut Core<E>, shard: &Shard) -> bool {
    status(core, shard).is_none_or(|status| status.swept)
}

/// Where the keyspace stands.
pub(super) fn status<E: Engine>(core: &mut Core<E>, shard: &Shard) -> Option<StatusResponse> {
    match ask(core, shard, Ask::Status(StatusRequest {}))? {
        Answer::Status(status) => Some(status),
        _ => None,
    }
}

/// The next step of a sweep, unless the engine has more than enough to do.
fn sweep<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    if !flush::behind(core) {
        propose(core, shard, Act::Sweep(SweepRequest {}));
    }
}

fn ask<E: Engine>(core: &mut Core<E>, shard: &Shard, ask: Ask) -> Option<Answer> {
    let reader = Reader::latest(&core.engine, shard.space);
    let query = Query::from(ask).encode_to_vec().into();
    match layers::query(contract::Program::Coordination, &query, &reader).ok()? {
        Ok(body) => QueryReply::read(&body).ok()?.answer,
        Err(error) => {
            core.engine_failed(&error);
            None
        }
    }
}

/// Proposes a command of the program; where it stands in the log, if it does.
pub(super) fn propose<E: Engine>(core: &mut Core<E>, shard: &mut Shard, act: Act) -> Option<u64> {
    let body = Coordinate::new(act).encode_to_vec().into();
    let command = Command::own(core.stamp(shard.applied.timestamp), Do::Program(body));
    pump::propose(core, shard, &command).ok().map(|(index, _)| index)
}
