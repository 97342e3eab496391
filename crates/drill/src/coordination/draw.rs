//! What the clients do, drawn from the seed before the run, so that it can be shrunk.

use kernel::{Duration, Rng};
use sim::Plan;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which client; each does one thing at a time.
    pub client: u64,
    /// How long it thinks before.
    pub pause: Duration,
    /// What it does. One that it cannot do yet is replaced by what has to come first.
    pub act: Act,
    /// Decides the details.
    pub pick: u64,
    /// Which node it asks first; moved on after every failure.
    pub node: u64,
    /// After an unknown outcome: ask for its fate instead of repeating the request.
    pub asks_fate: bool,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Set a key, in a third of all cases under a lease.
    Put,
    /// Remove a key, or all of them.
    Delete,
    /// Compare a key with what was seen of it last; set it, or read it.
    CompareAndSet,
    /// Set several keys and remove one, at one revision.
    Several,
    /// Read keys, linearizable.
    Range,
    /// Read keys at any replica.
    RangeAnywhere,
    /// Read keys as they were.
    Past,
    /// Forget history.
    Compact,
    /// Make a lease, and put a key under it.
    Grant,
    /// Keep all leases alive.
    KeepAlive,
    /// End a lease.
    Revoke,
    /// Ask what a lease has left.
    TimeToLive,
    /// Queue for a lock, or see whether it is held by now.
    Lock,
    /// Give a lock up.
    Unlock,
    /// Write what the lock guards.
    Guarded,
    /// Stand for election, or see whether it is won by now.
    Campaign,
    /// Say something else.
    Proclaim,
    /// Give a candidacy up.
    Resign,
    /// Ask who leads.
    Leader,
    /// Make a key with a number.
    Number,
    /// Queue for permits, or see whether they are held by now.
    Acquire,
    /// Give permits back.
    Release,
    /// Ask who holds permits.
    Semaphore,
    /// Put a barrier up, under a lease or not.
    Raise,
    /// Take it away.
    Lift,
    /// Ask whether it is up.
    Barrier,
    /// Join those who wait for each other, or see whether all are there by now.
    Enter,
    /// Leave them.
    Leave,
    /// Register an instance of a service.
    Register,
    /// Say how it is.
    Report,
    /// Ask which instances there are.
    Instances,
    /// Read all keys: the last thing that every client does.
    All,
}

/// How many clients there are.
const CLIENTS: u64 = 5;
/// A keeper keeps its lease alive this often.
const KEEP: Duration = Duration::from_millis(600);

/// The operations of a run.
#[must_use]
pub fn draw(plan: &Plan) -> Vec<Operation> {
    if !super::carries(plan.seed) {
        return Vec::new();
    }
    let rng = Rng::new(plan.seed).fork("coordination");
    let span = plan.options.safety;
    let mut all = Vec::new();
    for client in 0..CLIENTS {
        let mut rng = rng.fork(&format!("client {client}"));
        // The first does little but keep its leases.
        let mean = if client == 0 { KEEP } else { Duration::from_millis(220) };
        let mut home = rng.range(1, plan.options.nodes);
        let mut at = Duration::ZERO;
        while at < span {
            if rng.chance(0.2) {
                home = rng.range(1, plan.options.nodes);
            }
            // A client that is stopped for longer than any lease does not know it.
            let stopped = client > 0 && rng.chance(0.015);
            let pause = match stopped {
                true => rng.duration(Duration::from_secs(2), Duration::from_secs(7)),
                false => rng.duration(Duration::ZERO, mean * 2),
            };
            at += pause;
            let act = match client {
                0 => keeper(&mut rng),
                _ if stopped => Act::Guarded,
                _ => act(&mut rng),
            };
            let (pick, asks_fate) = (rng.bits(), rng.chance(0.3));
            all.push(Operation { client, pause, act, pick, node: home, asks_fate });
        }
        let (pause, pick) = (Duration::ZERO, rng.bits());
        let last = Operation { client, pause, act: Act::All, pick, node: home, asks_fate: false };
        all.push(last);
    }
    all
}

fn keeper(rng: &mut Rng) -> Act {
    match rng.below(100) {
        0..85 => Act::KeepAlive,
        85..95 => Act::TimeToLive,
        _ => Act::Grant,
    }
}

/// A third of what most clients do are recipes.
fn act(rng: &mut Rng) -> Act {
    if rng.below(3) == 0 {
        return recipe(rng);
    }
    match rng.below(100) {
        0..14 => Act::Put,
        14..17 => Act::Delete,
        17..25 => Act::CompareAndSet,
        25..30 => Act::Several,
        30..36 => Act::Range,
        36..40 => Act::RangeAnywhere,
        40..44 => Act::Past,
        44..46 => Act::Compact,
        46..49 => Act::Grant,
        49..61 => Act::KeepAlive,
        61..63 => Act::Revoke,
        63..66 => Act::TimeToLive,
        66..74 => Act::Lock,
        74..77 => Act::Unlock,
        77..85 => Act::Guarded,
        85..91 => Act::Campaign,
        91..94 => Act::Proclaim,
        94..96 => Act::Resign,
        _ => Act::Leader,
    }
}

fn recipe(rng: &mut Rng) -> Act {
    match rng.below(100) {
        0..12 => Act::Number,
        12..30 => Act::Acquire,
        30..40 => Act::Release,
        40..46 => Act::Semaphore,
        46..54 => Act::Raise,
        54..60 => Act::Lift,
        60..70 => Act::Barrier,
        70..80 => Act::Enter,
        80..85 => Act::Leave,
        85..92 => Act::Register,
        92..95 => Act::Report,
        _ => Act::Instances,
    }
}
