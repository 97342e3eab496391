//! ERR-18: a client that reads from replicas, by three ways of choosing what it accepts; the judge
//! of the product says which guarantee of sessions each way gives.

use check::{
    Anomaly, Model, Options,
    history::{Event, History, Kind, Verb},
};
use kernel::Rng;
use sim::report::document::Block;

use super::Found;

const SESSIONS: u64 = 1_000;
const STEPS: u64 = 20;
/// The replica that a client sticks to fails once in so many steps.
const FAILS: u64 = 10;

/// How a client reads.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// From one replica, until that fails.
    Sticky,
    /// From any that has what was *read* before.
    Monotonic,
    /// From any that has what was read *or written* before: the session token of the product.
    Token,
}

const WAYS: [(Way, &str, &str); 3] = [
    (Way::Sticky, "sticky", "one replica until it fails"),
    (Way::Monotonic, "monotonic", "any that has what the session has read"),
    (Way::Token, "token", "any that has what the session has read or written"),
];

/// What one session did and saw: writes go to the leader, reads to followers that lag.
fn session(rng: &mut Rng, way: Way) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut written, mut has, mut home) = (0u64, [0u64; 2], 0usize);
    let (mut read, mut own) = (0u64, 0u64);
    for step in 0..STEPS {
        for place in &mut has {
            *place = (*place + rng.below(2)).min(written);
        }
        let at = step as i64 * 10;
        let event = |kind, f: Verb| Event::new(1, kind, f).key("x");
        // Every other write is another session's: this one may read it.
        match rng.below(4) {
            0 => {
                written += 1;
                own = written;
                events.push(event(Kind::Invoke, Verb::Write).value(written).at(at));
                events.push(event(Kind::Ok, Verb::Write).value(written).at(at + 5));
            }
            1 => {
                written += 1;
                let other = |kind| Event::new(2, kind, Verb::Write).key("x").value(written);
                events.push(other(Kind::Invoke).at(at));
                events.push(other(Kind::Ok).at(at + 5));
            }
            _ => {
                if rng.below(FAILS) == 0 {
                    home = 1 - home;
                }
                let from = if way == Way::Sticky { home } else { rng.below(2) as usize };
                let least = match way {
                    Way::Sticky => 0,
                    Way::Monotonic => read,
                    Way::Token => read.max(own),
                };
                // The replica waits until it has what the session asks for.
                has[from] = has[from].max(least);
                read = has[from];
                let seen = (read > 0).then_some(read);
                events.push(event(Kind::Invoke, Verb::Read).at(at));
                events.push(event(Kind::Ok, Verb::Read).value(seen).at(at + 5));
            }
        }
    }
    events
}

/// Whether the judge found an anomaly in a session.
fn broken(events: Vec<Event>) -> [bool; 2] {
    let Ok(history) = History::from_events(events) else { return [true; 2] };
    let report = check::check(&history, &Options { model: Model::Session, ..Options::default() });
    let found = |anomaly: Anomaly| {
        let mut findings = report.judgements.iter().flat_map(|judgement| &judgement.findings);
        findings.any(|finding| finding.first.anomaly == anomaly)
    };
    [found(Anomaly::NonMonotonicRead), found(Anomaly::OwnWriteNotSeen)]
}

pub fn run(seed: u64) -> Found {
    let mut found = Found::default();
    let mut rows = Vec::new();
    for (way, name, says) in WAYS {
        let mut rng = Rng::new(seed).fork("sessions");
        let mut count = [0u64; 2];
        for _ in 0..SESSIONS {
            let anomalies = broken(session(&mut rng, way));
            count.iter_mut().zip(anomalies).for_each(|(count, any)| *count += u64::from(any));
        }
        found.measures.set(format!("{name}.went_back"), count[0] as f64);
        found.measures.set(format!("{name}.own_write_missed"), count[1] as f64);
        rows.push(vec![says.to_owned(), count[0].to_string(), count[1].to_string()]);
    }
    found.measures.set("sessions", SESSIONS as f64);
    let head = ["reads from", "sessions that read backwards", "that missed an own write"];
    found.blocks.push(Block::Heading("A thousand sessions each".into()));
    found.blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_of_both_gives_both() {
        let measures = run(1).measures;
        let get = |name: &str| measures.get(name).unwrap();
        assert!(get("sticky.went_back") > 0.0 && get("sticky.own_write_missed") > 0.0);
        assert!(get("monotonic.went_back") == 0.0 && get("monotonic.own_write_missed") > 0.0);
        assert!(get("token.went_back") == 0.0 && get("token.own_write_missed") == 0.0);
    }
}
