//! What the clients do, drawn from the seed before the run, so that it can be shrunk.

use kernel::{Duration, Rng};

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which client; each does one thing at a time.
    pub client: u64,
    /// How long it thinks before.
    pub pause: Duration,
    /// What it does.
    pub act: Act,
    /// Which key, counter or set.
    pub key: u64,
    /// Which node it asks first; moved on after every failure.
    pub node: u64,
    /// How much longer than its name a written value is, in bytes.
    pub padding: usize,
    /// After an unknown outcome: ask for its fate instead of repeating the request.
    pub asks_fate: bool,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Read a register, linearizable.
    Read,
    /// Read a register from any replica, in the client's session.
    ReadSession,
    /// Set a register to a value never used before.
    Write,
    /// Set a register that expires soon.
    WriteShortLived,
    /// Remove a register.
    Delete,
    /// Set a register if it still has the version that the client saw last.
    CompareAndSet,
    /// Add to a counter.
    Add,
    /// Read a counter.
    Total,
    /// Put a new element into a set (keys under a prefix, in one batch with a marker).
    Insert,
    /// Scan a set.
    Elements,
}

/// How many keys of each kind; few, so that clients meet.
pub const KEYS: u64 = 3;

/// The operations of a run.
#[must_use]
pub fn draw(seed: u64, clients: u64, each: u64, nodes: u64, span: Duration) -> Vec<Operation> {
    let rng = Rng::new(seed).fork("workload");
    let mean = span / u32::try_from(each.max(1)).unwrap_or(u32::MAX);
    let mut all = Vec::new();
    for client in 0..clients {
        let mut rng = rng.fork(&format!("client {client}"));
        let mut home = rng.range(1, nodes);
        let mut mine: Vec<Operation> = Vec::new();
        while (mine.len() as u64) < each {
            if rng.chance(0.2) {
                home = rng.range(1, nodes);
            }
            let next = Operation {
                client,
                pause: rng.duration(Duration::ZERO, mean * 2),
                act: act(&mut rng),
                key: rng.below(KEYS),
                node: home,
                padding: if rng.chance(0.3) { rng.range(400, 4_000) as usize } else { 0 },
                asks_fate: rng.chance(0.3),
            };
            let follow_up = next.act == Act::Write && rng.chance(0.5);
            mine.push(next.clone());
            if follow_up {
                mine.push(elsewhere(next, &mut rng, nodes));
            }
        }
        all.extend(mine);
    }
    all
}

/// The client looks at once, through another node, for what it has just written.
fn elsewhere(written: Operation, rng: &mut Rng, nodes: u64) -> Operation {
    let pause = rng.duration(Duration::ZERO, Duration::from_millis(2));
    Operation { pause, act: Act::ReadSession, node: rng.range(1, nodes), ..written }
}

fn act(rng: &mut Rng) -> Act {
    match rng.below(100) {
        0..20 => Act::Read,
        20..32 => Act::ReadSession,
        32..52 => Act::Write,
        52..54 => Act::WriteShortLived,
        54..58 => Act::Delete,
        58..68 => Act::CompareAndSet,
        68..78 => Act::Add,
        78..86 => Act::Total,
        86..93 => Act::Insert,
        _ => Act::Elements,
    }
}
