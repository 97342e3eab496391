//! One question to every node, all at once.

use client::{Client, Control, Error, Options, document::Node};
use kernel::Duration;

use crate::{ambient, cli::Global, exit::Failure};

/// A node that has not answered for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The nodes of the cluster, each with a way to ask it alone.
pub struct All {
    nodes: Vec<(Node, Control)>,
}

impl All {
    /// Learns the nodes from any that answers.
    pub async fn find(global: &Global) -> Result<All, Failure> {
        let cluster = global.client().control().cluster().await?;
        let timeout = PATIENCE.min(global.timeout);
        let options =
            Options { timeout, attempt_timeout: timeout, retry: false, ..Options::default() };
        let nodes = cluster.nodes.into_iter().map(|node| {
            let control = Client::new([node.http.as_str()], options.clone()).control();
            (node, control)
        });
        Ok(All { nodes: nodes.collect() })
    }

    /// Every node and its answer, in the order of the nodes.
    pub async fn ask<T, F>(
        &self,
        mut question: impl FnMut(&Node, Control) -> F,
    ) -> Vec<(String, Result<T, Error>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let asked: Vec<_> = self
            .nodes
            .iter()
            .map(|(node, control)| {
                (node.id.clone(), ambient::spawn(question(node, control.clone())))
            })
            .collect();
        let mut answers = Vec::new();
        for (id, answer) in asked {
            if let Ok(answer) = answer.await {
                answers.push((id, answer));
            }
        }
        answers
    }
}
