use std::sync::Mutex;

use kernel::{Duration, TimerId};

use super::*;
use tokio::sync::oneshot;

use crate::ambient;

/// Does what its requests say and remembers what it was told.
struct Script {
    log: Arc<Mutex<Vec<String>>>,
    /// Handled since the last settle.
    batch: usize,
}

type Fx = Effect<&'static str, &'static str, &'static str, &'static str, &'static str>;

impl Process for Script {
    type Message = &'static str;
    type Request = Vec<Fx>;
    type Reply = &'static str;
    type Record = &'static str;
    type Output = &'static str;
    type Note = &'static str;

    fn handle(&mut self, _: Now, event: Event<&'static str, Vec<Fx>>, out: &mut EffectsOf<Self>) {
        self.batch += 1;
        let line = match event {
            Event::Request { ticket, request } => {
                for effect in request {
                    // A script cannot know its ticket: zero stands for its own.
                    out.push(match effect {
                        Effect::Reply { ticket: Ticket(0), reply, after } => {
                            Effect::Reply { ticket, reply, after }
                        }
                        other => other,
                    });
                }
                "request".to_owned()
            }
            Event::Message { from, message } => format!("{from} says {message}"),
            other => format!("{other:?}"),
        };
        self.log.lock().unwrap().push(line);
    }

    fn settle(&mut self, _: Now, _: &mut EffectsOf<Self>) {
        let handled = std::mem::take(&mut self.batch);
        self.log.lock().unwrap().push(format!("settle {handled}"));
    }
}

/// Writes down what it is to do, in order.
struct Tape {
    log: Arc<Mutex<Vec<String>>>,
}

impl Tape {
    fn line(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }
}

impl Hands<Script> for Tape {
    fn take(
        &mut self,
        inbox: &Inbox<Script>,
        inputs: &mut Vec<InputOf<Script>>,
        wait: Option<Duration>,
    ) -> Taken {
        inbox.take(inputs, wait)
    }
    fn persist(&mut self, appends: Appends<&'static str>) {
        let text: Vec<_> =
            appends.iter().map(|(t, records)| format!("{}={records:?}", t.0)).collect();
        self.line(format!("append {}", text.join(" ")));
    }
    fn flush(&mut self, _: &mut Script, token: Token) {
        self.line(format!("flush {}", token.0));
    }
    fn send(&mut self, to: NodeId, message: &'static str) {
        self.line(format!("send {to} {message}"));
    }
    fn deliver(&mut self) {}
    fn output(&mut self, output: &'static str) {
        self.line(format!("output {output}"));
    }
    fn notes(&mut self, _: Now, notes: Vec<&'static str>) {
        notes.iter().for_each(|note| self.line(format!("note {note}")));
    }
    fn batch(&mut self, _: usize) {}
    fn halted(&mut self, reason: HaltReason) {
        self.line(format!("halted {}", reason.code));
    }
}

struct Bench {
    log: Arc<Mutex<Vec<String>>>,
    inbox: Arc<Inbox<Script>>,
}

impl Bench {
    fn new() -> Bench {
        Bench { log: Arc::default(), inbox: Arc::new(Mailbox::new(u64::MAX)) }
    }

    fn push(&self, input: InputOf<Script>) {
        assert!(self.inbox.push(input).is_ok());
    }

    fn worker(&self) -> Worker<Script, Tape> {
        let process = Script { log: Arc::clone(&self.log), batch: 0 };
        let hands = Tape { log: Arc::clone(&self.log) };
        Worker::new(process, hands, Arc::clone(&self.inbox), Clock::start(), Arc::default())
    }

    /// Runs what is in the inbox as one batch, and gives what was logged since.
    fn one_batch(&self, worker: &mut Worker<Script, Tape>) -> Vec<String> {
        self.log.lock().unwrap().clear();
        let mut inputs = Vec::new();
        self.inbox.take(&mut inputs, Some(Duration::ZERO));
        let now = worker.now();
        worker.run_batch(now, &mut inputs);
        worker.end_batch(now);
        self.log.lock().unwrap().clone()
    }
}

fn persist(token: u64, record: &'static str) -> Fx {
    Effect::Persist { token: Token(token), records: vec![record] }
}

fn send(message: &'static str, after: Option<u64>) -> Fx {
    Effect::Send { to: NodeId(2), message, after: after.map(Token) }
}

fn reply(reply: &'static str, after: Option<u64>) -> Fx {
    Effect::Reply { ticket: Ticket(0), reply, after: after.map(Token) }
}

#[test]
fn a_batch_is_one_append_then_sends_then_replies() {
    let bench = Bench::new();
    let mut worker = bench.worker();
    let (answer, mut told) = oneshot::channel();
    let first = vec![reply("done", None), send("early", None), persist(1, "a")];
    bench.push(Input::Ask { request: first, answer: Asker::One(answer) });
    bench.push(Input::Tell(vec![persist(2, "b"), Effect::Flush { token: Token(3) }]));
    bench.push(Input::Messages { from: NodeId(3), messages: vec!["x", "y"] });
    assert_eq!(
        bench.one_batch(&mut worker),
        [
            "request",
            "request",
            "n3 says x",
            "n3 says y",
            "settle 4",
            "append 1=[\"a\"] 2=[\"b\"]",
            "flush 3",
            "send n2 early"
        ]
    );
    assert_eq!(told.try_recv(), Ok("done"));
}

#[test]
fn nothing_leaves_before_its_token_is_durable() {
    let bench = Bench::new();
    let mut worker = bench.worker();
    let (answer, mut told) = oneshot::channel();
    let effects = vec![
        persist(1, "a"),
        persist(2, "b"),
        send("first", Some(1)),
        reply("done", Some(2)),
        send("second", Some(2)),
        send("third", Some(1)),
        send("free", None),
    ];
    bench.push(Input::Ask { request: effects, answer: Asker::One(answer) });
    let log = bench.one_batch(&mut worker);
    assert_eq!(log[2..], ["append 1=[\"a\"] 2=[\"b\"]", "send n2 free"]);
    bench.push(Input::Persisted(vec![Token(1)]));
    let log = bench.one_batch(&mut worker);
    assert_eq!(log[2..], ["send n2 first", "send n2 third"]);
    assert!(told.try_recv().is_err(), "the reply waits for the second token");
    bench.push(Input::Persisted(vec![Token(2)]));
    bench.push(Input::Tell(vec![send("later", Some(2))]));
    let log = bench.one_batch(&mut worker);
    assert_eq!(log[3..], ["send n2 second", "send n2 later"]);
    assert_eq!(told.try_recv(), Ok("done"));
}

#[test]
fn a_failed_token_takes_what_rests_on_it_along() {
    let bench = Bench::new();
    let mut worker = bench.worker();
    bench.push(Input::Tell(vec![persist(1, "a"), send("never", Some(1))]));
    bench.one_batch(&mut worker);
    bench.push(Input::PersistFailed(vec![Token(1)]));
    assert_eq!(bench.one_batch(&mut worker), ["PersistFailed(Token(1))", "settle 1"]);
}

#[test]
fn after_a_halt_there_is_silence() {
    let bench = Bench::new();
    let reason = HaltReason { code: "test", text: String::new() };
    let (answer, mut told) = oneshot::channel();
    let effects = vec![send("before", None), Effect::Halt(reason), send("after", None)];
    bench.push(Input::Ask { request: effects, answer: Asker::One(answer) });
    bench.worker().run();
    let log = bench.log.lock().unwrap().clone();
    assert_eq!(log, ["Start", "settle 1", "request", "settle 1", "send n2 before", "halted test"]);
    assert!(told.try_recv().is_err(), "who waits learns that no answer comes");
    assert!(bench.inbox.push(Input::Stop).is_err());
}

#[test]
fn timers_fire_without_any_input() {
    let bench = Bench::new();
    let worker = bench.worker();
    let soon = worker.now().instant + Duration::from_millis(5);
    bench.push(Input::Tell(vec![Effect::SetTimer { timer: TimerId(4), at: soon }]));
    let thread = ambient::spawn("worker", move || drop(worker.run())).unwrap();
    let deadline = Clock::start();
    let fired = || bench.log.lock().unwrap().iter().any(|line| line == "Timer(TimerId(4))");
    while !fired() && deadline.instant().since(Instant::ZERO) < Duration::from_secs(3610) {
        std::thread::yield_now();
    }
    assert!(fired());
    bench.push(Input::Stop);
    thread.join().unwrap();
}
