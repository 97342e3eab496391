//! The process contract: one entry point, events in, ordered effects out.
//!
//! ```text
//!                 Event                                      Effects (in order)
//!   host ───────────────────────▶ Process::handle ───────────────────────────▶ host
//!          Start                                      Send    {to, message, after}
//!          Message {from, message}                    Reply   {ticket, reply, after}
//!          Request {ticket, request}                  Persist {token, records}
//!          Timer (id)                                 Flush   {token}
//!          Persisted (token)                          SetTimer / CancelTimer
//!          PersistFailed (token)                      Output  (to the enclosing process)
//!                                                     Note    (observation)
//!                                                     Halt    (reason)
//! ```
//!
//! Two hosts run the same processes: the node (sockets, disks) and the simulator.
//!
//! # Laws
//!
//! 1. Same state, same events, same `now` give the same effects.
//! 2. Every [`Token`] completes exactly once, as `Persisted` or `PersistFailed`, or the process
//!    dies first. Every [`Ticket`] is answered exactly once, or the process dies first.
//! 3. Nothing that carries `after: Some(t)` leaves the host before `Persisted(t)`. Durability
//!    order is data, so that a host cannot forget it.
//! 4. Tokens persist in order: `Persisted(t)` implies every token issued before `t` that has
//!    not failed.
//! 5. Handling is total: any event in any state.
//! 6. After [`Effect::Halt`] the process is silent and the host sends it nothing.
//!
//! A process never reads a clock and never draws ambient randomness: both come in.

use alloc::{string::String, vec::Vec};

use crate::{
    id::NodeId,
    time::{Instant, Now},
};

/// The host's handle for one request; answered by exactly one [`Effect::Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Names one write to stable storage; grows by one per [`Effect::Persist`] or [`Effect::Flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Names one timer of a process. Setting a timer that is set moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// Where the answers of many requests go, each with the number that its asker gave it.
///
/// Of use to hosts that stand in front of a process; the process itself never sees one.
pub trait Sink<Reply>: Send + Sync {
    /// Takes one answer. Must not wait. `true` if whoever reads them sleeps for all it knows, and is
    /// to be woken: once for all answers that come together, and after the last of them.
    #[must_use]
    fn put(&self, tag: u64, reply: Reply) -> bool;

    /// Wakes whoever reads.
    fn wake(&self);

    /// Takes an answer that comes alone.
    fn tell(&self, tag: u64, reply: Reply) {
        if self.put(tag, reply) {
            self.wake();
        }
    }
}

/// What a process is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<Message, Request> {
    /// First event of a process, once, after its state was recovered.
    Start,
    /// A message arrived. Messages may be lost, late, repeated and reordered.
    Message {
        /// The sender.
        from: NodeId,
        /// What it said.
        message: Message,
    },
    /// A client, or the enclosing process, wants something.
    Request {
        /// To be answered exactly once.
        ticket: Ticket,
        /// What it wants.
        request: Request,
    },
    /// A timer fired; it is no longer set.
    Timer(TimerId),
    /// The records (or the flush) of this token are on stable storage.
    Persisted(Token),
    /// The host could not make this token durable. Its records may or may not be on the disk.
    PersistFailed(Token),
}

/// What a process wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<Message, Reply, Record, Output, Note> {
    /// Send a message; the network may lose it.
    Send {
        /// The receiver.
        to: NodeId,
        /// What to say.
        message: Message,
        /// Must be durable before the message leaves.
        after: Option<Token>,
    },
    /// Answer a request.
    Reply {
        /// Which request.
        ticket: Ticket,
        /// The answer.
        reply: Reply,
        /// Must be durable before the answer leaves.
        after: Option<Token>,
    },
    /// Append records to the journal and make them durable, in this order.
    Persist {
        /// Completes as `Persisted` or `PersistFailed`.
        token: Token,
        /// What to append.
        records: Vec<Record>,
    },
    /// Make everything that the engine holds now durable.
    Flush {
        /// Completes as `Persisted` or `PersistFailed`.
        token: Token,
    },
    /// Fire [`Event::Timer`] at this instant (or as soon as possible if it has passed).
    SetTimer {
        /// Which timer; an earlier setting is replaced.
        timer: TimerId,
        /// When.
        at: Instant,
    },
    /// Forget a timer.
    CancelTimer {
        /// Which timer; not an error if it is not set.
        timer: TimerId,
    },
    /// Something for the process that embeds this one.
    Output(Output),
    /// An observation for metrics, logs and traces. Never changes what happens.
    Note(Note),
    /// The process cannot go on; the host stops it and reports the reason.
    Halt(HaltReason),
}

/// Why a process stopped for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltReason {
    /// Stable code, one page each under `docs/errors`.
    pub code: &'static str,
    /// For the operator who reads the log.
    pub text: String,
}

/// Collects the effects of one or more events, in order.
#[derive(Clone, Debug)]
pub struct Effects<Message, Reply, Record, Output, Note> {
    list: Vec<Effect<Message, Reply, Record, Output, Note>>,
}

/// The effects type of a process.
pub type EffectsOf<P> = Effects<
    <P as Process>::Message,
    <P as Process>::Reply,
    <P as Process>::Record,
    <P as Process>::Output,
    <P as Process>::Note,
>;

/// One effect of a process.
pub type EffectOf<P> = Effect<
    <P as Process>::Message,
    <P as Process>::Reply,
    <P as Process>::Record,
    <P as Process>::Output,
    <P as Process>::Note,
>;

/// One event of a process.
pub type EventOf<P> = Event<<P as Process>::Message, <P as Process>::Request>;

/// A deterministic participant of a protocol.
pub trait Process {
    /// What it exchanges with its peers.
    type Message;
    /// What it is asked.
    type Request;
    /// What it answers.
    type Reply;
    /// What it writes to the journal.
    type Record;
    /// What it tells the process that embeds it; [`core::convert::Infallible`] if none does.
    type Output;
    /// What it observes.
    type Note;

    /// Handles one event. Never blocks, never fails: errors are replies, refusals or halts.
    fn handle(&mut self, now: Now, event: EventOf<Self>, out: &mut EffectsOf<Self>);

    /// Ends a batch of events. The host calls it after the last event that is at hand and before
    /// it carries out the effects: here a process hands over what it gathered, so that many
    /// requests become one append and one message per peer.
    fn settle(&mut self, now: Now, out: &mut EffectsOf<Self>) {
        let _ = (now, out);
    }
}

impl<M, Y, D, O, N> Default for Effects<M, Y, D, O, N> {
    fn default() -> Self {
        Effects { list: Vec::new() }
    }
}

impl<M, Y, D, O, N> Effects<M, Y, D, O, N> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an effect after all others.
    pub fn push(&mut self, effect: Effect<M, Y, D, O, N>) {
        self.list.push(effect);
    }

    /// Sends without waiting for anything to be durable.
    pub fn send(&mut self, to: NodeId, message: M) {
        self.push(Effect::Send { to, message, after: None });
    }

    /// Sends once `after` is durable.
    pub fn send_after(&mut self, to: NodeId, message: M, after: Option<Token>) {
        self.push(Effect::Send { to, message, after });
    }

    /// Answers without waiting for anything to be durable.
    pub fn reply(&mut self, ticket: Ticket, reply: Y) {
        self.push(Effect::Reply { ticket, reply, after: None });
    }

    /// Sets (or moves) a timer.
    pub fn set_timer(&mut self, timer: TimerId, at: Instant) {
        self.push(Effect::SetTimer { timer, at });
    }

    /// Tells the enclosing process.
    pub fn output(&mut self, output: O) {
        self.push(Effect::Output(output));
    }

    /// Reports an observation.
    pub fn note(&mut self, note: N) {
        self.push(Effect::Note(note));
    }

    /// Takes all effects, oldest first, and leaves the list empty with its capacity.
    pub fn drain(&mut self) -> alloc::vec::Drain<'_, Effect<M, Y, D, O, N>> {
        self.list.drain(..)
    }

    /// The effects so far, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Effect<M, Y, D, O, N>] {
        &self.list
    }

    /// Whether nothing was pushed since the last drain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
