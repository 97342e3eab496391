//! Recipes, between what the checkers read and what the cluster is sent.

use check::etcd::{Answer, Instance, Outcome, Recipe, What};
use database::api::Action;
use layers::coordination::{
    self as wire, Health, RecipeAct, RecipeAsk, RecipeFound, RecipeOutcome,
};

use super::record::{at, bytes, change, query, text};

/// A recipe, as it is sent.
pub(super) fn sent(recipe: &Recipe) -> Action {
    let act = match recipe {
        Recipe::Create(create) => RecipeAct::Create(wire::CreateRequest {
            key: bytes(&create.prefix),
            value: bytes(&create.value),
            lease: create.lease,
            sequential: create.sequential,
        }),
        Recipe::Acquire(acquire) => RecipeAct::Acquire(wire::AcquireRequest {
            name: bytes(&acquire.name),
            lease: acquire.lease,
            permits: acquire.permits,
            limit: acquire.limit,
        }),
        Recipe::Release(under) => RecipeAct::Release(wire::ReleaseRequest {
            name: bytes(&under.name),
            lease: under.lease,
            token: 0,
        }),
        Recipe::Raise(raise) => {
            let (name, lease) = (bytes(&raise.name), raise.lease);
            RecipeAct::Raise(wire::RaiseRequest { name, lease })
        }
        Recipe::Lift(named) => RecipeAct::Lift(wire::LiftRequest { name: bytes(&named.name) }),
        Recipe::Enter(enter) => {
            let (name, lease, count) = (bytes(&enter.name), enter.lease, enter.count);
            RecipeAct::Enter(wire::EnterRequest { name, lease, count })
        }
        Recipe::Leave(under) => {
            let (name, lease) = (bytes(&under.name), under.lease);
            RecipeAct::Leave(wire::LeaveRequest { name, lease })
        }
        Recipe::Register(register) => {
            let (service, instance) = named(&register.name);
            RecipeAct::Register(wire::RegisterRequest {
                service: bytes(service),
                instance: bytes(instance),
                lease: register.lease,
                value: bytes(&register.value),
                ..wire::RegisterRequest::default()
            })
        }
        Recipe::Report(report) => {
            let (service, instance) = named(&report.name);
            RecipeAct::Report(wire::ReportRequest {
                service: bytes(service),
                instance: bytes(instance),
                lease: report.lease,
                health: health(&report.health) as i32,
                ..wire::ReportRequest::default()
            })
        }
        Recipe::Semaphore(of) => {
            return asked(RecipeAsk::Semaphore(wire::SemaphoreRequest { name: bytes(&of.name) }));
        }
        Recipe::Barrier(of) => {
            return asked(RecipeAsk::Barrier(wire::BarrierRequest { name: bytes(&of.name) }));
        }
        Recipe::Instances(of) => {
            let service = bytes(&of.name);
            let request = wire::ServicesRequest { service, ..wire::ServicesRequest::default() };
            return asked(RecipeAsk::Services(request));
        }
    };
    change(wire::Act::Recipe(wire::RecipeRequest { act: Some(act) }), None)
}

fn asked(ask: RecipeAsk) -> Action {
    query(wire::Ask::Recipe(wire::RecipeQuery { ask: Some(ask) }))
}

/// Service and instance.
fn named(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((name, ""))
}

fn health(word: &str) -> Health {
    match word {
        "passing" => Health::Passing,
        "warning" => Health::Warning,
        _ => Health::Critical,
    }
}

/// What the answer to a command says.
pub(super) fn changed(response: &wire::RecipeResponse) -> Option<Answer> {
    let what = match response.outcome.as_ref()? {
        RecipeOutcome::Created(created) => What::Created(text(&created.key)),
        RecipeOutcome::Seat(seat) => What::Seat(seat.token, seat.held),
        RecipeOutcome::Gathering(found) => What::Gathering(found.members, found.count, found.open),
        RecipeOutcome::Settled(settled) => What::Changed(settled.changed),
    };
    Some(Answer::Recipe(Outcome { revision: at(response.header)?, what }))
}

/// What the answer to a query says.
pub(super) fn read(answer: &wire::RecipeAnswer) -> Option<Answer> {
    let what = match answer.found.as_ref()? {
        RecipeFound::Semaphore(found) => {
            let seat = |seat: &wire::Seat| (seat.token, seat.permits, seat.held);
            What::Semaphore(found.limit, found.seats.iter().map(seat).collect())
        }
        RecipeFound::Barrier(barrier) => What::Barrier(barrier.raised),
        RecipeFound::Gathering(found) => What::Gathering(found.members, found.count, found.open),
        RecipeFound::Instances(found) => {
            What::Instances(found.instances.iter().map(instance).collect())
        }
    };
    Some(Answer::Recipe(Outcome { revision: at(answer.header)?, what }))
}

fn instance(instance: &wire::Instance) -> Instance {
    let health = match instance.health {
        0 => "passing",
        1 => "warning",
        _ => "critical",
    };
    Instance {
        name: format!("{}/{}", instance.service, instance.instance),
        value: text(&instance.value),
        health: health.into(),
        lease: instance.lease,
    }
}
