//! Which keys a recipe reads and writes, and under which lease: what permissions are asked for.

use alloc::{vec, vec::Vec};

use bytes::Bytes;

use super::{
    super::{
        keys::Keys,
        queue,
        wire::{RecipeAct, RecipeAsk, RecipeQuery, RecipeRequest},
    },
    path,
    root::{BARRIERS, GATHERINGS, HEALTH, SEMAPHORES, SERVICES},
    service,
};

/// What a command touches.
#[derive(Default)]
pub(in super::super) struct Touch {
    pub(in super::super) read: Vec<Keys>,
    pub(in super::super) write: Vec<Keys>,
    /// 0 for none.
    pub(in super::super) lease: i64,
}

/// A queue of places under a name, and the name itself.
fn places(root: &[u8], name: &Bytes, lease: i64) -> Touch {
    let path = path(root, name);
    let place = Keys::One(queue::place(&path, lease));
    let read = vec![queue::keys(&path), Keys::One(path.clone())];
    Touch { read, write: vec![place, Keys::One(path)], lease }
}

fn written(keys: impl Into<Vec<Keys>>, lease: i64) -> Touch {
    let write: Vec<Keys> = keys.into();
    Touch { read: write.clone(), write, lease }
}

fn instance(service: &Bytes, instance: &Bytes, lease: i64) -> Touch {
    let key = |root| Keys::One(service::key(root, service, instance));
    written([key(SERVICES), key(HEALTH)], lease)
}

/// What a command touches.
pub(in super::super) fn touched(request: &RecipeRequest) -> Touch {
    match &request.act {
        Some(RecipeAct::Create(request)) => {
            let keys = match request.sequential {
                true => Keys::prefix(request.key.clone()),
                false => Keys::One(request.key.clone()),
            };
            written([keys], request.lease)
        }
        Some(RecipeAct::Permits(request)) => {
            let path = path(SEMAPHORES, &request.name);
            let read = vec![queue::keys(&path)];
            Touch { read, write: vec![Keys::One(path)], lease: 0 }
        }
        Some(RecipeAct::Acquire(request)) => {
            let mut touch = places(SEMAPHORES, &request.name, request.lease);
            // Only who makes the semaphore writes its number.
            touch.write.truncate(if request.limit == 0 { 1 } else { 2 });
            touch
        }
        Some(RecipeAct::Release(request)) => {
            let place = queue::place(&path(SEMAPHORES, &request.name), request.lease);
            written([Keys::One(place)], 0)
        }
        Some(RecipeAct::Raise(request)) => {
            written([Keys::One(path(BARRIERS, &request.name))], request.lease)
        }
        Some(RecipeAct::Lift(request)) => written([Keys::One(path(BARRIERS, &request.name))], 0),
        Some(RecipeAct::Enter(request)) => places(GATHERINGS, &request.name, request.lease),
        Some(RecipeAct::Leave(request)) => {
            Touch { lease: 0, ..places(GATHERINGS, &request.name, request.lease) }
        }
        Some(RecipeAct::Register(request)) => {
            instance(&request.service, &request.instance, request.lease)
        }
        Some(RecipeAct::Report(request)) => {
            instance(&request.service, &request.instance, request.lease)
        }
        Some(RecipeAct::Deregister(request)) => instance(&request.service, &request.instance, 0),
        None => Touch::default(),
    }
}

/// What a question reads.
pub(in super::super) fn asked(query: &RecipeQuery) -> Vec<Keys> {
    let queue = |root, name| {
        let path = path(root, name);
        vec![queue::keys(&path), Keys::One(path)]
    };
    match &query.ask {
        Some(RecipeAsk::Semaphore(request)) => queue(SEMAPHORES, &request.name),
        Some(RecipeAsk::Gathering(request)) => queue(GATHERINGS, &request.name),
        Some(RecipeAsk::Barrier(request)) => vec![Keys::One(path(BARRIERS, &request.name))],
        Some(RecipeAsk::Services(request)) => {
            let health: Bytes = match request.service.is_empty() {
                true => Bytes::from_static(HEALTH),
                false => [HEALTH, &request.service, b"/"].concat().into(),
            };
            vec![Keys::prefix(service::span(&request.service)), Keys::prefix(health)]
        }
        None => Vec::new(),
    }
}
