//! The keyspace that is served, made on first use.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use contract::{Contract, Program};
use database::{Answer, Request, api::Control};
use kernel::Duration;
use tokio::sync::Mutex;

use crate::{
    Backend, ambient,
    etcd::{
        failure,
        grpc::{Code, Status},
    },
};

/// Between looks whether it is there, and who leads it.
pub const POLL: Duration = Duration::from_millis(20);

/// A keyspace, by name.
pub struct Keyspace {
    pub name: String,
    ready: AtomicBool,
    /// One task makes it, the others wait.
    making: Mutex<()>,
}

impl Keyspace {
    /// Nobody has looked yet.
    pub fn new(name: &str) -> Keyspace {
        Keyspace { name: name.into(), ready: AtomicBool::new(false), making: Mutex::new(()) }
    }

    /// Whether it is known to be there.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }

    /// Somebody found that it is not there any more.
    pub fn lost(&self) {
        self.ready.store(false, Relaxed);
    }

    /// It is there, and it is known who leads it.
    pub fn ready(&self) {
        self.ready.store(true, Relaxed);
    }

    /// Makes sure that it is there.
    ///
    /// # Errors
    /// If it cannot be made, or another program holds the name.
    pub async fn found<B: Backend>(&self, backend: &B, timeout: Duration) -> Result<(), Status> {
        let _alone = self.making.lock().await;
        while !self.is_there(backend).await? {
            self.make(backend, timeout).await?;
            ambient::sleep(POLL).await;
        }
        Ok(())
    }

    async fn is_there<B: Backend>(&self, backend: &B) -> Result<bool, Status> {
        let Answer::Keyspaces(all) = backend.ask(Request::Keyspaces).await else {
            return Ok(false);
        };
        match all.into_iter().find(|keyspace| keyspace.name == self.name) {
            None => Ok(false),
            Some(keyspace) if keyspace.contract.program == Program::Coordination => Ok(true),
            Some(keyspace) => {
                let (name, program) = (&self.name, keyspace.contract.program.name());
                let text = format!("quorate: keyspace '{name}' holds a {program}: drop it");
                Err(Status::new(Code::FailedPrecondition, text))
            }
        }
    }

    async fn make<B: Backend>(&self, backend: &B, timeout: Duration) -> Result<(), Status> {
        let nodes = match backend.ask(Request::Cluster).await {
            Answer::Cluster(cluster) => cluster.nodes.len(),
            _ => 0,
        };
        let replicas = if nodes >= 3 { 3 } else { 1 };
        let contract = Contract { replicas, ..Contract::new(Program::Coordination) };
        let control = Control::CreateKeyspace { name: self.name.clone(), contract };
        match backend.ask(Request::Control { control, request_id: None, timeout }).await {
            // Another node was first, perhaps with another contract.
            Answer::Failed(failure) if failure.code == database::Code::KeyspaceExists => Ok(()),
            Answer::Failed(failure) => Err(failure::status(failure)),
            _ => Ok(()),
        }
    }
}
