//! Histories of a keyspace that is really one copy: none is accused. One false answer: it is found.

use kernel::Rng;

use super::answer::{Done, Found};
use super::ask::{Compare, Operand, Put, Range, Relation, Step, Txn};
use super::state::State;
use super::{Answer, Ask, Change, Keys, Page, Watch};
use crate::history::{Event, History, Kind, Verb};
use crate::{Options, Verdict, check};

/// A keyspace that nothing ever happens to but what is asked.
#[derive(Default)]
struct Keyspace {
    state: State,
    revision: i64,
    log: Vec<Vec<Change>>,
    past: Vec<State>,
}

impl Keyspace {
    fn new() -> Keyspace {
        Keyspace { revision: 1, past: vec![State::default()], ..Keyspace::default() }
    }

    fn carry_out(&mut self, ask: &Ask) -> Answer {
        let now = self.revision;
        match ask {
            Ask::Range(range) => {
                let at = if range.revision > 0 { range.revision } else { now };
                let kvs = self.past[at as usize - 1].select(&range.keys);
                let kvs: Vec<_> = kvs.into_iter().cloned().collect();
                let count = kvs.len() as i64;
                return Answer::Range(Found { revision: now, kvs, count });
            }
            Ask::Watch(watch) => {
                let (from, to) = (watch.from.0.max(2), (watch.from.0 + 3).min(now + 1));
                let events = (from..to).flat_map(|r| self.log[r as usize - 2].clone());
                let (events, next) = (events.collect(), (to.max(watch.from.0), 0));
                return Answer::Watch(Page { revision: now, events, next, compacted: 0 });
            }
            _ => {}
        }
        let mut state = self.state.clone();
        match state.carry_out(ask, now + 1, true) {
            Some((changes, answer)) if !changes.is_empty() => {
                (self.state, self.revision) = (state.clone(), now + 1);
                self.log.push(changes);
                self.past.push(state);
                answer
            }
            Some((_, answer)) => at(answer, now),
            None => Answer::Done(Done { revision: now, prev: None }),
        }
    }
}

/// The answer of what changed nothing.
fn at(answer: Answer, now: i64) -> Answer {
    match answer {
        Answer::Delete(mut done) => {
            done.revision = now;
            Answer::Delete(done)
        }
        Answer::Txn(mut done) => {
            done.revision = now;
            Answer::Txn(done)
        }
        other => other,
    }
}

fn ask(rng: &mut Rng, name: usize, keyspace: &Keyspace, cursor: &mut i64) -> Ask {
    let key = format!("k{}", rng.below(3));
    let put = |key: &str| Put { key: key.into(), value: name.to_string(), ..Put::default() };
    match rng.below(10) {
        0..4 => Ask::Put(put(&key)),
        4 => Ask::Delete(Keys::one(key)),
        5 => {
            let to = Operand::Version(rng.below(3) as i64);
            Ask::Txn(Txn {
                compare: vec![Compare { key: key.clone(), holds: Relation::Greater, to }],
                success: vec![Step::Put(put("x")), Step::Delete(Keys::one(key.clone()))],
                failure: vec![Step::Range(Keys::all())],
            })
        }
        6 => Ask::Range(Range { keys: Keys::one(key), revision: 0, limit: 0 }),
        7 => {
            let revision = rng.range(1, keyspace.revision as u64) as i64;
            Ask::Range(Range { keys: Keys::all(), revision, limit: 0 })
        }
        _ => {
            let from = (*cursor, 0);
            *cursor = (*cursor + 3).min(keyspace.revision + 1);
            Ask::Watch(Watch { watcher: 0, keys: Keys::all(), from })
        }
    }
}

/// Makes an answer false, if it can and will.
type Lie = fn(&mut Answer, &mut Rng) -> bool;

/// Operations of three clients that overlap, some of unknown outcome; at the end a watcher reads on.
fn history(seed: u64, length: usize, mut lie: Option<Lie>) -> History {
    let mut rng = Rng::new(seed);
    let (mut keyspace, mut cursor) = (Keyspace::new(), 1);
    let mut events: Vec<(u64, Event)> = Vec::new();
    let mut free = [0u64; 4];
    let (mut now, mut name) = (0, 0);
    while name < length || cursor <= keyspace.revision {
        let process = if name < length { rng.below(3) as usize } else { 3 };
        now += rng.range(1, 20);
        let start = free[process].max(now.saturating_sub(rng.range(1, 40))) + 1;
        now = now.max(start);
        let ask = match name < length {
            true => ask(&mut rng, name, &keyspace, &mut cursor),
            false => loop {
                let last = ask(&mut rng, name, &keyspace, &mut cursor);
                if matches!(last, Ask::Watch(_)) {
                    break last;
                }
            },
        };
        let watches = matches!(ask, Ask::Watch(_));
        let unknown = !watches && rng.chance(0.05);
        let mut answer = match unknown && rng.chance(0.5) {
            true => Answer::Done(Done::default()),
            false => keyspace.carry_out(&ask),
        };
        if !unknown && lie.is_some_and(|lie| lie(&mut answer, &mut rng)) {
            lie = None;
        }
        let end = now + rng.range(1, 40);
        let who = if unknown { 10 + name as u64 } else { process as u64 };
        let event = |kind, at: u64, value| {
            let event = Event::new(who, kind, Verb::Etcd).key("etcd").value(value);
            (at, event.at(at as i64))
        };
        let asked = serde_json::to_value(&ask).unwrap();
        events.push(event(Kind::Invoke, start, asked));
        if !unknown {
            events.push(event(Kind::Ok, end, serde_json::to_value(&answer).unwrap()));
            free[process] = end;
        }
        name += 1;
    }
    assert!(lie.is_none(), "seed {seed}: no lie was told");
    events.sort_by_key(|(at, _)| *at);
    History::from_events(events.into_iter().map(|(_, event)| event)).unwrap()
}

fn verdict(history: &History) -> Verdict {
    check(history, &Options::default()).verdict
}

#[test]
fn one_copy_is_never_accused() {
    for seed in 0..300 {
        let history = history(seed, 60, None);
        let report = check(&history, &Options::default());
        assert_eq!(report.verdict, Verdict::Valid, "seed {seed}: {report}");
    }
}

#[test]
fn a_false_answer_is_found() {
    let lies: [Lie; 4] = [
        // A read shows another value.
        |answer, rng| match answer {
            Answer::Range(found) if !found.kvs.is_empty() && rng.chance(0.5) => {
                found.kvs[0].value.push('!');
                true
            }
            _ => false,
        },
        // A read leaves a key out.
        |answer, rng| match answer {
            Answer::Range(found) if !found.kvs.is_empty() && rng.chance(0.5) => {
                found.kvs.pop();
                true
            }
            _ => false,
        },
        // A watcher misses a revision.
        |answer, rng| match answer {
            Answer::Watch(page) if !page.events.is_empty() && rng.chance(0.5) => {
                page.events.pop();
                true
            }
            _ => false,
        },
        // A put is said to have been the one before.
        |answer, rng| match answer {
            Answer::Put(done) if done.revision > 3 && rng.chance(0.5) => {
                done.revision -= 1;
                true
            }
            _ => false,
        },
    ];
    for (name, lie) in lies.into_iter().enumerate() {
        for seed in 0..60 {
            let history = history(seed, 150, Some(lie));
            assert_eq!(verdict(&history), Verdict::Invalid, "lie {name}, seed {seed}");
        }
    }
}

#[test]
fn long_histories_are_judged_in_no_time() {
    let history = history(1, 5_000, None);
    assert_eq!(verdict(&history), Verdict::Valid);
}
