//! What the worker of a node hands its effects to.

use std::sync::Arc;

use database::{Code, Envelope, Note, Output};
use kernel::{Duration, NodeId, Now, Token, process::HaltReason};
use layers::coordination::Stretch;
use store::{engine::Engine, journal::Record};
use tokio::sync::watch;
use tracing::error;
use vigil::{Event, Severity};

use crate::{
    changes::Changes,
    flush,
    handle::{Process, Status},
    journal,
    lsm::LsmEngine,
    mailbox::{Mailbox, Taken},
    observe::Observer,
    quarantine::Mark,
    transport::{Outbox, Reader, Transport},
    worker::{Appends, Hands, Inbox, Input, InputOf},
};

/// Jobs of the flush thread.
pub type FlushJobs = Mailbox<flush::Job<<LsmEngine as Engine>::Flush>>;

/// The journal thread, the flush thread, the links, the figures.
#[derive(Debug)]
pub struct NodeHands {
    /// Jobs of the journal thread.
    pub journal: Arc<Mailbox<journal::Job>>,
    /// Jobs of the flush thread.
    pub flushes: Arc<FlushJobs>,
    /// All connections.
    pub transport: Arc<Transport>,
    /// What peers send.
    pub reader: Reader,
    /// Frames of this batch.
    pub outbox: Outbox,
    /// What is noticed.
    pub observer: Observer,
    /// Of whom the cluster consists, as last heard.
    pub members: Vec<NodeId>,
    /// Wakes who waits for changes …
    pub changes: Arc<Changes>,
    /// … of this batch: keyspace, applied index, what was told.
    pub changed: Vec<(String, u64, Option<Stretch>)>,
    /// Where a halt is told.
    pub status: watch::Sender<Status>,
    /// Left where the engine could not be read.
    pub mark: Mark,
}

impl Hands<Process> for NodeHands {
    fn take(
        &mut self,
        inbox: &Inbox<Process>,
        inputs: &mut Vec<InputOf<Process>>,
        wait: Option<Duration>,
    ) -> Taken {
        self.reader.wait(if inbox.doze() { wait } else { Some(Duration::ZERO) });
        let taken = inbox.take(inputs, Some(Duration::ZERO));
        self.reader.read(|from, messages| inputs.push(Input::Messages { from, messages }));
        if inputs.is_empty() { taken } else { Taken::Items }
    }

    fn persist(&mut self, appends: Appends<Record>) {
        // A closed mailbox means that the node is stopping: nothing will be durable any more,
        // and nothing that waits for it will leave.
        let _ = self.journal.push(journal::Job::Append(appends));
    }

    fn flush(&mut self, process: &mut Process, token: Token) {
        let _ = self.flushes.push(flush::Job::Flush(token, process.flush_job()));
    }

    fn send(&mut self, to: NodeId, message: Envelope) {
        self.outbox.send(to, &message);
    }

    fn deliver(&mut self) {
        self.outbox.deliver();
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Members(members) => {
                self.note_members(members.iter().map(|member| member.node).collect());
                self.transport.set_members(&members);
                self.outbox.set_links(self.transport.links());
            }
            Output::Healed => {
                let _ = self.journal.push(journal::Job::Healed);
            }
            Output::Changed { keyspace, applied, told } => {
                self.changed.push((keyspace, applied, told));
            }
        }
    }

    /// Watchers come after who asked: handing out takes time that a writer would wait.
    fn answered(&mut self) {
        for (keyspace, applied, told) in self.changed.drain(..) {
            self.changes.applied(keyspace, applied, told);
        }
    }

    fn notes(&mut self, now: Now, notes: Vec<Note>) {
        self.observer.batch(now.instant, notes);
    }

    fn batch(&mut self, inputs: usize) {
        self.observer.senses.metrics.batch.observe(inputs as f64);
    }

    fn halted(&mut self, reason: HaltReason) {
        if reason.code == Code::Storage.name() {
            self.mark.leave(&reason.text);
        }
        let text = format!("the node cannot go on: [{}] {}", reason.code, reason.text);
        let event = Event::new("node-halted", Severity::Alarm, text).with("code", reason.code);
        self.observer.senses.flight.record(event);
        error!(code = reason.code, text = reason.text, "the node halted");
        self.status.send_replace(Status::Halted(reason));
    }
}

impl NodeHands {
    /// Records who came and who left.
    fn note_members(&mut self, members: Vec<NodeId>) {
        let names = |of: &[NodeId], but: &[NodeId]| {
            let names = of.iter().filter(|node| !but.contains(node)).map(ToString::to_string);
            names.collect::<Vec<_>>().join(" ")
        };
        let (came, left) = (names(&members, &self.members), names(&self.members, &members));
        if !(came.is_empty() && left.is_empty()) {
            let text = format!("the cluster is {}", names(&members, &[]));
            let event = Event::new("membership", Severity::Info, text);
            self.observer.senses.flight.record(event.with("came", came).with("left", left));
        }
        self.members = members;
    }
}
