//! Recipes over the state of a keyspace: what they change, what they show, which keys they touch.

use super::super::state::{Draft, State};
use super::super::{Keys, Kv, Put, place};
use super::{Acquire, Create, Instance, Recipe, What};

const SEMAPHORES: &str = "quorate/semaphores/";
const BARRIERS: &str = "quorate/barriers/";
const GATHERINGS: &str = "quorate/double-barriers/";
const SERVICES: &str = "quorate/services/";
const HEALTH: &str = "quorate/health/";

/// What stands for the number of a key that nobody was told.
const SOME_NUMBER: &str = "#";

/// The key that a revision makes of a prefix.
fn numbered(prefix: &str, revision: i64) -> String {
    format!("{prefix}{revision:019}")
}

/// The name under which a numbered key was asked for, if this revision may have made it.
pub(in super::super) fn asked_as(key: &str, revision: i64) -> Option<String> {
    let prefix = key.strip_suffix(&format!("{revision:019}"))?;
    Some(format!("{prefix}{SOME_NUMBER}"))
}

impl State {
    /// Places of a semaphore: token, permits, whether they are held.
    fn seats(&self, path: &str) -> (u64, Vec<(i64, u64, bool)>) {
        let limit = self.get(path).and_then(|kv| kv.value.parse().ok()).unwrap_or(0);
        let mut free: u64 = limit;
        let mut stuck = false;
        let seat = |kv: &Kv| {
            let permits = kv.value.parse().unwrap_or(1);
            stuck |= permits > free;
            free = if stuck { 0 } else { free - permits };
            (kv.create, permits, !stuck)
        };
        (limit, self.queue(path).into_iter().map(seat).collect())
    }

    fn gathering(&self, path: &str) -> What {
        let members = self.queue(path).len() as u64;
        let says = self.get(path).map_or("", |kv| kv.value.as_str());
        let (count, phase) = says.split_once(' ').unwrap_or(("0", ""));
        match members {
            0 => What::Gathering(0, 0, false),
            _ => What::Gathering(members, count.parse().unwrap_or(0), phase == "open"),
        }
    }

    /// What a recipe answers that finds everything as it should be, or only looks.
    pub(in super::super) fn finds(&self, recipe: &Recipe) -> Option<What> {
        let there = |key: String| self.get(&key).is_some();
        let says = |key: String, value: &str, lease: i64| {
            self.get(&key).is_some_and(|kv| kv.value == value && kv.lease == lease)
        };
        let unchanged = |holds: bool| holds.then_some(What::Changed(false));
        match recipe {
            Recipe::Create(_) => None,
            Recipe::Acquire(Acquire { name, lease, .. }) => {
                let path = format!("{SEMAPHORES}{name}");
                let own = self.get(&place(&path, *lease))?.create;
                let (_, seats) = self.seats(&path);
                let seat = seats.into_iter().find(|(token, ..)| *token == own)?;
                Some(What::Seat(seat.0, seat.2))
            }
            Recipe::Release(under) => {
                let path = format!("{SEMAPHORES}{}", under.name);
                unchanged(!there(place(&path, under.lease)))
            }
            Recipe::Semaphore(named) => {
                let (limit, seats) = self.seats(&format!("{SEMAPHORES}{}", named.name));
                Some(What::Semaphore(limit, seats))
            }
            Recipe::Raise(raise) => unchanged(there(format!("{BARRIERS}{}", raise.name))),
            Recipe::Lift(named) => unchanged(!there(format!("{BARRIERS}{}", named.name))),
            Recipe::Barrier(named) => {
                Some(What::Barrier(there(format!("{BARRIERS}{}", named.name))))
            }
            Recipe::Enter(enter) => Some(self.gathering(&format!("{GATHERINGS}{}", enter.name))),
            Recipe::Leave(under) => Some(self.gathering(&format!("{GATHERINGS}{}", under.name))),
            Recipe::Register(register) => {
                let (name, lease) = (&register.name, register.lease);
                let at = says(format!("{SERVICES}{name}"), &register.value, lease);
                unchanged(at && says(format!("{HEALTH}{name}"), "passing", lease))
            }
            Recipe::Report(report) => {
                unchanged(says(format!("{HEALTH}{}", report.name), &report.health, report.lease))
            }
            Recipe::Instances(named) => {
                Some(What::Instances(self.instances(&format!("{SERVICES}{}/", named.name))))
            }
        }
    }

    /// Why a recipe that took effect in this state should have been refused.
    pub(in super::super) fn forbids(&self, recipe: &Recipe) -> Option<String> {
        let registered = |name: &str| self.get(&format!("{SERVICES}{name}")).map(|kv| kv.lease);
        match recipe {
            Recipe::Register(register) => {
                let other = registered(&register.name).filter(|lease| *lease != register.lease)?;
                Some(format!("{} is registered under lease {other}", register.name))
            }
            Recipe::Report(report) if registered(&report.name) != Some(report.lease) => {
                Some(format!("{} is not registered under {}", report.name, report.lease))
            }
            Recipe::Enter(enter) => {
                let path = format!("{GATHERINGS}{}", enter.name);
                let inside = self.get(&place(&path, enter.lease)).is_some();
                let open = matches!(self.gathering(&path), What::Gathering(_, _, true));
                (open && !inside).then(|| format!("{} is open", enter.name))
            }
            _ => None,
        }
    }

    fn instances(&self, prefix: &str) -> Vec<Instance> {
        let end = format!("{}0", &prefix[..prefix.len() - 1]);
        let all = self.select(&Keys { key: prefix.to_owned(), end });
        let instance = |kv: &Kv| {
            let name = kv.key[SERVICES.len()..].to_owned();
            let health = self.get(&format!("{HEALTH}{name}"));
            let health = health.map_or("passing", |kv| kv.value.as_str()).to_owned();
            Instance { name, value: kv.value.clone(), health, lease: kv.lease }
        };
        all.into_iter().map(instance).collect()
    }
}

impl Draft<'_> {
    fn settle(&mut self, key: String, value: String, lease: i64) -> bool {
        let same = |kv: &Kv| kv.value == value && kv.lease == lease;
        let changes = !self.state.get(&key).is_some_and(same);
        if changes {
            self.put(&Put { key, value, lease, guard: None });
        }
        changes
    }

    fn remove(&mut self, key: String) -> bool {
        self.delete(&Keys::one(key)) > 0
    }

    /// Carries a recipe out that changes something. `None` if it only looks.
    pub(in super::super) fn recipe(&mut self, recipe: &Recipe) -> Option<What> {
        Some(match recipe {
            Recipe::Create(create) => {
                let key = match create.sequential {
                    true => numbered(&create.prefix, self.revision),
                    false => create.prefix.clone(),
                };
                let Create { value, lease, .. } = create.clone();
                self.put(&Put { key: key.clone(), value, lease, guard: None });
                What::Created(key)
            }
            Recipe::Acquire(acquire) => {
                let path = format!("{SEMAPHORES}{}", acquire.name);
                let at = place(&path, acquire.lease);
                if self.state.get(&path).is_none() {
                    self.settle(path, acquire.limit.to_string(), 0);
                }
                if self.state.get(&at).is_none() {
                    self.settle(at, acquire.permits.to_string(), acquire.lease);
                }
                self.state.finds(recipe)?
            }
            Recipe::Release(under) => {
                let path = format!("{SEMAPHORES}{}", under.name);
                What::Changed(self.remove(place(&path, under.lease)))
            }
            Recipe::Raise(raise) => {
                let key = format!("{BARRIERS}{}", raise.name);
                let fresh = self.state.get(&key).is_none();
                What::Changed(fresh && self.settle(key, String::new(), raise.lease))
            }
            Recipe::Lift(named) => What::Changed(self.remove(format!("{BARRIERS}{}", named.name))),
            Recipe::Enter(enter) => {
                let path = format!("{GATHERINGS}{}", enter.name);
                let was = self.state.gathering(&path);
                let at = place(&path, enter.lease);
                if self.state.get(&at).is_none() {
                    self.settle(at, String::new(), enter.lease);
                }
                let members = self.state.queue(&path).len() as u64;
                let open = matches!(was, What::Gathering(_, _, true)) || members >= enter.count;
                let phase = if open { "open" } else { "entering" };
                self.settle(path, format!("{} {phase}", enter.count), 0);
                self.state.finds(recipe)?
            }
            Recipe::Leave(under) => {
                let path = format!("{GATHERINGS}{}", under.name);
                self.remove(place(&path, under.lease));
                if self.state.queue(&path).is_empty() {
                    self.remove(path);
                }
                self.state.finds(recipe)?
            }
            Recipe::Register(register) => {
                let (name, lease) = (&register.name, register.lease);
                let says = self.settle(format!("{SERVICES}{name}"), register.value.clone(), lease);
                let is = self.settle(format!("{HEALTH}{name}"), "passing".into(), lease);
                What::Changed(says || is)
            }
            Recipe::Report(report) => {
                let key = format!("{HEALTH}{}", report.name);
                What::Changed(self.settle(key, report.health.clone(), report.lease))
            }
            Recipe::Semaphore(_) | Recipe::Barrier(_) | Recipe::Instances(_) => return None,
        })
    }
}

impl Recipe {
    /// What it may put: keys with their values.
    pub(in super::super) fn puts(&self) -> Vec<(String, String)> {
        match self {
            Recipe::Create(create) => {
                let number = if create.sequential { SOME_NUMBER } else { "" };
                vec![(format!("{}{number}", create.prefix), create.value.clone())]
            }
            Recipe::Acquire(acquire) => {
                let path = format!("{SEMAPHORES}{}", acquire.name);
                let at = (place(&path, acquire.lease), acquire.permits.to_string());
                vec![at, (path, acquire.limit.to_string())]
            }
            Recipe::Raise(raise) => vec![(format!("{BARRIERS}{}", raise.name), String::new())],
            Recipe::Enter(enter) => {
                let path = format!("{GATHERINGS}{}", enter.name);
                let phases = ["entering", "open"].map(|phase| format!("{} {phase}", enter.count));
                let mut puts = vec![(place(&path, enter.lease), String::new())];
                puts.extend(phases.map(|says| (path.clone(), says)));
                puts
            }
            Recipe::Register(register) => vec![
                (format!("{SERVICES}{}", register.name), register.value.clone()),
                (format!("{HEALTH}{}", register.name), "passing".into()),
            ],
            Recipe::Report(report) => {
                vec![(format!("{HEALTH}{}", report.name), report.health.clone())]
            }
            _ => Vec::new(),
        }
    }

    /// Which keys it may remove.
    pub(in super::super) fn removes(&self) -> Vec<Keys> {
        match self {
            Recipe::Release(under) => {
                vec![Keys::one(place(&format!("{SEMAPHORES}{}", under.name), under.lease))]
            }
            Recipe::Lift(named) => vec![Keys::one(format!("{BARRIERS}{}", named.name))],
            Recipe::Leave(under) => {
                let path = format!("{GATHERINGS}{}", under.name);
                vec![Keys::one(place(&path, under.lease)), Keys::one(path)]
            }
            _ => Vec::new(),
        }
    }
}
