//! From what a client wants and knows to a request.

use check::etcd::{
    Acquire, Ask, Compact, Compare, Create, Enter, Grant, KeepAlive, Keys, Lease, Name, Named,
    Operand, Place, Proclaim, Put, Raise, Range, Recipe, Register, Relation, Report, Stand, Step,
    Txn, Under,
};

use super::{Act, Operation, knows::Knows};

/// Keys that clients share.
const KEYS: u64 = 4;
/// The most leases of a client.
const LEASES: usize = 3;

/// Composes requests.
pub(super) struct Composer<'k> {
    pub knows: &'k Knows,
    /// A value that nobody else uses.
    pub value: String,
    /// A lease that was never granted.
    pub lease: i64,
    /// How far the chronicler has read.
    pub chronicled: i64,
}

impl Composer<'_> {
    /// The request of an operation.
    pub(super) fn ask(&self, operation: &Operation) -> Ask {
        let (pick, knows) = (operation.pick, self.knows);
        let key = format!("k{}", pick % KEYS);
        let lock = format!("lock{}", pick % 2);
        let lease = knows.leases.get(pick as usize % knows.leases.len().max(1)).copied();
        match operation.act {
            Act::Put => {
                let under = lease.filter(|_| pick >> 8 & 3 == 0).unwrap_or(0);
                self.put(key, under, None)
            }
            Act::Delete if pick >> 8 & 7 == 0 => {
                Ask::Delete(Keys { key: "k".into(), end: "l".into() })
            }
            Act::Delete => Ask::Delete(Keys::one(key)),
            Act::CompareAndSet => self.compare_and_set(key, pick),
            Act::Several => self.several(pick),
            Act::Range if pick >> 8 & 1 == 0 => range(Keys::one(key), 0, 0),
            Act::Range | Act::RangeAnywhere => {
                range(Keys { key: "k".into(), end: "l".into() }, 0, (pick >> 8 & 3) as i64)
            }
            Act::Past => {
                let back = (pick >> 8) % 40;
                let revision = (knows.revision - back as i64).max(1);
                range(Keys::all(), revision, 0)
            }
            Act::Compact => {
                let newest = self.chronicled.min(knows.revision);
                Ask::Compact(Compact { revision: (newest - (pick >> 8 & 15) as i64).max(1) })
            }
            Act::All => range(Keys::all(), 0, 0),
            Act::Leader => Ask::Leader(Name { name: "vote".into() }),
            Act::Semaphore => Ask::Recipe(Recipe::Semaphore(named("permits"))),
            Act::Lift => Ask::Recipe(Recipe::Lift(named("gate"))),
            Act::Barrier => Ask::Recipe(Recipe::Barrier(named("gate"))),
            Act::Instances => Ask::Recipe(Recipe::Instances(named("web"))),
            Act::Number => self.number(lease, pick),
            Act::KeepAlive if lease.is_some() => {
                Ask::KeepAlive(KeepAlive { leases: knows.leases.clone() })
            }
            Act::Grant if knows.leases.len() >= LEASES => self.under_lease(lease, pick),
            _ => match lease {
                Some(lease) => self.with_lease(operation, lease, lock),
                None => Ask::Grant(Grant { lease: self.lease, ttl: 2 + (pick >> 8 & 3) as i64 }),
            },
        }
    }

    /// What needs a lease, or a lock or candidacy under one.
    fn with_lease(&self, operation: &Operation, lease: i64, lock: String) -> Ask {
        let (pick, knows) = (operation.pick, self.knows);
        let stand = |name, value| Stand { name, lease, value };
        let campaign = || Ask::Campaign(stand("vote".into(), self.value.clone()));
        match operation.act {
            Act::Grant => Ask::Grant(Grant { lease: self.lease, ttl: 2 + (pick >> 8 & 3) as i64 }),
            Act::Revoke => Ask::Revoke(Lease { lease }),
            Act::TimeToLive => Ask::TimeToLive(Lease { lease }),
            Act::Unlock if let Some((key, _)) = knows.locks.get(&lock) => {
                Ask::Unlock(Place { key: key.clone(), token: 0 })
            }
            Act::Guarded if let Some((_, Some(token))) = knows.locks.get(&lock) => {
                self.put(format!("g{lock}"), 0, Some((lock, *token)))
            }
            Act::Lock | Act::Unlock | Act::Guarded => Ask::Lock(stand(lock, String::new())),
            Act::Proclaim if let Some((key, token, lease)) = knows.stands.get("vote") => {
                let (key, token, lease) = (key.clone(), *token, *lease);
                Ask::Proclaim(Proclaim { key, token, lease, value: self.value.clone() })
            }
            Act::Resign if let Some((key, token, _)) = knows.stands.get("vote") => {
                Ask::Resign(Place { key: key.clone(), token: *token })
            }
            Act::Campaign | Act::Proclaim | Act::Resign => campaign(),
            act => match self.recipe(act, lease, pick) {
                Some(recipe) => Ask::Recipe(recipe),
                None => self.under_lease(Some(lease), pick),
            },
        }
    }

    /// A numbered key, in half of all cases under a lease.
    fn number(&self, lease: Option<i64>, pick: u64) -> Ask {
        let (prefix, value) = ("n".to_owned(), self.value.clone());
        let lease = lease.filter(|_| pick >> 8 & 1 == 0).unwrap_or(0);
        Ask::Recipe(Recipe::Create(Create { prefix, value, lease, sequential: true }))
    }

    /// A recipe under a lease.
    fn recipe(&self, act: Act, lease: i64, pick: u64) -> Option<Recipe> {
        let name = |name: &str| name.to_owned();
        // Half of all instances have a name that others want, too.
        let instance = format!("web/{:x}", if pick >> 8 & 1 == 0 { 0 } else { lease });
        Some(match act {
            Act::Acquire => {
                let permits = 1 + u64::from(lease % 3 == 0);
                Recipe::Acquire(Acquire { name: name("permits"), lease, permits, limit: 2 })
            }
            Act::Release => Recipe::Release(Under { name: name("permits"), lease }),
            Act::Raise => {
                let lease = if pick >> 8 & 1 == 0 { lease } else { 0 };
                Recipe::Raise(Raise { name: name("gate"), lease })
            }
            Act::Enter => Recipe::Enter(Enter { name: name("round"), lease, count: 3 }),
            Act::Leave => Recipe::Leave(Under { name: name("round"), lease }),
            Act::Register => {
                Recipe::Register(Register { name: instance, lease, value: self.value.clone() })
            }
            Act::Report => {
                let health = ["passing", "warning", "critical"][pick as usize % 3];
                Recipe::Report(Report { name: instance, lease, health: health.into() })
            }
            _ => return None,
        })
    }

    fn put(&self, key: String, lease: i64, guard: Option<(String, i64)>) -> Ask {
        Ask::Put(Put { key, value: self.value.clone(), lease, guard })
    }

    /// A key that goes with its lease.
    fn under_lease(&self, lease: Option<i64>, pick: u64) -> Ask {
        self.put(format!("s{}", pick >> 8 & 7), lease.unwrap_or(0), None)
    }

    fn compare_and_set(&self, key: String, pick: u64) -> Ask {
        let seen = self.knows.seen.get(&key).cloned().unwrap_or_default();
        let to = match pick >> 8 & 3 {
            0 => Operand::Version(seen.version),
            1 => Operand::Create(seen.create),
            2 => Operand::Value(seen.value),
            _ => Operand::Mod(seen.modified),
        };
        let holds = match pick >> 10 & 7 {
            0 => Relation::NotEqual,
            1 => Relation::Greater,
            2 => Relation::Less,
            _ => Relation::Equal,
        };
        let put = Put { key: key.clone(), value: self.value.clone(), ..Put::default() };
        Ask::Txn(Txn {
            compare: vec![Compare { key: key.clone(), holds, to }],
            success: vec![Step::Put(put)],
            failure: vec![Step::Range(Keys::one(key))],
        })
    }

    /// Several changes at one revision.
    fn several(&self, pick: u64) -> Ask {
        let gone = pick % KEYS;
        let key = |at: u64| format!("k{at}");
        let put = |at| Step::Put(Put { key: key(at), value: self.value.clone(), ..Put::default() });
        let others = (0..KEYS).filter(|at| *at != gone);
        let mut success: Vec<Step> = others.map(put).collect();
        success.push(Step::Delete(Keys::one(key(gone))));
        success.push(Step::Range(Keys { key: "k".into(), end: "l".into() }));
        Ask::Txn(Txn { success, ..Txn::default() })
    }
}

fn named(name: &str) -> Named {
    Named { name: name.into() }
}

fn range(keys: Keys, revision: i64, limit: i64) -> Ask {
    Ask::Range(Range { keys, revision, limit })
}
