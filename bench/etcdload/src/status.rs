//! What nodes say of themselves.

use std::{sync::Arc, time::Duration};

use layers::coordination::{RangeRequest, RangeResponse, ResponseHeader};
use prost::Message;
use serde_json::{Value, json};

use crate::paths::Paths;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `etcdserverpb.StatusRequest`
#[derive(Clone, Copy, PartialEq, Message)]
struct StatusRequest {}

/// `etcdserverpb.StatusResponse`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(uint64, tag = "4")]
    leader: u64,
    #[prost(uint64, tag = "6")]
    term: u64,
    #[prost(string, repeated, tag = "8")]
    errors: Vec<String>,
}

/// The status of every node, in order.
pub async fn of_all(endpoints: &[String]) -> Value {
    let mut all = Vec::new();
    for endpoint in endpoints {
        let told = of(endpoint).await;
        all.push(told.unwrap_or_else(|error| json!({ "endpoint": endpoint, "failed": error })));
    }
    Value::Array(all)
}

/// A node's status, after it has answered a linearizable read: it knows a leader and has applied
/// what was committed.
async fn of(endpoint: &str) -> Result<Value, String> {
    let mut paths = Paths::new(Arc::from([endpoint.to_owned()]), PATIENCE, 0);
    let health = RangeRequest { key: "health".into(), ..RangeRequest::default() };
    paths.call::<RangeResponse>("/etcdserverpb.KV/Range", &health).await?;
    let path = "/etcdserverpb.Maintenance/Status";
    let status: StatusResponse = paths.call(path, &StatusRequest {}).await?;
    Ok(json!({
        "endpoint": endpoint,
        // In text: not every reader of JSON has integers of 64 bits.
        "member": status.header.unwrap_or_default().member_id.to_string(),
        "leader": status.leader.to_string(),
        "term": status.term,
        "version": status.version,
        "errors": status.errors,
    }))
}
