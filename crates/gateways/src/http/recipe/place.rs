//! Paths of coordination keyspaces.

use bytes::Bytes;
use hyper::Method;

use super::super::{Problem, code::Code, route};

/// A place with the names in its path, and what is to be done there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "one variant per row of the table of routes, named after it")]
pub enum Place {
    KeyCreate { keyspace: String, key: Bytes },
    LeaseGrant { keyspace: String },
    LeaseList { keyspace: String },
    LeaseRead { keyspace: String, lease: i64 },
    LeaseRevoke { keyspace: String, lease: i64 },
    LeaseKeep { keyspace: String, lease: i64 },
    Lock { keyspace: String, name: Bytes },
    LockRead { keyspace: String, name: Bytes },
    Unlock { keyspace: String, name: Bytes },
    Campaign { keyspace: String, name: Bytes },
    Leader { keyspace: String, name: Bytes },
    Resign { keyspace: String, name: Bytes },
    Permits { keyspace: String, name: Bytes },
    Acquire { keyspace: String, name: Bytes },
    SemaphoreRead { keyspace: String, name: Bytes },
    Release { keyspace: String, name: Bytes },
    Raise { keyspace: String, name: Bytes },
    BarrierRead { keyspace: String, name: Bytes },
    Lift { keyspace: String, name: Bytes },
    Enter { keyspace: String, name: Bytes },
    GatheringRead { keyspace: String, name: Bytes },
    Leave { keyspace: String, name: Bytes },
    Services { keyspace: String, service: Bytes },
    Register { keyspace: String, service: Bytes, instance: Bytes },
    Deregister { keyspace: String, service: Bytes, instance: Bytes },
    Heartbeat { keyspace: String, service: Bytes, instance: Bytes },
}

impl Place {
    /// Which keyspace.
    #[must_use]
    pub fn keyspace(&self) -> &str {
        match self {
            Place::KeyCreate { keyspace, .. }
            | Place::LeaseGrant { keyspace }
            | Place::LeaseList { keyspace }
            | Place::LeaseRead { keyspace, .. }
            | Place::LeaseRevoke { keyspace, .. }
            | Place::LeaseKeep { keyspace, .. }
            | Place::Lock { keyspace, .. }
            | Place::LockRead { keyspace, .. }
            | Place::Unlock { keyspace, .. }
            | Place::Campaign { keyspace, .. }
            | Place::Leader { keyspace, .. }
            | Place::Resign { keyspace, .. }
            | Place::Permits { keyspace, .. }
            | Place::Acquire { keyspace, .. }
            | Place::SemaphoreRead { keyspace, .. }
            | Place::Release { keyspace, .. }
            | Place::Raise { keyspace, .. }
            | Place::BarrierRead { keyspace, .. }
            | Place::Lift { keyspace, .. }
            | Place::Enter { keyspace, .. }
            | Place::GatheringRead { keyspace, .. }
            | Place::Leave { keyspace, .. }
            | Place::Services { keyspace, .. }
            | Place::Register { keyspace, .. }
            | Place::Deregister { keyspace, .. }
            | Place::Heartbeat { keyspace, .. } => keyspace,
        }
    }

    /// The row of the table of routes that it stands in.
    #[must_use]
    pub fn operation(&self) -> usize {
        use route::row;
        match self {
            Place::KeyCreate { .. } => const { row("POST", "/v1/kv/{keyspace}/{key}") },
            Place::LeaseGrant { .. } => const { row("POST", "/v1/leases/{keyspace}") },
            Place::LeaseList { .. } => const { row("GET", "/v1/leases/{keyspace}") },
            Place::LeaseRead { .. } => const { row("GET", "/v1/leases/{keyspace}/{lease}") },
            Place::LeaseRevoke { .. } => const { row("DELETE", "/v1/leases/{keyspace}/{lease}") },
            Place::LeaseKeep { .. } => {
                const { row("POST", "/v1/leases/{keyspace}/{lease}/keep-alive") }
            }
            Place::Lock { .. } => const { row("POST", "/v1/locks/{keyspace}/{name}") },
            Place::LockRead { .. } => const { row("GET", "/v1/locks/{keyspace}/{name}") },
            Place::Unlock { .. } => const { row("DELETE", "/v1/locks/{keyspace}/{name}") },
            Place::Campaign { .. } => const { row("POST", "/v1/elections/{keyspace}/{name}") },
            Place::Leader { .. } => const { row("GET", "/v1/elections/{keyspace}/{name}") },
            Place::Resign { .. } => const { row("DELETE", "/v1/elections/{keyspace}/{name}") },
            Place::Permits { .. } => const { row("PUT", "/v1/semaphores/{keyspace}/{name}") },
            Place::Acquire { .. } => const { row("POST", "/v1/semaphores/{keyspace}/{name}") },
            Place::SemaphoreRead { .. } => const { row("GET", "/v1/semaphores/{keyspace}/{name}") },
            Place::Release { .. } => const { row("DELETE", "/v1/semaphores/{keyspace}/{name}") },
            Place::Raise { .. } => const { row("PUT", "/v1/barriers/{keyspace}/{name}") },
            Place::BarrierRead { .. } => const { row("GET", "/v1/barriers/{keyspace}/{name}") },
            Place::Lift { .. } => const { row("DELETE", "/v1/barriers/{keyspace}/{name}") },
            Place::Enter { .. } => const { row("POST", "/v1/double-barriers/{keyspace}/{name}") },
            Place::GatheringRead { .. } => {
                const { row("GET", "/v1/double-barriers/{keyspace}/{name}") }
            }
            Place::Leave { .. } => const { row("DELETE", "/v1/double-barriers/{keyspace}/{name}") },
            Place::Services { service, .. } if service.is_empty() => {
                const { row("GET", "/v1/services/{keyspace}") }
            }
            Place::Services { .. } => const { row("GET", "/v1/services/{keyspace}/{service}") },
            Place::Register { .. } => {
                const { row("PUT", "/v1/services/{keyspace}/{service}/{instance}") }
            }
            Place::Deregister { .. } => {
                const { row("DELETE", "/v1/services/{keyspace}/{service}/{instance}") }
            }
            Place::Heartbeat { .. } => {
                const { row("POST", "/v1/services/{keyspace}/{service}/{instance}/heartbeat") }
            }
        }
    }
}

/// Finds a place; `None` if the path is none of these.
pub fn parse(method: &Method, segments: &[&str]) -> Option<Result<Place, Problem>> {
    let place = match *segments {
        ["v1", "leases", keyspace] => leases(method, keyspace),
        ["v1", "leases", keyspace, id] => lease(method, keyspace, id),
        ["v1", "leases", keyspace, id, "keep-alive"] => keep(method, keyspace, id),
        ["v1", kind, keyspace, name]
            if ["locks", "elections", "semaphores", "barriers", "double-barriers"]
                .contains(&kind) =>
        {
            named(method, kind, keyspace, name)
        }
        ["v1", "services", keyspace] => services(method, keyspace, None),
        ["v1", "services", keyspace, service] => services(method, keyspace, Some(service)),
        ["v1", "services", keyspace, service, instance] => {
            instances(method, keyspace, service, instance)
        }
        ["v1", "services", keyspace, service, instance, "heartbeat"] => {
            heartbeat(method, keyspace, service, instance)
        }
        _ => return None,
    };
    Some(place)
}

fn leases(method: &Method, keyspace: &str) -> Result<Place, Problem> {
    let keyspace = route::text(keyspace)?;
    match *method {
        Method::POST => Ok(Place::LeaseGrant { keyspace }),
        Method::GET => Ok(Place::LeaseList { keyspace }),
        _ => Err(route::not_allowed(method, "POST, GET")),
    }
}

fn lease(method: &Method, keyspace: &str, lease: &str) -> Result<Place, Problem> {
    let (keyspace, lease) = (route::text(keyspace)?, lease_id(lease)?);
    match *method {
        Method::GET => Ok(Place::LeaseRead { keyspace, lease }),
        Method::DELETE => Ok(Place::LeaseRevoke { keyspace, lease }),
        _ => Err(route::not_allowed(method, "GET, DELETE")),
    }
}

fn keep(method: &Method, keyspace: &str, lease: &str) -> Result<Place, Problem> {
    let (keyspace, lease) = (route::text(keyspace)?, lease_id(lease)?);
    match *method {
        Method::POST => Ok(Place::LeaseKeep { keyspace, lease }),
        _ => Err(route::not_allowed(method, "POST")),
    }
}

/// A lease as it stands in keys: hexadecimal.
pub(super) fn lease_id(text: &str) -> Result<i64, Problem> {
    let id = match text.strip_prefix('-') {
        Some(digits) => i64::from_str_radix(digits, 16).ok().and_then(i64::checked_neg),
        None => i64::from_str_radix(text, 16).ok(),
    };
    id.filter(|id| *id != 0).ok_or_else(|| {
        let detail = format!("'{text}' is no lease: give the id that was granted, in hexadecimal");
        Problem::new(Code::INVALID_PARAMETER, detail)
    })
}

fn named(method: &Method, kind: &str, keyspace: &str, name: &str) -> Result<Place, Problem> {
    let (keyspace, name) = (route::text(keyspace)?, route::key(name)?);
    Ok(match (kind, method) {
        ("locks", &Method::POST) => Place::Lock { keyspace, name },
        ("locks", &Method::GET) => Place::LockRead { keyspace, name },
        ("locks", &Method::DELETE) => Place::Unlock { keyspace, name },
        ("elections", &Method::POST) => Place::Campaign { keyspace, name },
        ("elections", &Method::GET) => Place::Leader { keyspace, name },
        ("elections", &Method::DELETE) => Place::Resign { keyspace, name },
        ("semaphores", &Method::PUT) => Place::Permits { keyspace, name },
        ("semaphores", &Method::POST) => Place::Acquire { keyspace, name },
        ("semaphores", &Method::GET) => Place::SemaphoreRead { keyspace, name },
        ("semaphores", &Method::DELETE) => Place::Release { keyspace, name },
        ("barriers", &Method::PUT) => Place::Raise { keyspace, name },
        ("barriers", &Method::GET) => Place::BarrierRead { keyspace, name },
        ("barriers", &Method::DELETE) => Place::Lift { keyspace, name },
        ("double-barriers", &Method::POST) => Place::Enter { keyspace, name },
        ("double-barriers", &Method::GET) => Place::GatheringRead { keyspace, name },
        ("double-barriers", &Method::DELETE) => Place::Leave { keyspace, name },
        ("semaphores", _) => return Err(route::not_allowed(method, "PUT, POST, GET, DELETE")),
        ("barriers", _) => return Err(route::not_allowed(method, "PUT, GET, DELETE")),
        _ => return Err(route::not_allowed(method, "POST, GET, DELETE")),
    })
}

fn services(method: &Method, keyspace: &str, service: Option<&str>) -> Result<Place, Problem> {
    let keyspace = route::text(keyspace)?;
    let service = service.map_or(Ok(Bytes::new()), route::key)?;
    match *method {
        Method::GET => Ok(Place::Services { keyspace, service }),
        _ => Err(route::not_allowed(method, "GET")),
    }
}

/// An instance: its keyspace, its service, and its own name.
fn whose(keyspace: &str, service: &str, instance: &str) -> Result<(String, Bytes, Bytes), Problem> {
    Ok((route::text(keyspace)?, route::key(service)?, route::key(instance)?))
}

fn instances(
    method: &Method,
    keyspace: &str,
    service: &str,
    instance: &str,
) -> Result<Place, Problem> {
    let (keyspace, service, instance) = whose(keyspace, service, instance)?;
    match *method {
        Method::PUT => Ok(Place::Register { keyspace, service, instance }),
        Method::DELETE => Ok(Place::Deregister { keyspace, service, instance }),
        _ => Err(route::not_allowed(method, "PUT, DELETE")),
    }
}

fn heartbeat(
    method: &Method,
    keyspace: &str,
    service: &str,
    instance: &str,
) -> Result<Place, Problem> {
    let (keyspace, service, instance) = whose(keyspace, service, instance)?;
    match *method {
        Method::POST => Ok(Place::Heartbeat { keyspace, service, instance }),
        _ => Err(route::not_allowed(method, "POST")),
    }
}
