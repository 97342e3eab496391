//! What a request may wait for: the question that tells, and the keys that can change its answer.

use bytes::Bytes;
use layers::coordination::{
    Answer, Ask, BarrierRequest, EventType, Gathering, GatheringRequest, QueueRequest, RecipeAsk,
    RecipeFound, RecipeOutcome, RecipeQuery, SemaphoreRequest, ServicesRequest,
};

use super::Seen;

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// Nobody is before this lease in the queue of a lock or an election.
    First { name: Bytes, lease: i64 },
    /// Somebody leads whose candidacy, or what he says, is newer than a revision.
    Leader { name: Bytes, after: i64 },
    /// The permits of this lease are held.
    Permits { name: Bytes, lease: i64 },
    /// The barrier is down.
    Down { name: Bytes },
    /// The double barrier is open.
    Open { name: Bytes, lease: i64 },
    /// All have left it.
    Left { name: Bytes },
    /// Something about services has changed since a revision.
    Newer { request: ServicesRequest, after: i64 },
}

/// The place of a lease in a queue.
pub(super) fn place(name: &[u8], lease: i64) -> Vec<u8> {
    let sign = if lease < 0 { "-" } else { "" };
    [name, format!("/{sign}{:x}", lease.unsigned_abs()).as_bytes()].concat()
}

fn recipe(ask: RecipeAsk) -> Ask {
    Ask::Recipe(RecipeQuery { ask: Some(ask) })
}

/// Keys as a first one and the end of their range.
type Span = (Vec<u8>, Vec<u8>);

fn all_of(prefix: Vec<u8>) -> Span {
    let mut end = prefix.clone();
    // Prefixes here end with a name or a slash, never with a byte that cannot grow.
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    (prefix, end)
}

impl Goal {
    /// The question that tells whether it is reached.
    pub fn probe(&self) -> Ask {
        match self {
            Goal::First { name, .. } | Goal::Leader { name, .. } => {
                Ask::Queue(QueueRequest { name: name.clone() })
            }
            Goal::Permits { name, .. } => {
                recipe(RecipeAsk::Semaphore(SemaphoreRequest { name: name.clone() }))
            }
            Goal::Down { name } => {
                recipe(RecipeAsk::Barrier(BarrierRequest { name: name.clone() }))
            }
            Goal::Open { name, lease } => {
                recipe(RecipeAsk::Gathering(GatheringRequest { name: name.clone(), lease: *lease }))
            }
            Goal::Left { name } => {
                recipe(RecipeAsk::Gathering(GatheringRequest { name: name.clone(), lease: 0 }))
            }
            Goal::Newer { request, .. } => recipe(RecipeAsk::Services(request.clone())),
        }
    }

    /// Whether a change can bring it nearer.
    pub fn concerns(&self, kind: i32, key: &[u8]) -> bool {
        let removed = kind == EventType::Delete as i32;
        let within = |(first, end): Span| first.as_slice() <= key && key < end.as_slice();
        let under = |root: &str, name: &[u8]| [root.as_bytes(), name].concat();
        let all = |root: &str, name: &[u8]| within(all_of([&under(root, name)[..], b"/"].concat()));
        match self {
            Goal::First { name, .. } => removed && within(all_of([name, &b"/"[..]].concat())),
            Goal::Leader { name, .. } => within(all_of([name, &b"/"[..]].concat())),
            Goal::Permits { name, .. } => {
                key == under("quorate/semaphores/", name)
                    || removed && all("quorate/semaphores/", name)
            }
            Goal::Down { name } => removed && key == under("quorate/barriers/", name),
            Goal::Open { name, .. } => {
                key == under("quorate/double-barriers/", name)
                    || removed && all("quorate/double-barriers/", name)
            }
            Goal::Left { name } => removed && all("quorate/double-barriers/", name),
            Goal::Newer { request, .. } => {
                ["quorate/services/", "quorate/health/"].iter().any(|root| {
                    match request.service.is_empty() {
                        true => key.starts_with(root.as_bytes()),
                        false => all(root, &request.service),
                    }
                })
            }
        }
    }

    /// Whether it is reached. What cannot be reached any more is: the answer says why. Of services it
    /// is the changes that tell, not what is there.
    pub fn reached(&self, seen: &Seen) -> bool {
        match (self, seen) {
            (Goal::First { .. }, Seen::Lock(lock)) => lock.held,
            (Goal::First { .. }, Seen::Campaign(campaign)) => campaign.elected,
            (Goal::First { name, lease }, Seen::Answer(Answer::Queue(queue))) => {
                let key = place(name, *lease);
                let at = queue.places.iter().position(|kv| kv.key == key);
                at.is_none_or(|at| at == 0)
            }
            (Goal::Leader { after, .. }, Seen::Answer(Answer::Queue(queue))) => {
                queue.places.first().is_some_and(|kv| kv.mod_revision > *after)
            }
            (Goal::Permits { .. }, Seen::Recipe(_, RecipeOutcome::Seat(seat))) => seat.held,
            (_, Seen::Recipe(_, RecipeOutcome::Gathering(gathering))) => self.gathered(gathering),
            (goal, Seen::Answer(Answer::Recipe(answer))) => match (goal, &answer.found) {
                (Goal::Permits { lease, .. }, Some(RecipeFound::Semaphore(semaphore))) => {
                    let seat = semaphore.seats.iter().find(|seat| seat.lease == *lease);
                    seat.is_none_or(|seat| seat.held)
                }
                (_, Some(RecipeFound::Barrier(barrier))) => !barrier.raised,
                (_, Some(RecipeFound::Gathering(gathering))) => self.gathered(gathering),
                _ => true,
            },
            _ => true,
        }
    }

    fn gathered(&self, gathering: &Gathering) -> bool {
        match self {
            Goal::Left { .. } => gathering.members == 0,
            _ => gathering.open || !gathering.member,
        }
    }
}
