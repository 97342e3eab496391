//! The thread that owns a process: takes what is at hand, runs the process, carries out effects.
//!
//! ```text
//!   inbox ─▶ [ handle, handle, …, due timers, settle ] ─▶ 1 one job for the journal thread
//!              one reading of the clocks                  2 one buffer of frames per peer
//!                                                         3 replies
//! ```
//!
//! The journal comes first so that the disk works while frames are encoded; replies come last
//! because waking their askers costs time that nobody else should wait for.
//!
//! Law 3 of [`kernel::process`] is kept here: what carries `after: Some(token)` is held until the
//! token is durable, and dropped if it never will be.

use std::{collections::HashMap, sync::Arc};

use kernel::{
    Duration, Effect, Effects, Event, Instant, NodeId, Now, Process, Ticket, Token,
    process::{EffectOf, EffectsOf, HaltReason},
};

use crate::{
    ambient::Clock,
    asker::Asker,
    chaos::Chaos,
    hold::{Hold, Verdict},
    mailbox::{Mailbox, Taken},
    timers::Timers,
};

/// What a process is told by its node.
#[derive(Debug)]
pub enum Input<M, R, Y> {
    /// Somebody asks and waits.
    Ask {
        /// What.
        request: R,
        /// Where the answer goes.
        answer: Asker<Y>,
    },
    /// The node itself tells and does not wait.
    Tell(R),
    /// A peer sent these, in this order.
    Messages {
        /// Which peer.
        from: NodeId,
        /// What it sent.
        messages: Vec<M>,
    },
    /// These tokens are durable.
    Persisted(Vec<Token>),
    /// These tokens are not, and never will be.
    PersistFailed(Vec<Token>),
    /// End the thread; what waits behind this is dropped.
    Stop,
}

/// The inbox of a process.
pub type Inbox<P> = Mailbox<InputOf<P>>;

/// One input of a process.
pub type InputOf<P> =
    Input<<P as Process>::Message, <P as Process>::Request, <P as Process>::Reply>;

/// One append for the journal thread: records by token, oldest first.
pub type Appends<D> = Vec<(Token, Vec<D>)>;

/// What a worker cannot do itself.
pub trait Hands<P: Process> {
    /// Moves everything at hand into `inputs`, which is empty; waits for the first, at most so long
    /// (`None`: for ever).
    fn take(
        &mut self,
        inbox: &Inbox<P>,
        inputs: &mut Vec<InputOf<P>>,
        wait: Option<Duration>,
    ) -> Taken;
    /// Appends and syncs; every token comes back as an input.
    fn persist(&mut self, appends: Appends<P::Record>);
    /// Makes durable what the engine holds now; the token comes back as an input.
    fn flush(&mut self, process: &mut P, token: Token);
    /// Gathers a message for a peer.
    fn send(&mut self, to: NodeId, message: P::Message);
    /// Hands over everything that was gathered.
    fn deliver(&mut self);
    /// Does what an enclosing process would.
    fn output(&mut self, output: P::Output);

    /// Everybody has the answers of the batch: what can wait for that is done now.
    fn answered(&mut self) {}
    /// Records the observations of a batch that began at `now`.
    fn notes(&mut self, now: Now, notes: Vec<P::Note>);
    /// A batch of so many inputs begins.
    fn batch(&mut self, inputs: usize);
    /// The process stopped for good.
    fn halted(&mut self, reason: HaltReason);
}

/// A process with everything that runs it.
pub struct Worker<P: Process, H> {
    process: P,
    hands: H,
    inbox: Arc<Inbox<P>>,
    clock: Clock,
    chaos: Arc<Chaos>,
    effects: EffectsOf<P>,
    timers: Timers,
    hold: Hold<EffectOf<P>>,
    /// Released effects of earlier batches; they leave before those of this batch.
    released: Vec<EffectOf<P>>,
    asked: HashMap<Ticket, Asker<P::Reply>>,
    tickets: u64,
    halted: bool,
}

impl<P: Process, H> std::fmt::Debug for Worker<P, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("asked", &self.asked.len()).finish_non_exhaustive()
    }
}

impl<P: Process, H: Hands<P>> Worker<P, H> {
    /// A worker that has not begun.
    #[must_use]
    pub fn new(
        process: P,
        hands: H,
        inbox: Arc<Inbox<P>>,
        clock: Clock,
        chaos: Arc<Chaos>,
    ) -> Worker<P, H> {
        Worker {
            process,
            hands,
            inbox,
            clock,
            chaos,
            effects: Effects::new(),
            timers: Timers::default(),
            hold: Hold::default(),
            released: Vec::new(),
            asked: HashMap::new(),
            tickets: 0,
            halted: false,
        }
    }

    /// Runs until it is stopped or the process halts; gives back the process.
    pub fn run(mut self) -> P {
        let mut now = self.now();
        self.process.handle(now, Event::Start, &mut self.effects);
        self.end_batch(now);
        let mut inputs = Vec::new();
        while !self.halted {
            // Handling the last batch took time too.
            let wait = self.timers.next().map(|at| at.since(self.clock.instant()));
            if self.hands.take(&self.inbox, &mut inputs, wait) == Taken::Closed {
                break;
            }
            now = self.now();
            self.hands.batch(inputs.len());
            let stop = self.run_batch(now, &mut inputs);
            self.end_batch(now);
            if stop {
                break;
            }
        }
        // Askers that are still waiting, here and in the inbox, learn it from their dropped ends.
        self.inbox.close();
        inputs.clear();
        self.inbox.take(&mut inputs, None);
        self.process
    }

    fn now(&self) -> Now {
        self.clock.now(self.chaos.skew_ms())
    }

    /// Runs the process over a batch; whether the worker is to stop.
    fn run_batch(&mut self, now: Now, inputs: &mut Vec<InputOf<P>>) -> bool {
        let mut stop = false;
        for input in inputs.drain(..) {
            match input {
                Input::Stop => stop = true,
                _ if stop => {}
                Input::Ask { request, answer } => {
                    let ticket = self.next_ticket();
                    self.asked.insert(ticket, answer);
                    self.tell(now, Event::Request { ticket, request });
                }
                Input::Tell(request) => {
                    let ticket = self.next_ticket();
                    self.tell(now, Event::Request { ticket, request });
                }
                Input::Messages { from, messages } => {
                    for message in messages {
                        self.tell(now, Event::Message { from, message });
                    }
                }
                Input::Persisted(tokens) => {
                    for token in tokens {
                        self.released.extend(self.hold.done(token));
                        self.tell(now, Event::Persisted(token));
                    }
                }
                Input::PersistFailed(tokens) => {
                    for token in tokens {
                        self.hold.failed(token);
                        self.tell(now, Event::PersistFailed(token));
                    }
                }
            }
        }
        self.fire(now.instant, now);
        stop
    }

    fn tell(&mut self, now: Now, event: Event<P::Message, P::Request>) {
        self.process.handle(now, event, &mut self.effects);
    }

    fn fire(&mut self, due: Instant, now: Now) {
        while let Some(timer) = self.timers.pop_due(due) {
            self.tell(now, Event::Timer(timer));
        }
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Ends a batch: sorts the effects by whose they are and carries them out.
    fn end_batch(&mut self, now: Now) {
        self.process.settle(now, &mut self.effects);
        let mut appends = Vec::new();
        let mut flushes = Vec::new();
        let mut sends = Vec::new();
        let mut replies = Vec::new();
        let mut notes = Vec::new();
        let mut halt = None;
        let released = std::mem::take(&mut self.released);
        for effect in released.into_iter().chain(self.effects.drain()) {
            let after = match &effect {
                Effect::Send { after, .. } | Effect::Reply { after, .. } => *after,
                _ => None,
            };
            let effect = match self.hold.admit(after, effect) {
                Verdict::Pass(effect) => effect,
                Verdict::Held => continue,
            };
            match effect {
                Effect::Send { to, message, .. } => sends.push((to, message)),
                Effect::Reply { ticket, reply, .. } => replies.push((ticket, reply)),
                Effect::Persist { token, records } => {
                    self.hold.issued(token);
                    appends.push((token, records));
                }
                Effect::Flush { token } => {
                    self.hold.issued(token);
                    flushes.push(token);
                }
                Effect::SetTimer { timer, at } => self.timers.set(timer, at),
                Effect::CancelTimer { timer } => self.timers.cancel(timer),
                Effect::Output(output) => self.hands.output(output),
                Effect::Note(note) => notes.push(note),
                Effect::Halt(reason) => {
                    halt = Some(reason);
                    break;
                }
            }
        }
        if !appends.is_empty() {
            self.hands.persist(appends);
        }
        for token in flushes {
            self.hands.flush(&mut self.process, token);
        }
        for (to, message) in sends {
            self.hands.send(to, message);
        }
        self.hands.deliver();
        // Before the answers: who has one finds its trace.
        if !notes.is_empty() {
            self.hands.notes(now, notes);
        }
        // Who is woken by the first of several answers, and runs at once, finds it alone.
        let answered = replies.into_iter().filter_map(|(ticket, reply)| {
            // A Tell has no asker.
            self.asked.remove(&ticket)?.put(reply)
        });
        let sleeping: Vec<_> = answered.collect();
        sleeping.iter().for_each(|sink| sink.wake());
        self.hands.answered();
        if let Some(reason) = halt {
            self.halted = true;
            self.hands.halted(reason);
        }
    }
}

#[cfg(test)]
mod tests;
