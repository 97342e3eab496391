//! Random executions of one atomic object by a few clients, and lies about them.

use kernel::Rng;
use serde_json::{Value as Json, json};

use crate::history::{Event, Kind, Verb};

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// Every value is written once.
    UniqueRegister,
    /// Three values, deletes, compare-and-set.
    Register,
    /// The same, and every answer carries its version.
    VersionedRegister,
    /// Additions of a few amounts, also negative ones.
    Counter,
    /// Additions that return the total.
    CounterTotal,
    /// Adds and reads of a set.
    Set,
    /// Appends and reads of a list.
    List,
}

const CLIENTS: usize = 4;

/// The atomic object.
#[derive(Default)]
struct Object {
    value: Json,
    elements: Vec<Json>,
    total: i64,
    version: u64,
    fresh: i64,
}

/// An operation under way: invoked, perhaps applied.
struct Running {
    event: Event,
    applied: Option<Result<Event, ()>>,
}

/// Events of a random execution of so many operations. With `lie`, one answer is replaced by another plausible one.
pub(super) fn generate(workload: Workload, ops: u64, lie: bool, rng: &mut Rng) -> Vec<Event> {
    let mut object = Object::default();
    let mut running: Vec<Option<Running>> = (0..CLIENTS).map(|_| None).collect();
    let mut names: Vec<u64> = (0..CLIENTS as u64).collect();
    let mut events = Vec::new();
    let mut left = ops;
    while left > 0 || running.iter().any(Option::is_some) {
        let client = rng.below(CLIENTS as u64) as usize;
        match running[client].take() {
            None if left > 0 => {
                left -= 1;
                let event = invocation(workload, names[client], &mut object, rng);
                events.push(event.clone());
                running[client] = Some(Running { event, applied: None });
            }
            None => {}
            // The answer is lost, before or after it took effect; the client gets a new name.
            Some(Running { event, .. }) if rng.chance(0.08) => {
                names[client] += CLIENTS as u64;
                if rng.chance(0.5) {
                    events.push(Event { kind: Kind::Info, ..event });
                }
            }
            Some(Running { event, applied: None }) => {
                let applied = Some(apply(workload, &event, &mut object, rng));
                running[client] = Some(Running { event, applied });
            }
            Some(Running { event, applied: Some(answer) }) => {
                events.push(answer.unwrap_or(Event { kind: Kind::Fail, ..event }));
            }
        }
    }
    if lie {
        tell_a_lie(workload, &mut events, rng);
    }
    events
}

fn invocation(workload: Workload, process: u64, object: &mut Object, rng: &mut Rng) -> Event {
    let event = |verb| Event::new(process, Kind::Invoke, verb);
    object.fresh += 1;
    let fresh = object.fresh;
    let few = |rng: &mut Rng| rng.range(1, 3) as i64;
    let update = rng.chance(0.55);
    match workload {
        _ if !update => event(Verb::Read),
        Workload::UniqueRegister if rng.chance(0.3) => {
            event(Verb::Cas).value(json!([object.value, fresh]))
        }
        Workload::UniqueRegister => event(Verb::Write).value(fresh),
        Workload::Register | Workload::VersionedRegister => match rng.below(5) {
            0 => event(Verb::Delete),
            1 | 2 => event(Verb::Cas).value(json!([few(rng), few(rng)])),
            _ => event(Verb::Write).value(few(rng)),
        },
        Workload::Counter => event(Verb::Add).value([1, 1, 2, -1][rng.below(4) as usize]),
        Workload::CounterTotal => event(Verb::Add).value(few(rng)),
        Workload::Set => event(Verb::Add).value(fresh),
        Workload::List => event(Verb::Append).value(fresh),
    }
}

/// Takes effect; the error is a refusal without effect.
fn apply(
    workload: Workload,
    event: &Event,
    object: &mut Object,
    rng: &mut Rng,
) -> Result<Event, ()> {
    let mut answer = Event { kind: Kind::Ok, ..event.clone() };
    let verb = event.f.unwrap();
    if verb != Verb::Read && rng.chance(0.05) {
        return Err(());
    }
    match verb {
        Verb::Read => answer.value = object.read(workload),
        Verb::Write => object.value = event.value.clone(),
        Verb::Delete => object.value = Json::Null,
        Verb::Cas if event.value[0] != object.value => return Err(()),
        Verb::Cas => object.value = event.value[1].clone(),
        Verb::Add if workload == Workload::Set => object.elements.push(event.value.clone()),
        Verb::Add => {
            object.total += event.value.as_i64().unwrap();
            let returns = workload == Workload::CounterTotal && rng.chance(0.8);
            answer.total = returns.then_some(object.total);
        }
        _ => object.elements.push(event.value.clone()),
    }
    object.version += u64::from(verb != Verb::Read);
    if workload == Workload::VersionedRegister {
        answer.version = Some(object.version.into());
    }
    Ok(answer)
}

impl Object {
    fn read(&self, workload: Workload) -> Json {
        match workload {
            Workload::Counter | Workload::CounterTotal => self.total.into(),
            Workload::Set | Workload::List => self.elements.clone().into(),
            _ => self.value.clone(),
        }
    }
}

/// Replaces what one successful operation returned, or turns a failure into a success.
fn tell_a_lie(workload: Workload, events: &mut [Event], rng: &mut Rng) {
    let mut order: Vec<usize> = (0..events.len()).collect();
    rng.shuffle(&mut order);
    // What other reads returned is the most plausible lie.
    let seen: Vec<Json> = events
        .iter()
        .filter(|e| e.kind == Kind::Ok && e.f == Some(Verb::Read))
        .map(|e| e.value.clone())
        .collect();
    for at in order {
        let event = &mut events[at];
        match (event.kind, event.f.unwrap()) {
            (Kind::Ok, Verb::Read) => {
                event.value = match (workload, rng.below(3)) {
                    (_, 0) => rng.pick(&seen).cloned().unwrap_or_default(),
                    (Workload::Set | Workload::List, _) => shorten(&event.value, rng),
                    (Workload::Counter | Workload::CounterTotal, _) => {
                        json!(event.value.as_i64().unwrap() + rng.range(0, 2) as i64 - 1)
                    }
                    _ => json!(rng.range(1, 4)),
                };
            }
            (Kind::Ok, _) if event.total.is_some() => {
                event.total = event.total.map(|total| total + rng.range(0, 2) as i64 - 1);
            }
            (Kind::Fail, Verb::Cas) => event.kind = Kind::Ok,
            _ => continue,
        }
        return;
    }
}

/// Loses one element, or swaps two.
fn shorten(value: &Json, rng: &mut Rng) -> Json {
    let mut elements = value.as_array().cloned().unwrap_or_default();
    if elements.len() > 1 && rng.chance(0.3) {
        elements.swap(0, 1);
    } else if !elements.is_empty() {
        elements.remove(rng.below(elements.len() as u64) as usize);
    }
    elements.into()
}
