//! What the simulator runs: the software of one node, seen at the lowest seam.
//!
//! ```text
//!          Input                                    Action (carried out in order)
//!   ────────────────────▶ Machine::handle ────────────────────────────▶
//!    Start                Machine::settle            Send {to, bytes}
//!    Frame {from, bytes}                             SetTimer / CancelTimer
//!    Timer (id)                                      Work {id, kind, bytes} ─▶ Done (id)
//!    Done (id)                                       Reply {ticket, reply}
//!    Request {ticket, …}                             Halt / Log
//! ```
//!
//! A batch is one or more calls of `handle` and then one of `settle`; inputs that arrive while a
//! node is busy or paused gather for the next batch. Reads and writes of the disk are plain
//! calls on the [`SimDisk`] that the machine was given; what takes time is the sync, which is
//! why it is [`Action::Work`]: the machine syncs its disk when [`Input::Done`] arrives, and a
//! crash before that loses what was written.

use bytes::Bytes;
use kernel::{Instant, NodeId, Now, Rng, Ticket, TimerId};

use crate::disk::SimDisk;

/// The software of one node.
pub trait Machine {
    /// What clients ask.
    type Request;
    /// What they are answered.
    type Reply;

    /// Takes one input. Actions are carried out after the batch, in order.
    fn handle(&mut self, now: Now, input: Input<Self::Request>, out: &mut Vec<Action<Self::Reply>>);

    /// Ends a batch.
    fn settle(&mut self, now: Now, out: &mut Vec<Action<Self::Reply>>);

    /// What of the disk other nodes hold as well, as far as it is needed: each may be lost as long
    /// as another node has what it holds. Nothing, if damage of one disk is all that is survived.
    fn copies(&self) -> Vec<Copied> {
        Vec::new()
    }

    /// A hash of the state, part of the trace hash; zero if the machine has none.
    fn state_hash(&self) -> u64 {
        0
    }
}

/// A place on a node's disk that holds copies of what other nodes hold, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What lies there: a copy of the same thing has the same name on every node.
    pub names: Vec<u64>,
    /// The file.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// What a machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<R> {
    /// First input after a boot.
    Start,
    /// Bytes from a peer. Frames may be lost, late, repeated and reordered, never changed.
    Frame {
        /// The sender.
        from: NodeId,
        /// What it sent.
        bytes: Bytes,
    },
    /// A timer fired; it is no longer set.
    Timer(TimerId),
    /// The work of this id has taken its time.
    Done(u64),
    /// A client wants something.
    Request {
        /// To be answered once.
        ticket: Ticket,
        /// What it wants.
        request: R,
    },
}

/// What a machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<Y> {
    /// Send bytes to a peer (or to itself: it arrives at once, unharmed).
    Send {
        /// The receiver.
        to: NodeId,
        /// What to send.
        bytes: Bytes,
    },
    /// Fire [`Input::Timer`] when the node's own monotonic clock reaches `at`.
    SetTimer {
        /// Which timer; an earlier setting is replaced.
        timer: TimerId,
        /// When, in the node's own time.
        at: Instant,
    },
    /// Forget a timer.
    CancelTimer(TimerId),
    /// Something that takes time; completes as [`Input::Done`] unless the node dies first.
    Work {
        /// Chosen by the machine.
        id: u64,
        /// What kind of time it takes.
        kind: Work,
        /// How much there is to do.
        bytes: u64,
    },
    /// Answer a client.
    Reply {
        /// Which request.
        ticket: Ticket,
        /// The answer.
        reply: Y,
    },
    /// The machine cannot go on; it is dropped and told nothing more until a restart.
    Halt(String),
    /// A line for the node's log; costs nothing while nothing is recorded.
    Log(String),
}

/// What kind of work takes time. Work of one kind is done one piece after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// A sync of the journal's disk.
    DiskSync,
    /// Making the engine durable.
    EngineFlush,
    /// Anything in the background: exporting a snapshot, compaction.
    Background,
}

/// What a node is given when it starts.
#[derive(Debug)]
pub struct Boot {
    /// Who it is: nodes are numbered from 1.
    pub node: NodeId,
    /// Its disk, with what survived.
    pub disk: SimDisk,
    /// How often it was started before: zero the first time.
    pub boots: u64,
    /// Whether the disk was wiped since the last boot.
    pub wiped: bool,
    /// Its own stream of randomness.
    pub rng: Rng,
    /// Its clocks. The monotonic origin differs from boot to boot.
    pub now: Now,
}

/// Makes the machines of a world and keeps what outlives them besides the disk.
pub trait Factory {
    /// What it makes.
    type Machine: Machine;

    /// Starts a node from what its disk holds.
    ///
    /// # Errors
    /// The reason why the node refuses to start; it counts as halted.
    fn boot(&mut self, boot: Boot) -> Result<Self::Machine, String>;

    /// A node lost its volatile state: twins of durable things roll back to what was synced.
    fn crashed(&mut self, node: NodeId, rng: &mut Rng) {
        let _ = (node, rng);
    }

    /// A node lost its disk: twins of durable things are emptied.
    fn wiped(&mut self, node: NodeId) {
        let _ = node;
    }
}
