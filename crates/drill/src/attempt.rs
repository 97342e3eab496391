//! One request of a client: asked, waited for, asked again elsewhere under the same request id, or
//! asked after.

use database::{
    Answer, Code, Failure, Request,
    api::{Action, Call, Done, Fate, Trace},
    failure::Effect,
};
use kernel::{Duration, Instant, NodeId, RequestId, Rng};
use sim::Outcome;

use contract::{Consistency, Session};

/// How long a client waits for one answer, and how often it tries.
const TIMEOUT: Duration = Duration::from_millis(1500);
const TRIES: u32 = 3;

/// A request under way.
pub struct Attempt {
    /// The request.
    pub request: Call,
    /// When it is tried again, or given up.
    pub deadline: Instant,
    node: u64,
    nodes: u64,
    tries: u32,
    fate: bool,
    asks_fate: bool,
}

/// What comes of an answer, or of none.
pub enum Next {
    /// It was answered.
    Done(Done),
    /// It did not happen.
    Failed,
    /// Nobody knows whether it happened.
    Unknown,
    /// This is asked next.
    Ask(NodeId, Request),
}

impl Attempt {
    /// A request that is about to be asked at `node`, of so many.
    #[must_use]
    pub fn new(now: Instant, (node, nodes): (u64, u64), request: Call, asks_fate: bool) -> Attempt {
        let deadline = now + TIMEOUT;
        Attempt { request, deadline, node, nodes, tries: 1, fate: false, asks_fate }
    }

    /// A call to a keyspace, under a new request id.
    pub fn call(
        keyspace: &str,
        action: Action,
        consistency: Option<Consistency>,
        session: Option<Session>,
        rng: &mut Rng,
    ) -> Call {
        Call {
            keyspace: keyspace.into(),
            action,
            consistency,
            session,
            request_id: Some(RequestId::from_random(rng.bits128())),
            timeout: TIMEOUT - Duration::from_millis(200),
            trace: Trace::default(),
        }
    }

    /// What is asked first.
    #[must_use]
    pub fn ask(&self) -> (NodeId, Request) {
        (NodeId(self.node), Request::Call(self.request.clone()))
    }

    /// Whether it was asked once.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.tries == 1
    }

    /// The answer, or none by the deadline.
    pub fn answered(&mut self, now: Instant, answer: Option<Outcome<Answer>>) -> Next {
        match answer {
            Some(Outcome::Reply(Answer::Done(done) | Answer::Fate(Fate::Done(done)))) => {
                Next::Done(done)
            }
            Some(Outcome::Reply(Answer::Fate(Fate::NotDone))) => Next::Failed,
            Some(Outcome::Reply(Answer::Failed(failure))) if self.settled(&failure) => Next::Failed,
            _ => self.again(now),
        }
    }

    /// Whether a failure says for certain that nothing happened, now or in an earlier try.
    fn settled(&self, failure: &Failure) -> bool {
        match failure.code {
            Code::RequestCancelled => true,
            _ => failure.effect == Effect::None && !failure.code.retryable() && self.tries == 1,
        }
    }

    /// Tries again at another node: the same request, or a question about its fate.
    fn again(&mut self, now: Instant) -> Next {
        let mutation = matches!(self.request.action, Action::Mutate { .. });
        if self.tries >= TRIES {
            return if mutation { Next::Unknown } else { Next::Failed };
        }
        self.tries += 1;
        self.node = self.node % self.nodes + 1;
        self.deadline = now + TIMEOUT;
        self.fate = self.fate || (mutation && self.asks_fate);
        let request = match (&self.request.request_id, self.fate) {
            (Some(id), true) => Request::Fate {
                id: id.clone(),
                keyspace: Some(self.request.keyspace.clone()),
                timeout: self.request.timeout,
            },
            _ => Request::Call(self.request.clone()),
        };
        Next::Ask(NodeId(self.node), request)
    }
}
