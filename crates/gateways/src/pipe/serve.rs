//! The two halves of a pipe.
//!
//! ```text
//!   socket ─▶ reader ─▶ Backend::post ─▶ … node … ─▶ outbox ─▶ writer ─▶ socket
//!                ▲                                               │
//!                └────────── at most CALLS_MAX under way ◀───────┘
//! ```
//!
//! The reader starts all calls that one read brought, the writer sends all answers that are there
//! when it gets its turn: the system calls and the wake-ups are shared. A client that does not
//! read its answers stops being read.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::BytesMut;
use client::pipe::{CALLS_MAX, Call};
use database::{Answer, Request};
use kernel::process::Sink;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, watch},
};
use vigil::Outcome;

use super::map;
use crate::{
    Backend, ambient,
    http::{Limits, Problem, Room, Tally, code::Code},
    measure::{Meters, Timed},
    slots::Slots,
};

/// Bytes of answers that leave in one write, about.
const WRITE: usize = 256 << 10;
/// A call of more bytes than this holds room for them while it arrives.
const SMALL: usize = 16 << 10;

/// What a pipe needs of the gateway that it was opened on.
pub struct Around<'a, B> {
    pub backend: &'a B,
    pub limits: &'a Limits,
    pub tally: &'a Tally,
    pub meters: &'a Meters,
    pub room: &'a Room,
}

/// Answers that wait to be written.
#[derive(Default)]
struct Outbox {
    state: Mutex<State>,
    /// Calls that were started and whose answers are not written.
    under_way: AtomicUsize,
    /// There is something to write.
    filled: Notify,
    /// Something was written.
    drained: Notify,
}

#[derive(Default)]
struct State {
    /// Calls that the node was asked, by the tag under which they were posted.
    asked: Slots<Asked>,
    answers: Vec<(u64, Answer)>,
    /// What the reader refused by itself, and its last word.
    refused: Vec<(Asked, Problem)>,
    /// No call will be started any more.
    last: bool,
}

/// A call that was started.
#[derive(Default)]
struct Asked {
    /// The client's number for it; 0 of the last word.
    number: u64,
    timed: Timed,
    /// Under which trace it is found, if under any.
    trace_id: u128,
}

impl State {
    /// Takes the answers of the node that wait to be written, with their calls.
    fn answered(&mut self) -> Vec<(Asked, Answer)> {
        let asked = &mut self.asked;
        let call = |(tag, answer)| Some((asked.remove(usize::try_from(tag).ok()?)?, answer));
        std::mem::take(&mut self.answers).into_iter().filter_map(call).collect()
    }
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, asked: Asked, problem: Problem) {
        self.state().refused.push((asked, problem));
        self.filled.notify_one();
    }

    fn end(&self) {
        self.state().last = true;
        self.filled.notify_one();
    }

    /// Waits until one more call may be started.
    async fn room(&self) {
        while self.under_way.load(Relaxed) >= CALLS_MAX {
            self.drained.notified().await;
        }
    }
}

impl Sink<Answer> for Outbox {
    fn put(&self, tag: u64, answer: Answer) -> bool {
        let mut state = self.state();
        state.answers.push((tag, answer));
        // Whoever takes the first takes all that have come by then.
        state.answers.len() == 1
    }

    fn wake(&self) {
        self.filled.notify_one();
    }
}

/// Serves a pipe until the client closes it, breaks a rule or the gateway stops; every call that
/// was started is answered first.
pub async fn run<B: Backend>(
    around: Around<'_, B>,
    stream: TcpStream,
    early: BytesMut,
    mut stopped: watch::Receiver<bool>,
) {
    let outbox = Arc::new(Outbox::default());
    let (read, write) = stream.into_split();
    let reading = async {
        let read = Reader { around: &around, outbox: &outbox, stream: read, buffer: early };
        tokio::select! {
            () = read.run() => {}
            _ = stopped.changed() => {}
        }
        outbox.end();
    };
    let writing = async {
        // A client that is gone is not worth being read either.
        let _ = writer(&around, &outbox, write).await;
    };
    tokio::pin!(reading);
    tokio::pin!(writing);
    tokio::select! {
        () = &mut reading => writing.await,
        () = &mut writing => {}
    }
}

struct Reader<'a, B> {
    around: &'a Around<'a, B>,
    outbox: &'a Arc<Outbox>,
    stream: OwnedReadHalf,
    buffer: BytesMut,
}

impl<B: Backend> Reader<'_, B> {
    async fn run(mut self) {
        loop {
            if let Err(problem) = self.start_all().await {
                return self.outbox.refuse(Asked::default(), problem);
            }
            match self.more().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(problem) => return self.outbox.refuse(Asked::default(), problem),
            }
        }
    }

    /// Starts every call that is whole.
    async fn start_all(&mut self) -> Result<(), Problem> {
        let (mut calls, now) = (Vec::new(), ambient::now());
        let ended = loop {
            let call = match Call::take(&mut self.buffer) {
                Ok(Some(call)) if call.number == 0 => {
                    break Err(Problem::new(Code::INVALID_REQUEST, "a call without a number"));
                }
                Ok(Some(call)) => call,
                Ok(None) => break Ok(()),
                Err(error) => break Err(Problem::new(Code::INVALID_BODY, error.to_string())),
            };
            self.outbox.under_way.fetch_add(1, Relaxed);
            let timed = self.around.meters.begin(map::operation(&call), now);
            let mut asked = Asked { number: call.number, timed, trace_id: 0 };
            match map::request(call, self.around.limits) {
                Ok(mut request) => {
                    asked.trace_id = name(self.around.backend, &mut request);
                    calls.push((asked, request));
                }
                Err(problem) => self.outbox.refuse(asked, problem),
            }
            if self.outbox.under_way.load(Relaxed) >= CALLS_MAX {
                self.post(&mut calls);
                self.outbox.room().await;
            }
        };
        self.post(&mut calls);
        ended
    }

    fn post(&self, calls: &mut Vec<(Asked, Request)>) {
        if calls.is_empty() {
            return;
        }
        let tagged = {
            let asked = &mut self.outbox.state().asked;
            calls.drain(..).map(|(call, request)| (asked.insert(call) as u64, request)).collect()
        };
        let sink: Arc<dyn Sink<Answer>> = Arc::<Outbox>::clone(self.outbox);
        self.around.backend.post(tagged, sink);
    }

    /// Reads at least one more byte, and the rest of a call that has begun; `false` at the end.
    async fn more(&mut self) -> Result<bool, Problem> {
        if self.buffer.is_empty() {
            return Ok(self.read().await.is_ok_and(|read| read > 0));
        }
        let patience = self.around.limits.body_timeout;
        match ambient::within(patience, self.rest()).await {
            Some(done) => done,
            None => Err(Problem::new(Code::REQUEST_TIMEOUT, "the call did not arrive in time")),
        }
    }

    async fn rest(&mut self) -> Result<bool, Problem> {
        let mut held = self.around.room.hold();
        let mut holding = false;
        loop {
            let announced = Call::announced(&self.buffer)
                .map_err(|error| Problem::new(Code::TOO_LARGE, error.to_string()))?;
            let wanted = announced.unwrap_or(0);
            if wanted > 0 && self.buffer.len() >= wanted {
                return Ok(true);
            }
            if wanted > SMALL && !holding {
                holding = true;
                if !held.grow(wanted) {
                    let text = "the bodies of all requests here hold as much as they may";
                    return Err(Problem::new(Code::OVERLOADED, text));
                }
                self.buffer.reserve(wanted - self.buffer.len());
            }
            match self.read().await {
                Ok(0) | Err(_) => return Ok(false),
                Ok(_) => {}
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(4 << 10);
        self.stream.read_buf(&mut self.buffer).await
    }
}

/// Names a call that came without a trace; the id of its trace.
fn name<B: Backend>(backend: &B, request: &mut Request) -> u128 {
    let Request::Call(call) = request else { return 0 };
    call.trace = backend.named(call.trace);
    call.trace.trace_id
}

async fn writer<B: Backend>(
    around: &Around<'_, B>,
    outbox: &Outbox,
    mut stream: OwnedWriteHalf,
) -> io::Result<()> {
    let http_of = |node| around.backend.http_of(node);
    let mut frames = Vec::new();
    loop {
        let (answers, refused, last) = {
            let mut state = outbox.state();
            (state.answered(), std::mem::take(&mut state.refused), state.last)
        };
        if answers.is_empty() && refused.is_empty() {
            if last && outbox.under_way.load(Relaxed) == 0 {
                return Ok(());
            }
            outbox.filled.notified().await;
            continue;
        }
        let ours = refused.into_iter().map(|(asked, problem)| {
            let answer = map::refused(asked.number, problem);
            (asked, answer)
        });
        let came = answers.into_iter().map(|(asked, came)| {
            let answer = map::answer(asked.number, came, &http_of);
            (asked, answer)
        });
        let (mut written, now) = (0, ambient::now());
        for (asked, (answer, status)) in came.chain(ours) {
            answer.traced(asked.trace_id).put(&mut frames);
            around.tally.response(status);
            asked.timed.end(Outcome::of_status(status), now);
            // A last word answers no call.
            written += usize::from(asked.number > 0);
            if frames.len() >= WRITE {
                send(&mut stream, &mut frames, around.limits).await?;
            }
        }
        send(&mut stream, &mut frames, around.limits).await?;
        outbox.under_way.fetch_sub(written, Relaxed);
        outbox.drained.notify_one();
    }
}

async fn send(
    stream: &mut OwnedWriteHalf,
    frames: &mut Vec<u8>,
    limits: &Limits,
) -> io::Result<()> {
    let sent = ambient::within(limits.write_timeout, stream.write_all(frames)).await;
    frames.clear();
    frames.shrink_to(WRITE);
    sent.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}
