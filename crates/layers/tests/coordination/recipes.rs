//! What recipes are for, scene by scene.

use bytes::Bytes;
use layers::coordination::*;

use super::{Stage, act, ask, send};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn stage(leases: impl IntoIterator<Item = i64>) -> Stage {
    let mut stage = Stage::new();
    for id in leases {
        act(&mut stage, Act::LeaseGrant(LeaseGrantRequest { ttl: 10, id })).unwrap();
    }
    stage
}

fn recipe(stage: &mut Stage, request: RecipeAct) -> Result<RecipeOutcome, Error> {
    match act(stage, Act::Recipe(RecipeRequest { act: Some(request) }))? {
        Outcome::Recipe(response) => Ok(response.outcome.unwrap()),
        other => panic!("{other:?}"),
    }
}

fn found(stage: &Stage, query: RecipeAsk) -> RecipeFound {
    match ask(stage, Ask::Recipe(RecipeQuery { ask: Some(query) })) {
        Ok(Answer::Recipe(answer)) => answer.found.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn end(stage: &mut Stage, id: i64) {
    act(stage, Act::LeaseRevoke(LeaseRevokeRequest { id })).unwrap();
}

fn acquire(stage: &mut Stage, lease: i64, permits: u64) -> Result<Seat, Error> {
    let request = AcquireRequest { name: bytes("s"), lease, permits, limit: 3 };
    match recipe(stage, RecipeAct::Acquire(request))? {
        RecipeOutcome::Seat(seat) => Ok(seat),
        other => panic!("{other:?}"),
    }
}

fn held(stage: &Stage) -> Vec<i64> {
    let request = SemaphoreRequest { name: bytes("s") };
    match found(stage, RecipeAsk::Semaphore(request)) {
        RecipeFound::Semaphore(semaphore) => {
            let held = semaphore.seats.into_iter().filter(|seat| seat.held);
            held.map(|seat| seat.lease).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn permits_go_to_who_came_first() {
    let mut stage = stage([1, 2, 3, 4]);
    assert!(acquire(&mut stage, 1, 2).unwrap().held);
    assert!(!acquire(&mut stage, 2, 2).unwrap().held, "one is left, and two are asked for");
    assert!(!acquire(&mut stage, 3, 1).unwrap().held, "nobody overtakes");
    assert_eq!(held(&stage), [1]);
    end(&mut stage, 1);
    assert_eq!(held(&stage), [2, 3], "a dead holder frees what it held");
    let again = acquire(&mut stage, 2, 2).unwrap();
    assert!(again.held, "asked again, it finds its place");
    assert_eq!(acquire(&mut stage, 2, 1), Err(Error::PermitsDiffer));
    assert_eq!(acquire(&mut stage, 4, 4), Err(Error::TooManyPermits));
}

#[test]
fn permits_are_not_taken_from_under_a_holder() {
    let mut stage = stage([1, 2]);
    acquire(&mut stage, 1, 2).unwrap();
    let set = |stage: &mut Stage, limit| {
        recipe(stage, RecipeAct::Permits(PermitsRequest { name: bytes("s"), limit }))
    };
    assert_eq!(set(&mut stage, 1), Err(Error::PermitsInUse));
    assert_eq!(set(&mut stage, 0), Err(Error::PermitsInUse));
    assert!(set(&mut stage, 2).is_ok() && set(&mut stage, 9).is_ok());
    end(&mut stage, 1);
    assert!(set(&mut stage, 0).is_ok());
    let request = AcquireRequest { name: bytes("s"), lease: 2, permits: 1, limit: 0 };
    assert_eq!(recipe(&mut stage, RecipeAct::Acquire(request)), Err(Error::NoSemaphore));
}

#[test]
fn a_guard_takes_the_token_of_any_holder_of_a_semaphore() {
    let mut stage = stage([1, 2, 3]);
    let tokens = [1, 2, 3].map(|lease| acquire(&mut stage, lease, 2 - (lease as u64 / 2)).unwrap());
    assert_eq!(tokens.clone().map(|seat| seat.held), [true, true, false]);
    let write = |stage: &mut Stage, token| {
        let put = PutRequest { key: bytes("g"), ..PutRequest::default() };
        let guards = vec![Guard { name: bytes("quorate/semaphores/s"), token }];
        send(stage, &Command { guards, ..Command::new(Act::Put(put)) }).is_ok()
    };
    assert_eq!(tokens.clone().map(|seat| write(&mut stage, seat.token)), [true, true, false]);
    end(&mut stage, 1);
    assert_eq!(tokens.map(|seat| write(&mut stage, seat.token)), [false, true, true]);
}

#[test]
fn a_barrier_is_up_until_it_is_lifted_or_its_lease_ends() {
    let mut stage = stage([1]);
    let raised = |stage: &Stage| {
        let found = found(stage, RecipeAsk::Barrier(BarrierRequest { name: bytes("b") }));
        matches!(found, RecipeFound::Barrier(barrier) if barrier.raised)
    };
    let raise = |lease| RecipeAct::Raise(RaiseRequest { name: bytes("b"), lease });
    let settled = |changed| Ok(RecipeOutcome::Settled(Settled { changed }));
    assert!(!raised(&stage));
    assert_eq!(recipe(&mut stage, raise(1)), settled(true));
    assert_eq!(recipe(&mut stage, raise(0)), settled(false));
    assert!(raised(&stage));
    end(&mut stage, 1);
    assert!(!raised(&stage));
    recipe(&mut stage, raise(0)).unwrap();
    let lift = || RecipeAct::Lift(LiftRequest { name: bytes("b") });
    assert_eq!(recipe(&mut stage, lift()), settled(true));
    assert_eq!(recipe(&mut stage, lift()), settled(false));
}

#[test]
fn so_many_go_on_together_and_part_together() {
    let mut stage = stage([1, 2, 3, 4]);
    let gather = |stage: &mut Stage, act| match recipe(stage, act) {
        Ok(RecipeOutcome::Gathering(gathering)) => Ok((gathering.members, gathering.open)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let enter = |lease| RecipeAct::Enter(EnterRequest { name: bytes("d"), lease, count: 2 });
    let leave = |lease| RecipeAct::Leave(LeaveRequest { name: bytes("d"), lease });
    assert_eq!(gather(&mut stage, enter(4)), Ok((1, false)));
    end(&mut stage, 4);
    assert_eq!(gather(&mut stage, enter(1)), Ok((1, false)), "the dead are not counted");
    assert_eq!(gather(&mut stage, enter(2)), Ok((2, true)));
    assert_eq!(gather(&mut stage, enter(1)), Ok((2, true)), "asked again");
    assert_eq!(gather(&mut stage, enter(3)), Err(Error::BarrierOpen));
    assert_eq!(gather(&mut stage, leave(1)), Ok((1, true)));
    end(&mut stage, 2);
    assert_eq!(gather(&mut stage, enter(3)), Ok((1, false)), "all have left, so it begins anew");
    let other = EnterRequest { name: bytes("d"), lease: 1, count: 3 };
    assert_eq!(recipe(&mut stage, RecipeAct::Enter(other)), Err(Error::CountDiffers));
    assert_eq!(gather(&mut stage, leave(3)), Ok((0, false)));
}

#[test]
fn numbers_grow_and_are_never_given_twice() {
    let mut stage = stage([1]);
    let create = |stage: &mut Stage, key: &str, sequential| {
        let (key, value) = (bytes(key), Bytes::new());
        let request = CreateRequest { key, value, lease: 1, sequential };
        match recipe(stage, RecipeAct::Create(request)) {
            Ok(RecipeOutcome::Created(created)) => Ok(created.key),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
    let first = create(&mut stage, "job-", true).unwrap();
    assert_eq!(first, bytes("job-0000000000000000002"));
    let second = create(&mut stage, "job-", true).unwrap();
    assert!(second > first);
    assert!(create(&mut stage, "once", false).is_ok());
    assert_eq!(create(&mut stage, "once", false), Err(Error::KeyExists));
    end(&mut stage, 1);
    act(&mut stage, Act::LeaseGrant(LeaseGrantRequest { ttl: 10, id: 1 })).unwrap();
    assert!(create(&mut stage, "once", false).is_ok(), "it ended with its lease");
    assert!(create(&mut stage, "job-", true).unwrap() > second);
}

#[test]
fn an_instance_is_there_as_long_as_its_lease() {
    let mut stage = stage([1, 2]);
    let register = |lease, health: Health| {
        RecipeAct::Register(RegisterRequest {
            service: bytes("web"),
            instance: bytes("a"),
            lease,
            value: bytes("10.0.0.1:80"),
            health: health as i32,
            note: Bytes::new(),
        })
    };
    let report = |lease, health: Health, note: &str| {
        RecipeAct::Report(ReportRequest {
            service: bytes("web"),
            instance: bytes("a"),
            lease,
            health: health as i32,
            note: bytes(note),
        })
    };
    let list = |stage: &Stage, passing| {
        let request = ServicesRequest { service: bytes("web"), passing, ..Default::default() };
        match found(stage, RecipeAsk::Services(request)) {
            RecipeFound::Instances(found) => found.instances,
            other => panic!("{other:?}"),
        }
    };
    recipe(&mut stage, register(1, Health::Passing)).unwrap();
    assert_eq!(recipe(&mut stage, register(2, Health::Passing)), Err(Error::InstanceTaken));
    assert_eq!(list(&stage, true).len(), 1);
    recipe(&mut stage, report(1, Health::Warning, "disk: 91 %")).unwrap();
    assert!(list(&stage, true).is_empty());
    let all = list(&stage, false);
    assert_eq!((all[0].health, all[0].note.as_str()), (Health::Warning as i32, "disk: 91 %"));
    assert_eq!(all[0].value, bytes("10.0.0.1:80"));
    let unchanged = recipe(&mut stage, report(1, Health::Warning, "disk: 91 %"));
    assert_eq!(unchanged, Ok(RecipeOutcome::Settled(Settled { changed: false })));
    assert_eq!(recipe(&mut stage, report(2, Health::Passing, "")), Err(Error::NotRegistered));
    end(&mut stage, 1);
    assert!(list(&stage, false).is_empty());
    assert!(recipe(&mut stage, register(2, Health::Passing)).is_ok(), "the name is free again");
}
