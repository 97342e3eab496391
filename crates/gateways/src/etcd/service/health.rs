//! `grpc.health.v1`, as load balancers ask it.

use crate::{
    Backend, ambient,
    etcd::{
        grpc::{Code, Status, frame},
        map,
        serve::{Ended, Inbound, Reply, Shared},
        wire::{HealthCheckRequest, HealthCheckResponse, Serving},
    },
};

/// Services that may be asked for by name; the empty name is all of them.
const SERVICES: [&str; 5] =
    ["", "etcdserverpb.KV", "etcdserverpb.Watch", "etcdserverpb.Lease", "etcdserverpb.Maintenance"];

fn serving<B: Backend>(shared: &Shared<B>) -> Serving {
    let facts = shared.facts();
    // A keyspace that nobody has used yet is made when somebody does.
    let made = facts.shard.is_some();
    if made && facts.leader == 0 { Serving::NotServing } else { Serving::Serving }
}

/// Whether a service serves.
///
/// # Errors
/// If there is no such service.
pub fn check<B: Backend>(shared: &Shared<B>, name: &str) -> Result<HealthCheckResponse, Status> {
    if !SERVICES.contains(&name) {
        return Err(Status::new(Code::NotFound, "unknown service"));
    }
    Ok(HealthCheckResponse { status: serving(shared) as i32 })
}

/// Tells whether a service serves, and whenever that changes.
///
/// # Errors
/// What ends the stream; it does not end otherwise.
pub async fn watch<B: Backend>(
    shared: &Shared<B>,
    mut inbound: Inbound,
    reply: &mut Reply,
) -> Result<(), Ended> {
    let request = map::decode::<HealthCheckRequest>(&inbound.one().await?)?;
    let mut told = None;
    loop {
        let now = match SERVICES.contains(&request.service.as_str()) {
            true => serving(shared),
            false => Serving::ServiceUnknown,
        };
        if told != Some(now) {
            told = Some(now);
            reply.send(frame(&HealthCheckResponse { status: now as i32 })).await?;
        }
        tokio::select! {
            () = ambient::sleep(shared.limits.refresh_period) => {}
            () = reply.gone() => return Err(Ended::Gone),
        }
    }
}
