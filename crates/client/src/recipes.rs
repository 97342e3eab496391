//! Locks, elections, semaphores, barriers and services of a coordination keyspace.
//!
//! A call that waits asks in pieces, each shorter than an attempt, so that a node that dies in the
//! middle costs no more than one. A place in a queue is of a lease: who asks again finds it.

use kernel::Duration;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Client, Error, ambient,
    attempt::Plan,
    document::{Barrier, Gathering, Instances, Lease, Place, Seat, Settled},
    request::Call,
    text::{duration, percent::encode_component},
    wire::Reply,
};

/// The status of an answer to who still waits.
const WAITS: u16 = 202;

/// The recipes of a keyspace. Every call fails as [`Error`] says; what the keyspace refuses is a
/// problem with a code.
#[derive(Clone, Debug)]
pub struct Recipes {
    client: Client,
    keyspace: String,
}

/// A request.
struct Ask<'a> {
    method: &'a str,
    target: String,
    body: Value,
}

impl Recipes {
    pub(crate) fn new(client: Client, keyspace: &str) -> Recipes {
        Recipes { client, keyspace: keyspace.to_owned() }
    }

    fn at(&self, kind: &str, names: &[&str]) -> String {
        let mut path = format!("/v1/{kind}/{}", encode_component(self.keyspace.as_bytes()));
        for name in names {
            path.push('/');
            path.push_str(&encode_component(name.as_bytes()));
        }
        path
    }

    async fn send(&self, ask: &Ask<'_>, raw: Option<&[u8]>) -> Result<Reply, Error> {
        let text = if ask.body.is_null() { String::new() } else { ask.body.to_string() };
        let body = raw.unwrap_or(text.as_bytes());
        let plan =
            Plan { keyspace: &self.keyspace, mutation: ask.method != "GET", ..Plan::default() };
        let call = Call { method: ask.method, target: &ask.target, body, plan, ..Call::default() };
        self.client.call(call).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        target: String,
        body: Value,
    ) -> Result<T, Error> {
        let reply = self.send(&Ask { method, target, body }, None).await?;
        crate::client::json(&reply)
    }

    /// Asks again and again until what is waited for is there (else it is answered 202) or the time is
    /// over; `piece` makes a request that waits so long. The last answer.
    async fn wait<T: DeserializeOwned>(
        &self,
        wait: Duration,
        piece: impl Fn(&str) -> Ask<'static>,
    ) -> Result<T, Error> {
        let until = ambient::now() + wait;
        let most = self.client.shared.options.attempt_timeout / 2;
        loop {
            let left = until.saturating_duration_since(ambient::now());
            let reply = self.send(&piece(&duration::format(left.min(most))), None).await?;
            if reply.status != WAITS || left.is_zero() {
                return crate::client::json(&reply);
            }
        }
    }

    /// Grants a lease.
    ///
    /// # Errors
    /// If it was not granted.
    pub async fn grant(&self, ttl: Duration) -> Result<Lease, Error> {
        let body = json!({ "ttl": duration::format(ttl) });
        self.ask("POST", self.at("leases", &[]), body).await
    }

    /// Gives a lease its whole time again, counted from when this was called.
    ///
    /// # Errors
    /// With the code `lease-not-found` if it has ended.
    pub async fn keep_alive(&self, lease: &str) -> Result<Lease, Error> {
        let target = format!("{}/keep-alive", self.at("leases", &[lease]));
        self.ask("POST", target, Value::Null).await
    }

    /// Ends a lease, and with it all that is held under it.
    ///
    /// # Errors
    /// With the code `lease-not-found` if it has ended.
    pub async fn revoke(&self, lease: &str) -> Result<(), Error> {
        let (method, target, body) = ("DELETE", self.at("leases", &[lease]), Value::Null);
        self.send(&Ask { method, target, body }, None).await.map(drop)
    }

    /// Queues for a lock and waits until it is held, at most so long. Who did not get it in time
    /// keeps his place: asked again he finds it; [`Recipes::unlock`] gives it up.
    ///
    /// # Errors
    /// If the lease has ended, or the cluster does not answer.
    pub async fn lock(&self, name: &str, lease: &str, wait: Duration) -> Result<Place, Error> {
        let piece = |wait: &str| Ask {
            method: "POST",
            target: self.at("locks", &[name]),
            body: json!({ "lease": lease, "wait": wait }),
        };
        self.wait(wait, piece).await
    }

    /// Gives a lock, or a place in its queue, up.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn unlock(&self, name: &str, lease: &str) -> Result<(), Error> {
        self.leave("locks", name, lease).await
    }

    /// Stands for election, or says something else, and waits until it is won.
    ///
    /// # Errors
    /// If the lease has ended, or the cluster does not answer.
    pub async fn campaign(
        &self,
        name: &str,
        lease: &str,
        value: &str,
        wait: Duration,
    ) -> Result<Place, Error> {
        let piece = |wait: &str| Ask {
            method: "POST",
            target: self.at("elections", &[name]),
            body: json!({ "lease": lease, "value": value, "wait": wait }),
        };
        self.wait(wait, piece).await
    }

    /// Gives a candidacy up.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn resign(&self, name: &str, lease: &str) -> Result<(), Error> {
        self.leave("elections", name, lease).await
    }

    async fn leave(&self, kind: &str, name: &str, lease: &str) -> Result<(), Error> {
        let target = format!("{}?lease={lease}", self.at(kind, &[name]));
        let (method, body) = ("DELETE", Value::Null);
        self.send(&Ask { method, target, body }, None).await.map(drop)
    }

    /// Queues for permits of a semaphore and waits for them. `limit` is how many it has: it is made
    /// if it is not there; 0 leaves that to others.
    ///
    /// # Errors
    /// If the permits do not fit, the lease has ended, or the cluster does not answer.
    pub async fn acquire(
        &self,
        name: &str,
        lease: &str,
        permits: u64,
        limit: u64,
        wait: Duration,
    ) -> Result<Seat, Error> {
        let piece = |wait: &str| Ask {
            method: "POST",
            target: self.at("semaphores", &[name]),
            body: json!({ "lease": lease, "permits": permits, "limit": limit, "wait": wait }),
        };
        self.wait(wait, piece).await
    }

    /// Gives permits back.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn release(&self, name: &str, lease: &str) -> Result<Settled, Error> {
        let target = format!("{}?lease={lease}", self.at("semaphores", &[name]));
        self.ask("DELETE", target, Value::Null).await
    }

    /// Puts a barrier up.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn raise(&self, name: &str) -> Result<Settled, Error> {
        self.ask("PUT", self.at("barriers", &[name]), Value::Null).await
    }

    /// Takes a barrier away.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn lift(&self, name: &str) -> Result<Settled, Error> {
        self.ask("DELETE", self.at("barriers", &[name]), Value::Null).await
    }

    /// Waits until a barrier is down.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn pass(&self, name: &str, wait: Duration) -> Result<Barrier, Error> {
        let piece = |wait: &str| Ask {
            method: "GET",
            target: format!("{}?wait={wait}", self.at("barriers", &[name])),
            body: Value::Null,
        };
        self.wait(wait, piece).await
    }

    /// Joins those who wait for each other, and waits until `count` are there.
    ///
    /// # Errors
    /// If the barrier is in another state, the lease has ended, or the cluster does not answer.
    pub async fn enter(
        &self,
        name: &str,
        lease: &str,
        count: u64,
        wait: Duration,
    ) -> Result<Gathering, Error> {
        let piece = |wait: &str| Ask {
            method: "POST",
            target: self.at("double-barriers", &[name]),
            body: json!({ "lease": lease, "count": count, "wait": wait }),
        };
        self.wait(wait, piece).await
    }

    /// Leaves them, and waits until all have left.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn depart(
        &self,
        name: &str,
        lease: &str,
        wait: Duration,
    ) -> Result<Gathering, Error> {
        let piece = |wait: &str| Ask {
            method: "DELETE",
            target: format!("{}?lease={lease}&wait={wait}", self.at("double-barriers", &[name])),
            body: Value::Null,
        };
        self.wait(wait, piece).await
    }

    /// Registers an instance of a service under a lease, or changes what it says.
    ///
    /// # Errors
    /// If another lease holds its name, the lease has ended, or the cluster does not answer.
    pub async fn register(
        &self,
        service: &str,
        instance: &str,
        lease: &str,
        value: &[u8],
    ) -> Result<Settled, Error> {
        let target = format!("{}?lease={lease}", self.at("services", &[service, instance]));
        let ask = Ask { method: "PUT", target, body: Value::Null };
        crate::client::json(&self.send(&ask, Some(value)).await?)
    }

    /// Keeps an instance's lease alive, and says how it is: `passing`, `warning` or `critical`.
    ///
    /// # Errors
    /// If it is not registered under this lease any more, or the cluster does not answer.
    pub async fn heartbeat(
        &self,
        service: &str,
        instance: &str,
        lease: &str,
        health: &str,
        note: &str,
    ) -> Result<Lease, Error> {
        let target = format!("{}/heartbeat", self.at("services", &[service, instance]));
        self.ask("POST", target, json!({ "lease": lease, "health": health, "note": note })).await
    }

    /// Takes an instance off.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn deregister(&self, service: &str, instance: &str) -> Result<Settled, Error> {
        self.ask("DELETE", self.at("services", &[service, instance]), Value::Null).await
    }

    /// Lists instances of a service, or of all if none is named; with `after`, waits until
    /// something is newer than that revision.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn instances(
        &self,
        service: Option<&str>,
        passing: bool,
        after: i64,
        wait: Duration,
    ) -> Result<Instances, Error> {
        let path = self.at("services", service.as_slice());
        let piece = |wait: &str| Ask {
            method: "GET",
            target: format!("{path}?passing={passing}&after={after}&wait={wait}"),
            body: Value::Null,
        };
        self.wait(wait, piece).await
    }
}
