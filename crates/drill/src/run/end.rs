//! The end of a run: everything is healed, and judged.

use std::collections::BTreeMap;

use bytes::Bytes;
use check::{Limits, Options as CheckOptions, Verdict, history::History};
use contract::Program;
use database::{
    Answer, Request,
    api::{Action, Call, Trace},
    catalog::Placement,
};
use kernel::{Duration, NodeId, ShardId};
use layers::{counter, kv};
use prost::Message;

use super::{Outcome, Play, Stage, failed};
use crate::{coordination, factory::settings, replicas};

/// Within this time all leases must end once nobody renews them: the longest has five seconds.
const LEASES_END: Duration = Duration::from_secs(30);

/// So long a keyspace comes and goes after everything has healed.
const PEACE: Duration = Duration::from_secs(3);

impl Stage<'_> {
    /// All but the dead is healed, and the network keeps Raft's terms: it promises progress where
    /// frames take far less than an election timeout (Ongaro and Ousterhout 2014, section 5.6).
    /// Where one takes longer every second, leaders come and go for as long as that lasts. Every
    /// request that is made from now on is answered by its deadline, however it ends.
    pub(super) fn heal(&mut self) {
        self.world.bound_tail(settings().election_timeout / 4);
        self.world.heal_all_but(&self.run.plan.dead);
        self.healed = self.world.now();
    }

    /// The healed cluster must serve through every node, and all replicas must agree.
    pub(super) fn liveness(&mut self) -> Play<()> {
        self.guests_leave()?;
        let end = self.world.now() + self.run.plan.options.liveness;
        self.until(end, |stage| stage.clients.iter().all(|client| client.idle()))?;
        self.last_looks()?;
        for node in self.alive() {
            let limit = self.run.plan.options.liveness;
            let served = self.ask_until(
                limit,
                |_| (node, probe(node)),
                |answer| matches!(answer, Answer::Done(_)),
            )?;
            if !served {
                return failed(
                    "liveness",
                    format!("{node} does not serve after everything healed"),
                );
            }
        }
        let end = self.world.now() + self.run.plan.options.liveness;
        let mut apart = self.apart();
        while apart.is_some() && self.world.now() < end {
            self.advance_to(self.world.now() + Duration::from_millis(100))?;
            apart = self.apart();
        }
        self.look()?;
        match apart {
            Some(why) => failed("convergence", why),
            None => Ok(()),
        }
    }

    /// The keyspace that comes and goes does so for a while in peace, and then no more.
    fn guests_leave(&mut self) -> Play<()> {
        if !self.run.tenancy {
            return Ok(());
        }
        self.advance_to(self.world.now() + PEACE)?;
        self.clients[self.guests..].iter_mut().for_each(|client| client.rest());
        let gone = |stage: &Self| stage.clients[stage.guests..].iter().all(|client| client.idle());
        self.until(self.world.now() + self.run.plan.options.liveness, gone)?;
        match gone(self) {
            true => Ok(()),
            false => failed("liveness", "a keyspace is neither made nor dropped"),
        }
    }

    /// Leases that nobody renews any more end, and watchers see all that happened.
    fn last_looks(&mut self) -> Play<()> {
        if self.run.coordination.is_empty() {
            return Ok(());
        }
        self.clients.iter_mut().for_each(|client| client.rest());
        self.until_idle("a request under way does not end")?;
        let none = |answer: &Answer| coordination::leases(answer) == Some(0);
        if !self.ask_until(LEASES_END, |node| (node, coordination::status()), none)? {
            return failed("liveness", "leases that nobody renews do not end");
        }
        self.clients.iter_mut().for_each(|client| client.look_back());
        self.until_idle("a watcher does not come to the end")
    }

    fn until_idle(&mut self, otherwise: &str) -> Play<()> {
        let idle = |stage: &Self| stage.clients.iter().all(|client| client.idle());
        self.until(self.world.now() + self.run.plan.options.liveness, idle)?;
        if idle(self) { Ok(()) } else { failed("liveness", otherwise) }
    }

    /// What keeps the replicas from agreeing.
    fn apart(&self) -> Option<String> {
        let mut states: BTreeMap<ShardId, (u64, u64, NodeId)> = BTreeMap::new();
        for node in self.alive() {
            let Some(machine) = self.world.machine(node) else {
                return Some(format!("{node} is not up: {:?}", self.world.status(node)));
            };
            for (id, shard) in machine.database()?.shards() {
                if self.waits_for_the_dead(node, *id) {
                    continue;
                }
                if !shard.sound {
                    return Some(format!("{node} has not recovered {id}"));
                }
                if shard.raft.lost() > 0 {
                    return Some(format!("{node} has not repaired {id}"));
                }
                let mine = (shard.applied.index, shard.applied.digest, node);
                let other = *states.entry(*id).or_insert(mine);
                if (other.0, other.1) != (mine.0, mine.1) {
                    return Some(format!(
                        "{id}: {} is at {} and {node} at {}",
                        other.2, other.0, mine.0
                    ));
                }
            }
        }
        self.unsettled().or_else(|| self.unlike())
    }

    /// A shard of which somebody is still on the way out, though all who are to hold it are there.
    fn unsettled(&self) -> Option<String> {
        let alive = self.alive();
        let catalog = self.world.machine(*alive.first()?)?.database()?.catalog();
        let late = |p: &&Placement| {
            !p.leaving.is_empty() && p.wanted.iter().all(|node| alive.contains(node))
        };
        let (id, placement) = catalog.shards.iter().find(|(_, placement)| late(placement))?;
        Some(format!("{id} has not settled without {:?}", placement.leaving))
    }

    /// Whether this replica is out of its group and cannot go: it is dropped when the group has come
    /// to what the catalog wants, and it wants a node that stays dead.
    fn waits_for_the_dead(&self, node: NodeId, id: ShardId) -> bool {
        let alive = self.alive();
        let dead = |of: &NodeId| !alive.contains(of);
        let shards = alive
            .iter()
            .filter_map(|node| self.world.machine(*node)?.database()?.shards().get(&id));
        let leader = shards.filter(|shard| shard.raft.is_leader()).max_by_key(|s| s.raft.term());
        leader.is_some_and(|shard| {
            let nodes = shard.raft.membership().nodes();
            !nodes.contains(&node) && nodes.iter().any(dead)
        })
    }

    /// Replicas at the same place that do not hold the same.
    fn unlike(&self) -> Option<String> {
        let mut contents = BTreeMap::new();
        for node in self.alive() {
            let db = self.world.machine(node)?.database()?;
            for (id, shard) in db.shards() {
                if self.waits_for_the_dead(node, *id) {
                    continue;
                }
                let mine = replicas::content(db.engine(), shard.space);
                let (other, theirs) = contents.entry(*id).or_insert((node, mine.clone()));
                if let Some(key) = replicas::difference(theirs, &mine) {
                    return Some(format!("{id}: {other} and {node} do not both hold {key:?}"));
                }
            }
        }
        None
    }

    pub(super) fn judge(&self) -> Play<Outcome> {
        let bugs = ["diverged", "storage", "raft-committed-conflict"];
        if let Some(halt) = self
            .world
            .halts()
            .iter()
            .find(|halt| bugs.iter().any(|bug| halt.reason.starts_with(bug)))
        {
            return failed("halt", format!("{} stopped: {}", halt.node, halt.reason));
        }
        let broken = kernel::mark::ledger::broken();
        if let Some((name, times)) = broken.first_key_value() {
            return failed("always", format!("{name} did not hold {times} times"));
        }
        let history = match History::from_events(self.history.iter().cloned()) {
            Ok(history) => history,
            Err(error) => return failed("history", error.to_string()),
        };
        let limits = Limits { states_max: 2_000_000, ..Limits::default() };
        let report = check::check(&history, &CheckOptions { limits, ..CheckOptions::default() });
        match report.verdict {
            Verdict::Valid => Ok(Outcome::Valid),
            Verdict::Unknown => Ok(Outcome::Unknown(report.to_string())),
            Verdict::Invalid => {
                let first = report.counterexample();
                let first = first.map_or("", |found| found.anomaly.name());
                failed("history", format!("{first}\n{report}"))
            }
        }
    }
}

/// A write that nobody else touches, through this node.
fn probe(node: NodeId) -> Request {
    let key = Bytes::from(format!("probe-{node}"));
    let command = kv::Command::one(kv::Put { key, ..kv::Put::default() }).encode_to_vec().into();
    call("kv", Action::Mutate { program: Program::Kv, command }, Duration::from_secs(2))
}

/// A linearizable read of every keyspace.
pub(super) fn reads() -> [Request; 2] {
    let kv: kv::Query = kv::Get { key: Bytes::from_static(b"r0") }.into();
    let counter = counter::Query { name: Bytes::from_static(b"c0") };
    let queries = [
        ("kv", Program::Kv, kv.encode_to_vec()),
        ("counters", Program::Counter, counter.encode_to_vec()),
    ];
    queries.map(|(keyspace, program, query)| {
        let action = Action::Query { program, query: query.into() };
        call(keyspace, action, Duration::from_millis(300))
    })
}

fn call(keyspace: &str, action: Action, timeout: Duration) -> Request {
    Request::Call(Call {
        keyspace: keyspace.into(),
        action,
        consistency: None,
        session: None,
        request_id: None,
        timeout,
        trace: Trace::default(),
    })
}
