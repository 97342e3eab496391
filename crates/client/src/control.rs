//! Keyspaces, nodes, shards, fates and faults.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Client, Error,
    attempt::Plan,
    client::json,
    document::{AddNode, Chaos, Cluster, Explanation, Fate, Keyspace, Keyspaces, Move, Transfer},
    request::Call,
    text::percent::encode_component,
};

/// Any node answers as well.
const ANYWHERE: Plan<'static> =
    Plan { keyspace: "", mutation: false, anywhere: true, request_id: None };
/// The catalog's leader carries it out.
const CHANGE: Plan<'static> =
    Plan { keyspace: "", mutation: true, anywhere: false, request_id: None };

/// The control plane. Every call fails as [`Error`] says.
#[derive(Clone, Debug)]
pub struct Control {
    client: Client,
}

impl Control {
    pub(crate) fn new(client: Client) -> Control {
        Control { client }
    }

    /// Nodes and shards, as one node knows them.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn cluster(&self) -> Result<Cluster, Error> {
        self.get("/v1/cluster").await
    }

    /// Asks whether the process lives, whatever its state.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub async fn alive(&self) -> Result<(), Error> {
        let call = Call { method: "GET", target: "/healthz", plan: ANYWHERE, ..Call::default() };
        self.client.call(call).await.map(drop)
    }

    /// Asks whether the node can serve.
    ///
    /// # Errors
    /// If it cannot yet, with the reason.
    pub async fn ready(&self) -> Result<(), Error> {
        self.get("/readyz").await.map(|_: Value| ())
    }

    /// All keyspaces.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn keyspaces(&self) -> Result<Keyspaces, Error> {
        self.get("/v1/keyspaces").await
    }

    /// One keyspace.
    ///
    /// # Errors
    /// If there is none of this name.
    pub async fn keyspace(&self, name: &str) -> Result<Keyspace, Error> {
        self.get(&keyspace(name)).await
    }

    /// What a contract costs and what happens in failures.
    ///
    /// # Errors
    /// If there is no keyspace of this name.
    pub async fn explain(&self, name: &str) -> Result<Explanation, Error> {
        self.get(&format!("{}/explain", keyspace(name))).await
    }

    /// Creates a keyspace from a contract in TOML; tells whether it is new.
    ///
    /// # Errors
    /// If the contract is refused, or the keyspace exists with another one.
    pub async fn create(&self, name: &str, contract: &str) -> Result<(Keyspace, bool), Error> {
        let target = keyspace(name);
        let call = Call {
            method: "PUT",
            target: &target,
            headers: vec![("content-type", "application/toml")],
            body: contract.as_bytes(),
            plan: CHANGE,
        };
        let reply = self.client.call(call).await?;
        Ok((json(&reply)?, reply.status == 201))
    }

    /// Removes a keyspace and its data.
    ///
    /// # Errors
    /// If there is none of this name.
    pub async fn drop(&self, name: &str) -> Result<(), Error> {
        self.send("DELETE", &keyspace(name), b"").await.map(|_: Value| ())
    }

    /// What became of a mutation; a keyspace makes the question cheaper.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn fate(&self, request_id: &str, keyspace: Option<&str>) -> Result<Fate, Error> {
        let mut target = format!("/v1/fate/{}", encode_component(request_id.as_bytes()));
        if let Some(keyspace) = keyspace {
            target.push_str(&format!("?keyspace={}", encode_component(keyspace.as_bytes())));
        }
        self.get(&target).await
    }

    /// Makes a node known.
    ///
    /// # Errors
    /// If it cannot be added.
    pub async fn add(&self, node: &AddNode) -> Result<(), Error> {
        self.post("/v1/cluster/nodes", node).await
    }

    /// Forgets a node that holds no replica any more.
    ///
    /// # Errors
    /// If it still holds one, or gave one up to a group that has not settled without it.
    pub async fn remove(&self, node: &str) -> Result<(), Error> {
        let target = format!("/v1/cluster/nodes/{}", encode_component(node.as_bytes()));
        self.send("DELETE", &target, b"").await.map(|_: Value| ())
    }

    /// Hands leadership of a shard over.
    ///
    /// # Errors
    /// If the shard cannot be changed now.
    pub async fn transfer(&self, shard: &str, to: Option<&str>) -> Result<(), Error> {
        let body = Transfer { to: to.map(Into::into) };
        self.post(&format!("/v1/shards/{}/transfer", encode_component(shard.as_bytes())), &body)
            .await
    }

    /// Moves a replica.
    ///
    /// # Errors
    /// If the shard cannot be changed now.
    pub async fn move_replica(&self, shard: &str, change: &Move) -> Result<(), Error> {
        self.post(&format!("/v1/shards/{}/move", encode_component(shard.as_bytes())), change).await
    }

    /// Injects a fault at the node that this client talks to: give it one address only.
    ///
    /// # Errors
    /// If faults may not be injected there.
    pub async fn chaos(&self, fault: &Chaos) -> Result<(), Error> {
        self.post("/v1/chaos", fault).await
    }

    /// Any other document of the API, by path and query.
    ///
    /// # Errors
    /// If no node answers, or with something else.
    pub async fn document<T: DeserializeOwned>(&self, target: &str) -> Result<T, Error> {
        self.get(target).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, Error> {
        let call = Call { method: "GET", target, plan: ANYWHERE, ..Call::default() };
        json(&self.client.call(call).await?)
    }

    async fn post(&self, target: &str, body: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec(body).map_err(|e| Error::protocol(e.to_string()))?;
        self.send("POST", target, &body).await.map(|_: Value| ())
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Result<T, Error> {
        let call = Call { method, target, body, plan: CHANGE, ..Call::default() };
        json(&self.client.call(call).await?)
    }
}

fn keyspace(name: &str) -> String {
    format!("/v1/keyspaces/{}", encode_component(name.as_bytes()))
}
