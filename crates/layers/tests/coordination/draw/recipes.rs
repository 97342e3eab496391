//! Random recipes over few names, and now and then over names that are none.

use super::*;

fn plain(rng: &mut Rng) -> Bytes {
    match rng.below(40) {
        0 => Bytes::from_static(b"a/b"),
        1 => Bytes::new(),
        2 => Bytes::from_static(b"\xff"),
        n => Bytes::from_static([&b"x"[..], b"y"][n as usize % 2]),
    }
}

/// Few numbers, so that permits run out and barriers open; seldom one that is none.
fn few(rng: &mut Rng) -> u64 {
    if coin(rng, 60) { u64::MAX } else { rng.below(4) }
}

fn health(rng: &mut Rng) -> i32 {
    if coin(rng, 30) { 7 } else { rng.below(3) as i32 }
}

fn note(rng: &mut Rng) -> Bytes {
    Bytes::from_static([&b""[..], b"why: so", b"\xff"][(rng.below(13) / 6) as usize])
}

/// A command.
pub fn act(rng: &mut Rng, newest: i64) -> RecipeAct {
    match rng.below(16) {
        0 => RecipeAct::Permits(PermitsRequest { name: plain(rng), limit: few(rng) }),
        1..5 => RecipeAct::Acquire(AcquireRequest {
            name: plain(rng),
            lease: lease(rng),
            permits: few(rng) / 2,
            limit: if coin(rng, 2) { 2 } else { few(rng) / 3 },
        }),
        5..7 => {
            let token = if coin(rng, 2) { 0 } else { revision(rng, newest) };
            RecipeAct::Release(ReleaseRequest { name: plain(rng), lease: lease(rng), token })
        }
        7 => {
            let lease = lease_of_a_key(rng);
            RecipeAct::Raise(RaiseRequest { name: plain(rng), lease })
        }
        8 => RecipeAct::Lift(LiftRequest { name: plain(rng) }),
        9..11 => {
            let count = if coin(rng, 6) { few(rng) } else { 2 };
            RecipeAct::Enter(EnterRequest { name: plain(rng), lease: lease(rng), count })
        }
        11 => RecipeAct::Leave(LeaveRequest { name: plain(rng), lease: lease(rng) }),
        12 => RecipeAct::Register(RegisterRequest {
            service: plain(rng),
            instance: plain(rng),
            lease: lease(rng),
            value: value(rng),
            health: health(rng),
            note: note(rng),
        }),
        13 => RecipeAct::Report(ReportRequest {
            service: plain(rng),
            instance: plain(rng),
            lease: lease(rng),
            health: health(rng),
            note: note(rng),
        }),
        14 => RecipeAct::Deregister(DeregisterRequest {
            service: plain(rng),
            instance: plain(rng),
            lease: lease_of_a_key(rng),
        }),
        _ => {
            let sequential = coin(rng, 2);
            let (key, value, lease) = (key(rng), value(rng), lease_of_a_key(rng));
            RecipeAct::Create(CreateRequest { key, value, lease, sequential })
        }
    }
}

/// A key of a recipe, written by hand.
pub fn by_hand(rng: &mut Rng) -> PutRequest {
    let key = [
        "quorate/semaphores/x",
        "quorate/semaphores/x/7",
        "quorate/double-barriers/x",
        "quorate/barriers/x",
        "quorate/services/x",
        "quorate/services/x/z",
        "quorate/health/x/x",
    ][rng.below(7) as usize];
    let value = ["", "3", "2 open", "2 entering yet", "warning", "none: of these"];
    PutRequest {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(value[rng.below(6) as usize].as_bytes()),
        lease: lease_of_a_key(rng),
        ..PutRequest::default()
    }
}

/// A question.
pub fn ask(rng: &mut Rng) -> RecipeAsk {
    match rng.below(5) {
        0 => RecipeAsk::Semaphore(SemaphoreRequest { name: plain(rng) }),
        1 => RecipeAsk::Barrier(BarrierRequest { name: plain(rng) }),
        2 => {
            RecipeAsk::Gathering(GatheringRequest { name: plain(rng), lease: lease_of_a_key(rng) })
        }
        _ => RecipeAsk::Services(ServicesRequest {
            service: if coin(rng, 2) { Bytes::new() } else { plain(rng) },
            passing: coin(rng, 2),
            after: match rng.below(4) {
                0 => Bytes::from_static(b"quorate/services/x/x"),
                1 => key(rng),
                _ => Bytes::new(),
            },
            limit: rng.below(3) as u32,
        }),
    }
}
