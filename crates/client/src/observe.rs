//! What nodes know of themselves. A client of one address asks that node.

use vigil::{Diagnosis, Events, Objectives, Traces, Vitals, event::Filter};

use crate::{Control, Error, text::percent::encode_component};

impl Control {
    /// What happened on the node that this client talks to.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn events(&self, filter: &Filter) -> Result<Events, Error> {
        let Filter { after, kind, severity, limit } = filter;
        let severity = severity.name();
        let mut target = format!("/v1/events?after={after}&limit={limit}&severity={severity}");
        if let Some(kind) = kind {
            target.push_str(&format!("&kind={}", encode_component(kind.as_bytes())));
        }
        self.get(&target).await
    }

    /// How the node is that this client talks to, with so many seconds of what it did.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn vitals(&self, seconds: u32) -> Result<Vitals, Error> {
        self.get(&format!("/v1/vitals?seconds={seconds}")).await
    }

    /// What the node that this client talks to did for one request.
    ///
    /// # Errors
    /// If it does not answer, or knows nothing of it.
    pub async fn trace_here(&self, trace_id: u128) -> Result<Traces, Error> {
        self.get(&format!("/v1/traces/{trace_id:032x}?here")).await
    }

    /// Where the objectives stand; `here`: as the node that this client talks to counts them.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn objectives(&self, here: bool) -> Result<Objectives, Error> {
        self.get(if here { "/v1/slo?here" } else { "/v1/slo" }).await
    }

    /// What is wrong with the cluster, as the node that this client talks to finds it.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn doctor(&self) -> Result<Diagnosis, Error> {
        self.get("/v1/doctor").await
    }
}
