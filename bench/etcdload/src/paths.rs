//! One client's way to all nodes.

use std::{sync::Arc, time::Duration};

use prost::Message;

use crate::grpc::Connection;

/// A connection to each node, laid when it is needed and again when it broke. Each request goes to
/// the next node, so none is asked less often because it was away for a while.
pub struct Paths {
    endpoints: Arc<[String]>,
    open: Vec<Option<Connection>>,
    deadline: Duration,
    turn: usize,
}

impl Paths {
    /// No connection yet; `turn` says which node is asked first.
    pub fn new(endpoints: Arc<[String]>, deadline: Duration, turn: usize) -> Paths {
        let open = vec![None; endpoints.len()];
        Paths { endpoints, open, deadline, turn }
    }

    /// Asks the next node, once.
    pub async fn call<A: Message + Default>(
        &mut self,
        path: &'static str,
        request: &impl Message,
    ) -> Result<A, String> {
        let place = self.turn % self.endpoints.len();
        self.turn += 1;
        let (endpoint, open) = (&self.endpoints[place], &mut self.open[place]);
        let asked = async {
            let connection = match open.take() {
                Some(connection) if connection.lives() => connection,
                _ => Connection::open(endpoint).await?,
            };
            // Kept beyond an error: a node that cannot serve now answers over it later.
            open.insert(connection).unary(path, request).await
        };
        let answered = tokio::time::timeout(self.deadline, asked).await;
        answered.unwrap_or_else(|_| Err("no answer within the deadline".into()))
    }
}
