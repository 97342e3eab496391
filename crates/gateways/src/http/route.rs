//! Routes: method and path to [`Route`], by hand over path segments.
//!
//! [`TABLE`] lists every route once more, as OpenAPI writes them; tests hold the two together.

use bytes::Bytes;
use client::text::percent;
use hyper::Method;
use kernel::{NodeId, RequestId, ShardId};
use layers::kv::KEY_BYTES_MAX;

use super::{
    Problem,
    code::Code,
    recipe::{self, Place},
};
use crate::measure::same;

/// Every route, as method and path template.
pub const TABLE: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/v1/errors/{code}"),
    ("PUT", "/v1/kv/{keyspace}/{key}"),
    ("GET", "/v1/kv/{keyspace}/{key}"),
    ("HEAD", "/v1/kv/{keyspace}/{key}"),
    ("DELETE", "/v1/kv/{keyspace}/{key}"),
    ("GET", "/v1/kv/{keyspace}"),
    ("GET", "/v1/kv/{keyspace}:history"),
    ("POST", "/v1/kv/{keyspace}:batch"),
    ("POST", "/v1/counters/{keyspace}/{name}/increment"),
    ("GET", "/v1/counters/{keyspace}/{name}"),
    ("POST", "/v1/kv/{keyspace}/{key}"),
    ("POST", "/v1/leases/{keyspace}"),
    ("GET", "/v1/leases/{keyspace}"),
    ("GET", "/v1/leases/{keyspace}/{lease}"),
    ("DELETE", "/v1/leases/{keyspace}/{lease}"),
    ("POST", "/v1/leases/{keyspace}/{lease}/keep-alive"),
    ("POST", "/v1/locks/{keyspace}/{name}"),
    ("GET", "/v1/locks/{keyspace}/{name}"),
    ("DELETE", "/v1/locks/{keyspace}/{name}"),
    ("POST", "/v1/elections/{keyspace}/{name}"),
    ("GET", "/v1/elections/{keyspace}/{name}"),
    ("DELETE", "/v1/elections/{keyspace}/{name}"),
    ("PUT", "/v1/semaphores/{keyspace}/{name}"),
    ("POST", "/v1/semaphores/{keyspace}/{name}"),
    ("GET", "/v1/semaphores/{keyspace}/{name}"),
    ("DELETE", "/v1/semaphores/{keyspace}/{name}"),
    ("PUT", "/v1/barriers/{keyspace}/{name}"),
    ("GET", "/v1/barriers/{keyspace}/{name}"),
    ("DELETE", "/v1/barriers/{keyspace}/{name}"),
    ("POST", "/v1/double-barriers/{keyspace}/{name}"),
    ("GET", "/v1/double-barriers/{keyspace}/{name}"),
    ("DELETE", "/v1/double-barriers/{keyspace}/{name}"),
    ("GET", "/v1/services/{keyspace}"),
    ("GET", "/v1/services/{keyspace}/{service}"),
    ("PUT", "/v1/services/{keyspace}/{service}/{instance}"),
    ("DELETE", "/v1/services/{keyspace}/{service}/{instance}"),
    ("POST", "/v1/services/{keyspace}/{service}/{instance}/heartbeat"),
    ("GET", "/v1/keyspaces"),
    ("PUT", "/v1/keyspaces/{keyspace}"),
    ("GET", "/v1/keyspaces/{keyspace}"),
    ("DELETE", "/v1/keyspaces/{keyspace}"),
    ("GET", "/v1/keyspaces/{keyspace}/explain"),
    ("GET", "/v1/fate/{request-id}"),
    ("GET", "/v1/pipe"),
    ("GET", "/v1/cluster"),
    ("POST", "/v1/cluster/nodes"),
    ("DELETE", "/v1/cluster/nodes/{id}"),
    ("POST", "/v1/shards/{id}/transfer"),
    ("POST", "/v1/shards/{id}/move"),
    ("POST", "/v1/chaos"),
    ("GET", "/v1/events"),
    ("GET", "/v1/vitals"),
    ("GET", "/v1/traces"),
    ("GET", "/v1/traces/{trace}"),
    ("GET", "/v1/slo"),
    ("GET", "/v1/doctor"),
];

/// The operation of a page for people, and of what is no route: behind those of the table.
pub const PAGE: usize = TABLE.len();
/// See [`PAGE`].
pub const NONE: usize = TABLE.len() + 1;

/// What requests are told apart by where they are counted: a name for every row of the table, for
/// pages, and for the rest.
pub fn operations() -> impl Iterator<Item = String> {
    let rows = TABLE.iter().map(|(method, template)| format!("{method} {template}"));
    rows.chain(["page", "none"].map(str::to_owned))
}

/// The place of a row in the table. One that is not there does not compile.
pub(super) const fn row(method: &str, template: &str) -> usize {
    let mut at = 0;
    while !(same(TABLE[at].0, method) && same(TABLE[at].1, template)) {
        at += 1;
    }
    at
}

/// A place of the API with the names in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "one variant per row of TABLE, named after it")]
pub enum Route {
    Index,
    Health,
    Ready,
    Metrics,
    OpenApi,
    ErrorPage { code: String },
    Put { keyspace: String, key: Bytes },
    Get { keyspace: String, key: Bytes },
    Delete { keyspace: String, key: Bytes },
    Scan { keyspace: String },
    History { keyspace: String },
    Batch { keyspace: String },
    Increment { keyspace: String, name: Bytes },
    Count { keyspace: String, name: Bytes },
    Keyspaces,
    KeyspacePut { keyspace: String },
    KeyspaceGet { keyspace: String },
    KeyspaceDelete { keyspace: String },
    Explain { keyspace: String },
    Fate { id: RequestId },
    Pipe,
    Cluster,
    NodeAdd,
    NodeRemove { node: NodeId },
    Transfer { shard: ShardId },
    Move { shard: ShardId },
    Chaos,
    Events,
    Vitals,
    Traces,
    Trace { trace: u128 },
    Slo,
    Doctor,
    Recipe(Place),
}

impl Route {
    /// The row of the table that it stands in, of this method.
    #[must_use]
    pub fn operation(&self, method: &Method) -> usize {
        match self {
            Route::Index => const { row("GET", "/") },
            Route::Health => const { row("GET", "/healthz") },
            Route::Ready => const { row("GET", "/readyz") },
            Route::Metrics => const { row("GET", "/metrics") },
            Route::OpenApi => const { row("GET", "/v1/openapi.json") },
            Route::ErrorPage { .. } => const { row("GET", "/v1/errors/{code}") },
            Route::Put { .. } => const { row("PUT", "/v1/kv/{keyspace}/{key}") },
            Route::Get { .. } if *method == Method::HEAD => {
                const { row("HEAD", "/v1/kv/{keyspace}/{key}") }
            }
            Route::Get { .. } => const { row("GET", "/v1/kv/{keyspace}/{key}") },
            Route::Delete { .. } => const { row("DELETE", "/v1/kv/{keyspace}/{key}") },
            Route::Scan { .. } => const { row("GET", "/v1/kv/{keyspace}") },
            Route::History { .. } => const { row("GET", "/v1/kv/{keyspace}:history") },
            Route::Batch { .. } => const { row("POST", "/v1/kv/{keyspace}:batch") },
            Route::Increment { .. } => {
                const { row("POST", "/v1/counters/{keyspace}/{name}/increment") }
            }
            Route::Count { .. } => const { row("GET", "/v1/counters/{keyspace}/{name}") },
            Route::Keyspaces => const { row("GET", "/v1/keyspaces") },
            Route::KeyspacePut { .. } => const { row("PUT", "/v1/keyspaces/{keyspace}") },
            Route::KeyspaceGet { .. } => const { row("GET", "/v1/keyspaces/{keyspace}") },
            Route::KeyspaceDelete { .. } => const { row("DELETE", "/v1/keyspaces/{keyspace}") },
            Route::Explain { .. } => const { row("GET", "/v1/keyspaces/{keyspace}/explain") },
            Route::Fate { .. } => const { row("GET", "/v1/fate/{request-id}") },
            Route::Pipe => const { row("GET", "/v1/pipe") },
            Route::Cluster => const { row("GET", "/v1/cluster") },
            Route::NodeAdd => const { row("POST", "/v1/cluster/nodes") },
            Route::NodeRemove { .. } => const { row("DELETE", "/v1/cluster/nodes/{id}") },
            Route::Transfer { .. } => const { row("POST", "/v1/shards/{id}/transfer") },
            Route::Move { .. } => const { row("POST", "/v1/shards/{id}/move") },
            Route::Chaos => const { row("POST", "/v1/chaos") },
            Route::Events => const { row("GET", "/v1/events") },
            Route::Vitals => const { row("GET", "/v1/vitals") },
            Route::Traces => const { row("GET", "/v1/traces") },
            Route::Trace { .. } => const { row("GET", "/v1/traces/{trace}") },
            Route::Slo => const { row("GET", "/v1/slo") },
            Route::Doctor => const { row("GET", "/v1/doctor") },
            Route::Recipe(place) => place.operation(),
        }
    }
}

/// Finds the route of a request.
///
/// # Errors
/// If there is none, it has no such method, or a name in the path is not one.
pub fn parse(method: &Method, path: &str) -> Result<Route, Problem> {
    if let Some(rest) = path.strip_prefix("/v1/kv/") {
        return kv(method, rest);
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let Some(place) = recipe::parse(method, &segments) {
        return place.map(Route::Recipe);
    }
    match *segments.as_slice() {
        ["v1", "counters", keyspace, name, "increment"] => {
            let (keyspace, name) = (text(keyspace)?, key(name)?);
            only(method, "POST", Route::Increment { keyspace, name })
        }
        ["v1", "counters", keyspace, name] => {
            let (keyspace, name) = (text(keyspace)?, key(name)?);
            only(method, "GET", Route::Count { keyspace, name })
        }
        ["v1", "keyspaces"] => only(method, "GET", Route::Keyspaces),
        ["v1", "keyspaces", keyspace] => keyspaces(method, text(keyspace)?),
        ["v1", "keyspaces", keyspace, "explain"] => {
            only(method, "GET", Route::Explain { keyspace: text(keyspace)? })
        }
        ["v1", "fate", id] => only(method, "GET", Route::Fate { id: request_id(id)? }),
        ["v1", "pipe"] => only(method, "GET", Route::Pipe),
        ["v1", "cluster"] => only(method, "GET", Route::Cluster),
        ["v1", "cluster", "nodes"] => only(method, "POST", Route::NodeAdd),
        ["v1", "cluster", "nodes", id] => {
            let node = NodeId::parse(id).ok_or_else(|| wrong(id, "a node id is n1, n2, …"))?;
            only(method, "DELETE", Route::NodeRemove { node })
        }
        ["v1", "shards", id, "transfer"] => {
            only(method, "POST", Route::Transfer { shard: shard(id)? })
        }
        ["v1", "shards", id, "move"] => only(method, "POST", Route::Move { shard: shard(id)? }),
        ["v1", "events"] => only(method, "GET", Route::Events),
        ["v1", "vitals"] => only(method, "GET", Route::Vitals),
        ["v1", "traces"] => only(method, "GET", Route::Traces),
        ["v1", "traces", id] => only(method, "GET", Route::Trace { trace: trace(id)? }),
        ["v1", "slo"] => only(method, "GET", Route::Slo),
        ["v1", "doctor"] => only(method, "GET", Route::Doctor),
        ["v1", "chaos"] => only(method, "POST", Route::Chaos),
        ["v1", "openapi.json"] => only(method, "GET", Route::OpenApi),
        ["v1", "errors", code] => only(method, "GET", Route::ErrorPage { code: text(code)? }),
        [""] => only(method, "GET", Route::Index),
        ["healthz"] => only(method, "GET", Route::Health),
        ["readyz"] => only(method, "GET", Route::Ready),
        ["metrics"] => only(method, "GET", Route::Metrics),
        _ => Err(Problem::new(
            Code::ROUTE_NOT_FOUND,
            format!("nothing is at {path}; /v1/openapi.json lists every route"),
        )),
    }
}

/// What follows `/v1/kv/`: a keyspace, a keyspace and a key, or a keyspace with `:batch` or
/// `:history`.
fn kv(method: &Method, rest: &str) -> Result<Route, Problem> {
    let Some((keyspace, name)) = rest.split_once('/') else {
        return match rest.split_once(':') {
            Some((keyspace, "batch")) => {
                only(method, "POST", Route::Batch { keyspace: text(keyspace)? })
            }
            Some((keyspace, "history")) => {
                only(method, "GET", Route::History { keyspace: text(keyspace)? })
            }
            _ => only(method, "GET", Route::Scan { keyspace: text(rest)? }),
        };
    };
    let (keyspace, key) = (text(keyspace)?, key(name)?);
    match *method {
        Method::PUT => Ok(Route::Put { keyspace, key }),
        Method::GET | Method::HEAD => Ok(Route::Get { keyspace, key }),
        Method::DELETE => Ok(Route::Delete { keyspace, key }),
        Method::POST => Ok(Route::Recipe(Place::KeyCreate { keyspace, key })),
        _ => Err(not_allowed(method, "PUT, GET, HEAD, POST, DELETE")),
    }
}

fn keyspaces(method: &Method, keyspace: String) -> Result<Route, Problem> {
    match *method {
        Method::PUT => Ok(Route::KeyspacePut { keyspace }),
        Method::GET => Ok(Route::KeyspaceGet { keyspace }),
        Method::DELETE => Ok(Route::KeyspaceDelete { keyspace }),
        _ => Err(not_allowed(method, "PUT, GET, DELETE")),
    }
}

fn only(method: &Method, allow: &'static str, route: Route) -> Result<Route, Problem> {
    if method.as_str() == allow { Ok(route) } else { Err(not_allowed(method, allow)) }
}

pub(super) fn not_allowed(method: &Method, allow: &'static str) -> Problem {
    let detail = format!("{method} is not a method of this route: use {allow}");
    Problem { allow: Some(allow), ..Problem::new(Code::METHOD_NOT_ALLOWED, detail) }
}

fn bytes(segment: &str) -> Result<Vec<u8>, Problem> {
    percent::decode_path(segment).ok_or_else(|| wrong(segment, "the percent-encoding is cut"))
}

pub(super) fn text(segment: &str) -> Result<String, Problem> {
    String::from_utf8(bytes(segment)?).map_err(|_| wrong(segment, "not UTF-8"))
}

pub(super) fn key(rest: &str) -> Result<Bytes, Problem> {
    let key = bytes(rest)?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let detail = format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
        return Err(Problem::new(Code::INVALID_KEY, detail));
    }
    Ok(key.into())
}

fn request_id(segment: &str) -> Result<RequestId, Problem> {
    RequestId::new(&bytes(segment)?)
        .ok_or_else(|| wrong(segment, "a request id has 1 to 64 visible ASCII characters"))
}

fn shard(segment: &str) -> Result<ShardId, Problem> {
    let number = segment.strip_prefix('s').unwrap_or(segment).parse();
    number.map(ShardId).map_err(|_| wrong(segment, "a shard id is s1, s2, …"))
}

fn trace(segment: &str) -> Result<u128, Problem> {
    let digits = segment.len() == 32 && segment.bytes().all(|b| b.is_ascii_hexdigit());
    let id = digits.then(|| u128::from_str_radix(segment, 16).ok()).flatten();
    id.ok_or_else(|| wrong(segment, "a trace id has 32 hexadecimal digits"))
}

fn wrong(part: &str, reason: &str) -> Problem {
    Problem::new(Code::INVALID_PATH, format!("'{part}' in the path: {reason}"))
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
