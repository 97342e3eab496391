//! Keyspaces and changes of the control plane.

use client::document::{self, Explanation, Keyspaces};
use database::api::Keyspace;
use serde_json::json;

use super::super::{Problem, Response, code::Code, contract};
use super::json as respond;

pub fn list(all: &[Keyspace]) -> Response {
    let mut keyspaces: Vec<_> = all.iter().map(document).collect();
    keyspaces.sort_by(|a, b| a.name.cmp(&b.name));
    respond(200, &Keyspaces { keyspaces })
}

pub fn one(name: &str, all: &[Keyspace]) -> Result<Response, Problem> {
    Ok(respond(200, &document(find(name, all)?)))
}

pub fn explain(name: &str, all: &[Keyspace]) -> Result<Response, Problem> {
    let lines = find(name, all)?.contract.explain().lines().map(str::to_owned).collect();
    Ok(respond(200, &Explanation { keyspace: name.into(), lines }))
}

pub fn put(keyspace: &Keyspace, changed: bool) -> Response {
    respond(if changed { 201 } else { 200 }, &document(keyspace))
}

pub fn changed(changed: bool) -> Response {
    respond(200, &json!({ "changed": changed }))
}

fn find<'a>(name: &str, all: &'a [Keyspace]) -> Result<&'a Keyspace, Problem> {
    all.iter().find(|keyspace| keyspace.name == name).ok_or_else(|| {
        Problem::new(Code::KEYSPACE_NOT_FOUND, format!("there is no keyspace '{name}'"))
    })
}

fn document(keyspace: &Keyspace) -> document::Keyspace {
    document::Keyspace {
        id: keyspace.id.to_string(),
        name: keyspace.name.clone(),
        contract: contract::write(&keyspace.contract),
        shards: keyspace.shards.iter().map(ToString::to_string).collect(),
    }
}
