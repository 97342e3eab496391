//! From a request to what must be asked: pure, total.

mod control;
mod counter;
mod data;
mod kv;
mod observe;

use bytes::Bytes;
use client::document::Chaos;
use database::{Request, api::Trace};
use hyper::HeaderMap;
use kernel::{Duration, RequestId};
use vigil::Question;

use super::{
    Problem,
    code::Code,
    evidence::Tag,
    operation,
    query::Query,
    recipe::{self, Job},
    route::Route,
    serve::Limits,
};
pub use data::Asked;
pub use data::level;

/// What a request comes to.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "most plans are the large one; each is moved once")]
pub enum Plan {
    /// Ask the database and render its answer.
    Ask(Request, Expect),
    /// Ask the database; if the keyspace is one for coordination, do this instead.
    Either(Request, Expect, Box<Job>),
    /// Do something in a coordination keyspace.
    Recipe(Box<Job>),
    /// Inject a fault, if faults may be injected here.
    Chaos(Chaos),
    /// Whether this node can serve.
    Ready,
    /// The metrics of the node.
    Metrics,
    /// What the node knows of itself.
    Observe(Question),
    /// Something that is always the same.
    Fixed(Fixed),
}

/// Answers that need no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// The list of useful links.
    Index,
    /// "The process lives."
    Health,
    /// The description of the API.
    OpenApi,
    /// The page of an error code.
    Page(&'static str),
}

/// Which answer to render, with what of the request the rendering needs.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one variant per kind of answer, named after its route")]
pub enum Expect {
    Put,
    Get { matches: Option<Tag>, none_match: Option<Tag> },
    Delete,
    Scan { keys_only: bool, incarnation: Option<kernel::Incarnation> },
    History { key: Bytes },
    Batch,
    Increment,
    Count,
    Keyspaces,
    Keyspace { name: String },
    Explain { name: String },
    KeyspacePut,
    Control,
    Fate { id: RequestId },
    Cluster,
}

/// What every answer repeats of its request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Echo {
    /// The trace.
    pub trace: Trace,
    /// The mutation's id.
    pub request_id: Option<RequestId>,
}

/// A request without its route.
pub struct Inbound<'a> {
    /// After the `?`.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// What a request may ask for.
    pub limits: &'a Limits,
}

/// Makes the plan for a request.
///
/// # Errors
/// If a parameter, a header or the body is wrong.
pub fn plan(route: Route, inbound: Inbound<'_>) -> Result<Plan, Problem> {
    let mut query = Query::parse(inbound.query)?;
    let asked = Asked::read(&mut query, &inbound)?;
    let plan = match route {
        Route::Put { keyspace, key } => kv::put(asked, &inbound, &mut query, keyspace, key)?,
        Route::Get { keyspace, key } => kv::get(asked, &inbound, &mut query, keyspace, key)?,
        Route::Delete { keyspace, key } => kv::delete(asked, &inbound, keyspace, key)?,
        Route::Scan { keyspace } => kv::scan(asked, &mut query, keyspace)?,
        Route::History { keyspace } => kv::history(asked, &mut query, keyspace)?,
        Route::Batch { keyspace } => kv::batch(asked, &inbound, keyspace)?,
        Route::Increment { keyspace, name } => counter::add(asked, &inbound, keyspace, name)?,
        Route::Count { keyspace, name } => counter::read(asked, &mut query, keyspace, name)?,
        Route::Keyspaces => Plan::Ask(Request::Keyspaces, Expect::Keyspaces),
        Route::KeyspaceGet { keyspace } => {
            Plan::Ask(Request::Keyspaces, Expect::Keyspace { name: keyspace })
        }
        Route::Explain { keyspace } => {
            Plan::Ask(Request::Keyspaces, Expect::Explain { name: keyspace })
        }
        Route::KeyspacePut { keyspace } => control::keyspace_put(asked, &inbound, keyspace)?,
        Route::KeyspaceDelete { keyspace } => control::keyspace_drop(asked, keyspace),
        Route::Recipe(place) => {
            Plan::Recipe(recipe::plan(place, asked, &inbound, &mut query)?.into())
        }
        Route::Fate { id } => control::fate(asked, &mut query, id)?,
        Route::Pipe => {
            let detail = format!("ask for it: Upgrade: {}", client::pipe::UPGRADE);
            return Err(Problem::new(Code::UPGRADE_REQUIRED, detail));
        }
        Route::Cluster => Plan::Ask(Request::Cluster, Expect::Cluster),
        Route::NodeAdd => control::node_add(asked, &inbound)?,
        Route::NodeRemove { node } => control::node_remove(asked, node),
        Route::Transfer { shard } => control::transfer(asked, &inbound, shard)?,
        Route::Move { shard } => control::move_replica(asked, &inbound, shard)?,
        Route::Chaos => Plan::Chaos(json(&inbound.body)?),
        Route::Events => observe::events(&mut query)?,
        Route::Vitals => observe::vitals(&mut query)?,
        Route::Traces => observe::traces(&mut query)?,
        Route::Trace { trace } => observe::trace(&mut query, trace)?,
        Route::Slo => observe::objectives(&mut query)?,
        Route::Doctor => Plan::Observe(Question::Doctor),
        Route::Ready => Plan::Ready,
        Route::Metrics => Plan::Metrics,
        Route::Index => Plan::Fixed(Fixed::Index),
        Route::Health => Plan::Fixed(Fixed::Health),
        Route::OpenApi => Plan::Fixed(Fixed::OpenApi),
        Route::ErrorPage { code } => Plan::Fixed(Fixed::Page(page(&code)?)),
    };
    query.finish()?;
    Ok(plan)
}

/// What the answer repeats; read apart from the plan, so that errors repeat it too.
pub fn echo(headers: &HeaderMap) -> Echo {
    Echo {
        trace: super::evidence::trace(headers),
        request_id: super::evidence::request_id(headers).ok().flatten(),
    }
}

fn page(code: &str) -> Result<&'static str, Problem> {
    let page = Code::parse(code).map(|code| code.page).or_else(|| operation::page(code));
    page.ok_or_else(|| Problem::new(Code::ROUTE_NOT_FOUND, format!("'{code}' is no error code")))
}

pub(super) fn json<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| Problem::new(Code::INVALID_BODY, e.to_string()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
