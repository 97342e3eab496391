//! What no node knows alone: asked of all of them by the one that was asked.

use std::{cmp::Reverse, sync::Arc};

use client::{Client, Control, Error, Options};
use kernel::{Duration, NodeId};
use node::Handle;
use vigil::{
    Diagnosis, Objectives, Pick, Traces,
    doctor::{self, Scene, Seen},
    event::Filter,
    slo, traces,
};

use crate::ambient;

/// Another node that has not answered for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Seconds of vitals that a diagnosis looks at.
const SECONDS: u32 = 30;
/// Events, likewise.
const EVENTS: usize = 1000;

/// The newest events of a node.
fn newest() -> Filter {
    Filter { limit: EVENTS, ..Filter::default() }
}

/// This node, and where the others are.
pub struct Everybody<'a> {
    /// This node.
    pub handle: &'a Handle,
    /// The others, with their addresses.
    pub others: Vec<(NodeId, Arc<str>)>,
}

impl Everybody<'_> {
    /// One trace, with what all nodes know of it; `None` if none does.
    pub async fn trace(&self, trace_id: u128) -> Option<Traces> {
        let asked = self.ask(move |control| async move { control.trace_here(trace_id).await });
        let mut known = self.handle.traces(Pick::Here(trace_id)).requests;
        for (_, theirs) in asked.await {
            known.extend(theirs.into_iter().flat_map(|theirs| theirs.requests));
        }
        let part = |request: &traces::Request| (request.op == "part", request.follows());
        // The node that was asked knows how long it took; without it the longest part must do.
        known.sort_by_key(|request| (part(request), Reverse(request.took_us)));
        let mut known = known.into_iter();
        let whole = traces::merge(known.next()?, known);
        Some(Traces { node: self.me(), requests: vec![whole] })
    }

    /// Where the objectives stand, by what all nodes that answer have counted.
    pub async fn objectives(&self) -> Objectives {
        let asked = self.ask(|control| async move { control.objectives(true).await }).await;
        let theirs = asked.into_iter().filter_map(|(_, answer)| answer.ok());
        slo::merge([self.handle.objectives()].into_iter().chain(theirs))
    }

    /// What is wrong, by what all nodes tell.
    pub async fn diagnosis(&self) -> Diagnosis {
        let asked = self.ask(|control| async move {
            let newest = newest();
            let (vitals, events) = tokio::join!(control.vitals(SECONDS), control.events(&newest));
            Ok((vitals?, events?))
        });
        let mut nodes = vec![Seen {
            node: self.me(),
            http: String::new(),
            vitals: Some(self.handle.vitals(SECONDS)),
            events: Some(self.handle.events(&newest())),
        }];
        for (node, answer) in asked.await {
            let address = self.others.iter().find(|other| other.0 == node);
            let (vitals, events) = answer.ok().unzip();
            nodes.push(Seen {
                node: node.to_string(),
                http: address.map_or_else(String::new, |other| other.1.to_string()),
                vitals,
                events,
            });
        }
        nodes.sort_by(|a, b| a.node.cmp(&b.node));
        let now_ms = self.handle.unix_nanos() / 1_000_000;
        doctor::diagnose(&Scene { now_ms, nodes })
    }

    /// Every other node and its answer, all asked at once.
    async fn ask<T, F>(&self, question: impl Fn(Control) -> F) -> Vec<(NodeId, Result<T, Error>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let options = Options {
            timeout: PATIENCE,
            attempt_timeout: PATIENCE,
            retry: false,
            ..Options::default()
        };
        let mut asked = Vec::new();
        for (node, address) in &self.others {
            let control = Client::new([&**address], options.clone()).control();
            asked.push((*node, ambient::spawn(question(control))));
        }
        let mut answers = Vec::new();
        for (node, answer) in asked {
            answers.extend(answer.await.ok().map(|answer| (node, answer)));
        }
        answers
    }

    fn me(&self) -> String {
        self.handle.identity().node.to_string()
    }
}
