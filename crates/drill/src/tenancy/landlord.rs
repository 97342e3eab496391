//! Who makes the keyspace and drops it, again and again.

use check::history::Event;
use contract::{Contract, Program};
use database::{Answer, Request, api::Control};
use kernel::{Duration, Instant, NodeId, RequestId, Rng};
use sim::{Options, Outcome};

use super::{KEYSPACE, register::Shared};
use crate::actor::Actor;

/// How long one answer is waited for.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// The one who makes and drops it. A request is repeated under the same id until it is known how it
/// ended: what is late of it cannot take effect again.
pub struct Landlord {
    rng: Rng,
    nodes: u64,
    contract: Contract,
    register: Shared,
    there: bool,
    resting: bool,
    next_at: Instant,
    busy: Option<Busy>,
}

struct Busy {
    id: RequestId,
    deadline: Instant,
}

impl Landlord {
    pub fn new(options: &Options, rng: Rng, register: Shared) -> Landlord {
        let contract = Contract { replicas: options.replicas as u32, ..Contract::new(Program::Kv) };
        Landlord {
            rng,
            nodes: options.nodes,
            contract,
            register,
            there: false,
            resting: false,
            next_at: Instant::ZERO,
            busy: None,
        }
    }

    /// The same request, to any node.
    fn ask(&mut self, now: Instant, id: RequestId) -> (NodeId, Request) {
        let control = match self.there {
            true => Control::DropKeyspace { name: KEYSPACE.into() },
            false => Control::CreateKeyspace { name: KEYSPACE.into(), contract: self.contract },
        };
        let timeout = TIMEOUT - Duration::from_millis(200);
        self.busy = Some(Busy { id: id.clone(), deadline: now + TIMEOUT });
        let node = NodeId(self.rng.range(1, self.nodes));
        (node, Request::Control { control, request_id: Some(id), timeout })
    }

    fn done(&mut self, now: Instant) {
        match self.there {
            true => self.register.borrow_mut().gone(now),
            false => self.register.borrow_mut().back(now),
        }
        self.there = !self.there;
        let most = if self.there { 1_500 } else { 100 };
        let most = if self.rng.chance(0.5) { most } else { most / 20 };
        self.next_at = now + Duration::from_millis(self.rng.range(0, most));
    }
}

impl Actor for Landlord {
    fn idle(&self) -> bool {
        self.busy.is_none()
    }

    fn rest(&mut self) {
        self.resting = true;
    }

    fn due(&self) -> Instant {
        match &self.busy {
            Some(busy) => busy.deadline,
            None if self.resting => Instant::NEVER,
            None => self.next_at,
        }
    }

    fn next(&mut self, now: Instant, _: &mut Vec<Event>) -> Option<(NodeId, Request)> {
        if self.busy.is_some() || self.resting || now < self.next_at {
            return None;
        }
        if self.there {
            self.register.borrow_mut().asked(now);
        }
        let id = RequestId::from_random(self.rng.bits128());
        Some(self.ask(now, id))
    }

    fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<Answer>>,
        _: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        let busy = self.busy.take()?;
        match answer {
            Some(Outcome::Reply(Answer::Control { .. })) => {
                self.done(now);
                None
            }
            _ => Some(self.ask(now, busy.id)),
        }
    }
}
