//! Semaphores, barriers, numbered keys and services: commands, questions and answers.

use bytes::Bytes;
use kernel::Rng;
use layers::coordination::*;

use crate::draw;

fn number(rng: &mut Rng) -> i64 {
    draw::number(rng, 8) as i64
}

/// Mostly one of two names, so that commands meet.
fn name(rng: &mut Rng) -> Bytes {
    match rng.below(8) {
        0 => draw::key(rng),
        n => Bytes::from_static([&b"a"[..], b"b"][n as usize % 2]),
    }
}

pub fn act(rng: &mut Rng) -> Act {
    let lease = number(rng);
    let act = match rng.below(11) {
        0 => {
            let (key, value) = (draw::key(rng), draw::bytes(rng, 8));
            RecipeAct::Create(CreateRequest { key, value, lease, sequential: draw::coin(rng) })
        }
        1 => RecipeAct::Permits(PermitsRequest { name: name(rng), limit: rng.below(4) }),
        2 | 3 => {
            let (permits, limit) = (rng.below(3), draw::number(rng, 4));
            RecipeAct::Acquire(AcquireRequest { name: name(rng), lease, permits, limit })
        }
        4 => RecipeAct::Release(ReleaseRequest { name: name(rng), lease, token: number(rng) }),
        5 => RecipeAct::Raise(RaiseRequest { name: name(rng), lease }),
        6 => RecipeAct::Lift(LiftRequest { name: name(rng) }),
        7 => {
            let count = draw::number(rng, 4);
            RecipeAct::Enter(EnterRequest { name: name(rng), lease, count })
        }
        8 => RecipeAct::Leave(LeaveRequest { name: name(rng), lease }),
        9 => {
            let (service, instance, note) = (name(rng), name(rng), draw::bytes(rng, 8));
            let (value, health) = (draw::bytes(rng, 8), rng.below(4) as i32);
            let register = RegisterRequest { service, instance, lease, value, health, note };
            RecipeAct::Register(register)
        }
        _ => {
            let (service, instance, note) = (name(rng), name(rng), draw::bytes(rng, 8));
            let health = rng.below(4) as i32;
            match draw::coin(rng) {
                true => RecipeAct::Deregister(DeregisterRequest { service, instance, lease }),
                false => {
                    RecipeAct::Report(ReportRequest { service, instance, lease, health, note })
                }
            }
        }
    };
    Act::Recipe(RecipeRequest { act: Some(act) })
}

pub fn ask(rng: &mut Rng) -> Ask {
    let ask = match rng.below(4) {
        0 => RecipeAsk::Semaphore(SemaphoreRequest { name: name(rng) }),
        1 => RecipeAsk::Barrier(BarrierRequest { name: name(rng) }),
        2 => RecipeAsk::Gathering(GatheringRequest { name: name(rng), lease: number(rng) }),
        _ => RecipeAsk::Services(ServicesRequest {
            service: if draw::coin(rng) { Bytes::new() } else { name(rng) },
            passing: draw::coin(rng),
            after: draw::bytes(rng, 24),
            limit: number(rng) as u32,
        }),
    };
    Ask::Recipe(RecipeQuery { ask: Some(ask) })
}

fn seat(rng: &mut Rng) -> Seat {
    Seat {
        key: draw::key(rng),
        token: number(rng),
        held: draw::coin(rng),
        permits: draw::number(rng, 8),
        lease: number(rng),
    }
}

fn gathering(rng: &mut Rng) -> Gathering {
    let (members, count) = (draw::number(rng, 8), draw::number(rng, 8));
    Gathering { members, count, open: draw::coin(rng), member: draw::coin(rng) }
}

pub fn outcome(rng: &mut Rng) -> Outcome {
    let outcome = match rng.below(4) {
        0 => RecipeOutcome::Created(Created { key: draw::key(rng) }),
        1 => RecipeOutcome::Seat(seat(rng)),
        2 => RecipeOutcome::Gathering(gathering(rng)),
        _ => RecipeOutcome::Settled(Settled { changed: draw::coin(rng) }),
    };
    let header = ResponseHeader::at(number(rng));
    Outcome::Recipe(RecipeResponse { header, outcome: Some(outcome) })
}

pub fn answer(rng: &mut Rng) -> Answer {
    let found = match rng.below(4) {
        0 => {
            let (limit, seats) = (draw::number(rng, 8), draw::many(rng, 3, seat));
            RecipeFound::Semaphore(Semaphore { limit, seats })
        }
        1 => {
            let (since, lease) = (number(rng), number(rng));
            RecipeFound::Barrier(Barrier { raised: draw::coin(rng), since, lease })
        }
        2 => RecipeFound::Gathering(gathering(rng)),
        _ => {
            let instance = |rng: &mut Rng| Instance {
                key: draw::key(rng),
                service: "a".into(),
                instance: "b".into(),
                lease: number(rng),
                value: draw::bytes(rng, 8),
                health: rng.below(4) as i32,
                note: "why".into(),
                since: number(rng),
                changed: number(rng),
            };
            let instances = draw::many(rng, 3, instance);
            let (more, next) = (draw::coin(rng), draw::key(rng));
            RecipeFound::Instances(Instances { instances, more, next })
        }
    };
    let header = ResponseHeader::at(number(rng));
    Answer::Recipe(RecipeAnswer { header, found: Some(found) })
}
