//! What all connections share, and how a question is asked.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use contract::Consistency;
use database::{
    Answer, Request,
    api::{self, Trace},
};
use hyper::HeaderMap;
use kernel::Duration;
use layers::coordination::{
    Act, Answer as Told, Ask, AuthAnswer, AuthAsk, AuthFound, MayRequest, Outcome, QueryReply,
};

use tokio::sync::{Semaphore, watch};

use super::{
    connection::Open,
    keyspace::{Keyspace, POLL},
    leader::Leader,
    reply,
};
use crate::{
    Backend,
    ambient::{self, Moment},
    etcd::{
        auth::{self, Doubt, Known, Passwords, Who},
        facts::Facts,
        failure,
        figures::Figures,
        grpc::{Code, Status},
        limits::Limits,
        map::{self, Asked},
        operation,
        service::Renewals,
        terms::Terms,
        watch::Hub,
    },
    http::{self, Room},
    measure::{Meters, Timed},
};

/// What all connections share.
pub struct Shared<B> {
    pub backend: B,
    pub limits: Limits,
    pub keyspace: Keyspace,
    pub leader: Leader,
    /// Bytes of messages that arrive in pieces.
    pub room: Room,
    pub figures: Figures,
    pub meters: Meters,
    pub renewals: Renewals,
    pub hub: Hub,
    pub known: Known,
    pub passwords: Passwords,
    /// Snapshots that may be taken at a time.
    pub snapshots: Semaphore,
    facts: RwLock<Arc<Facts>>,
    stopping: watch::Sender<bool>,
}

impl<B: Backend> Shared<B> {
    /// Nothing is known of the cluster yet.
    pub fn new(backend: B, keyspace: &str, limits: Limits, figures: Figures) -> Shared<B> {
        Shared {
            keyspace: Keyspace::new(keyspace),
            leader: Leader::default(),
            room: Room::new(limits.messages_bytes_max),
            renewals: Renewals::default(),
            hub: Hub::new(limits.watches_max, limits.watch_queue_bytes, figures.clone()),
            known: Known::default(),
            passwords: Passwords::new(limits.password_cost, limits.logins_waiting),
            snapshots: Semaphore::new(limits.snapshots_max),
            meters: Meters::new(backend.measures(), "etcd", operation::operations()),
            facts: RwLock::default(),
            stopping: watch::Sender::default(),
            backend,
            limits,
            figures,
        }
    }

    /// The trace of a call: its client's, or one by which the node keeps what it does for it.
    pub fn trace(&self, headers: &HeaderMap) -> Trace {
        self.backend.named(http::trace(headers))
    }

    /// Answers a call at `now`.
    pub fn answer(&self, call: Open, told: Result<Bytes, Status>, now: Moment) {
        self.answered(call.timed, told.as_ref().err(), now);
        reply::send(&self.limits, call.respond, call.trace, told);
    }

    /// A call was answered at `now`, perhaps with an error.
    pub fn answered(&self, timed: Timed, error: Option<&Status>, now: Moment) {
        self.figures.answered(error);
        timed.end(error.map_or(vigil::Outcome::Ok, Status::outcome), now);
    }

    /// Tells everybody that the gateway stops.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until the gateway stops; so calls end then that wait.
    pub async fn stopped(&self) -> Status {
        // It cannot end otherwise: the sender is ours.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
        failure::stopped()
    }

    /// What is known of the cluster.
    pub fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the node for the state of the cluster.
    pub async fn look(&self) -> Arc<Facts> {
        if let Answer::Cluster(cluster) = self.backend.ask(Request::Cluster).await {
            let facts = Arc::new(Facts::read(&cluster, &self.keyspace.name));
            *self.facts.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&facts);
            return facts;
        }
        self.facts()
    }

    /// Keeps what is known of the cluster fresh, for ever.
    pub async fn refresh(self: Arc<Self>) {
        loop {
            self.leader.saw(&*self.look().await);
            if self.keyspace.is_ready() {
                // Best effort: whoever needs to know asks.
                let _ = self.learn_auth(Consistency::EVENTUAL).await;
            }
            ambient::sleep(self.limits.refresh_period).await;
        }
    }

    /// A question as the node takes it. A request id is drawn there: etcd's clients have none.
    pub fn request(&self, asked: Asked, terms: Terms) -> Request {
        Request::Call(api::Call {
            keyspace: self.keyspace.name.clone(),
            action: asked.action,
            consistency: Some(asked.consistency),
            session: None,
            request_id: None,
            timeout: terms.timeout,
            trace: terms.trace,
        })
    }

    /// Makes sure that the keyspace is there, and that answers can name its term.
    ///
    /// # Errors
    /// If it cannot be made in time, or another program holds the name.
    async fn find(&self, timeout: Duration) -> Result<(), Status> {
        if self.keyspace.is_ready() {
            return Ok(());
        }
        let found = ambient::within(timeout, async {
            self.keyspace.found(&self.backend, timeout).await?;
            while self.look().await.term == 0 {
                ambient::sleep(POLL).await;
            }
            self.keyspace.ready();
            Ok(())
        });
        let late = || Err(Status::new(Code::Unavailable, "etcdserver: request timed out"));
        found.await.unwrap_or_else(late)
    }

    /// Asks the program; what it answers is not looked at.
    ///
    /// # Errors
    /// If the question was not carried out, or nobody knows.
    pub async fn ask(&self, asked: Asked, terms: impl Into<Terms>) -> Result<Bytes, Status> {
        let terms = terms.into();
        self.find(terms.timeout).await?;
        match self.backend.ask(self.request(asked, terms)).await {
            Answer::Done(done) => Ok(done.body),
            other => Err(self.failed(other)),
        }
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// If it did not take effect, or nobody knows.
    pub async fn command(
        &self,
        act: Act,
        who: &Who,
        terms: impl Into<Terms>,
    ) -> Result<Outcome, Status> {
        map::outcome(&self.ask(map::command(act, who)?, terms).await?)
    }

    /// Answers a query.
    ///
    /// # Errors
    /// If it cannot be answered.
    pub async fn query(
        &self,
        ask: Ask,
        level: Consistency,
        who: &Who,
        terms: impl Into<Terms>,
    ) -> Result<Told, Status> {
        let body = self.ask(map::query(ask, level, who)?, terms).await?;
        let reply = QueryReply::read(&body).map_err(map::broken)?;
        Ok(reply.into_result()?)
    }

    /// Whether somebody may do what no command or query of the program stands for; at which auth
    /// revision, 0 while auth is off.
    ///
    /// # Errors
    /// If not, or nobody can say.
    pub async fn may(&self, who: &Who, request: MayRequest) -> Result<u64, Status> {
        self.may_at(Consistency::LINEARIZABLE, who, request).await
    }

    /// The same, as a replica sees it that is as fresh as said.
    ///
    /// # Errors
    /// If not, or nobody can say.
    pub async fn may_at(
        &self,
        level: Consistency,
        who: &Who,
        request: MayRequest,
    ) -> Result<u64, Status> {
        let ask = Ask::from(AuthAsk::May(request));
        match self.query(ask, level, who, self.limits.timeout_max).await? {
            Told::Auth(AuthAnswer { found: Some(AuthFound::May(may)) }) => Ok(may.auth_revision),
            _ => Err(unexpected()),
        }
    }

    /// Learns where auth stands.
    ///
    /// # Errors
    /// If nobody can say.
    pub async fn learn_auth(&self, level: Consistency) -> Result<(), Status> {
        auth::credentials(self, "", level, self.limits.timeout_max).await.map(drop)
    }

    /// Who calls, for calls that take longer: a token is looked at even if auth is not known to be
    /// on.
    ///
    /// # Errors
    /// If the token is none of ours, or nobody can say.
    pub async fn who(&self, headers: &HeaderMap) -> Result<Who, Status> {
        match self.known.caller(headers) {
            Ok(who) => Ok(who),
            Err(doubt) => self.settle(doubt).await,
        }
    }

    /// Who called with a token that could not be read. All who doubt at a time ask once.
    ///
    /// # Errors
    /// If the token is none of ours, or nobody can say.
    pub async fn settle(&self, doubt: Doubt) -> Result<Who, Status> {
        let asking = self.known.asking.lock().await;
        if !self.known.knows_more(&doubt) {
            self.learn_auth(Consistency::LINEARIZABLE).await?;
        }
        drop(asking);
        self.known.settle(&doubt)
    }

    /// Why a question was not carried out.
    pub fn failed(&self, answer: Answer) -> Status {
        match answer {
            Answer::Failed(failure) => {
                if failure.code == database::Code::KeyspaceNotFound {
                    self.keyspace.lost();
                }
                failure::status(failure)
            }
            other => Status::new(Code::Internal, format!("quorate: unexpected answer: {other:?}")),
        }
    }
}

/// An answer of another kind than the question.
pub fn unexpected() -> Status {
    Status::new(Code::Internal, "quorate: an answer to another question")
}
