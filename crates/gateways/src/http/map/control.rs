//! Keyspaces, fates, members and shards.

use client::document;
use database::{
    Request,
    api::{Control, Member},
};
use hyper::header::CONTENT_TYPE;
use kernel::{NodeId, RequestId, ShardId};

use super::super::{Problem, code::Code, contract, query::Query};
use super::{Asked, Expect, Inbound, Plan, json};

pub fn keyspace_put(asked: Asked, inbound: &Inbound<'_>, name: String) -> Result<Plan, Problem> {
    let media = inbound.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.unwrap_or("application/json").split(';').next().unwrap_or_default().trim();
    let contract = match media {
        "application/json" if inbound.body.is_empty() => contract::from_toml("")?,
        "application/json" => contract::from_json(&inbound.body)?,
        "application/toml" | "text/toml" => match std::str::from_utf8(&inbound.body) {
            Ok(text) => contract::from_toml(text)?,
            Err(_) => return Err(Problem::new(Code::INVALID_BODY, "TOML is UTF-8")),
        },
        other => {
            let detail = format!("{other}: send application/json or application/toml");
            return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail));
        }
    };
    let control = Control::CreateKeyspace { name, contract };
    Ok(Plan::Ask(request(asked, control), Expect::KeyspacePut))
}

pub fn keyspace_drop(asked: Asked, name: String) -> Plan {
    Plan::Ask(request(asked, Control::DropKeyspace { name }), Expect::Control)
}

pub fn fate(asked: Asked, query: &mut Query, id: RequestId) -> Result<Plan, Problem> {
    let keyspace = query.text("keyspace")?;
    let request = Request::Fate { id: id.clone(), keyspace, timeout: asked.timeout };
    Ok(Plan::Ask(request, Expect::Fate { id }))
}

pub fn node_add(asked: Asked, inbound: &Inbound<'_>) -> Result<Plan, Problem> {
    let add: document::AddNode = json(&inbound.body)?;
    let member = Member {
        node: node(&add.id)?,
        peer: add.peer,
        http: add.http,
        // The node itself tells, once it runs.
        etcd: String::new(),
        labels: add.labels.into_iter().collect(),
    };
    Ok(Plan::Ask(request(asked, Control::AddNode(member)), Expect::Control))
}

pub fn node_remove(asked: Asked, node: NodeId) -> Plan {
    Plan::Ask(request(asked, Control::RemoveNode(node)), Expect::Control)
}

pub fn transfer(asked: Asked, inbound: &Inbound<'_>, shard: ShardId) -> Result<Plan, Problem> {
    let body: document::Transfer =
        if inbound.body.is_empty() { Default::default() } else { json(&inbound.body)? };
    let control = Control::Transfer { shard, to: optional_node(body.to)? };
    Ok(Plan::Ask(request(asked, control), Expect::Control))
}

pub fn move_replica(asked: Asked, inbound: &Inbound<'_>, shard: ShardId) -> Result<Plan, Problem> {
    let body: document::Move = json(&inbound.body)?;
    let (from, to) = (optional_node(body.from)?, optional_node(body.to)?);
    if from == to {
        let detail = "name a node that gives a replica up, one that gets one, or two different";
        return Err(Problem::new(Code::INVALID_BODY, detail));
    }
    Ok(Plan::Ask(request(asked, Control::MoveReplica { shard, from, to }), Expect::Control))
}

fn request(asked: Asked, control: Control) -> Request {
    Request::Control { control, request_id: asked.request_id, timeout: asked.timeout }
}

fn optional_node(text: Option<String>) -> Result<NodeId, Problem> {
    text.map_or(Ok(NodeId::NONE), |text| node(&text))
}

fn node(text: &str) -> Result<NodeId, Problem> {
    NodeId::parse(text).ok_or_else(|| {
        Problem::new(Code::INVALID_BODY, format!("'{text}': a node id is n1, n2, …"))
    })
}
