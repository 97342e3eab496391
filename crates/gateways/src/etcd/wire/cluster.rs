//! Who is in the cluster.

use layers::coordination::ResponseHeader;
use prost::Message;

/// A node, as etcd's clients see it.
#[derive(Clone, PartialEq, Message)]
pub struct Member {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where its peers connect.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// Where etcd's clients connect.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
    /// Whether it does not vote.
    #[prost(bool, tag = "5")]
    pub is_learner: bool,
}

/// Lists the nodes.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct MemberListRequest {
    /// Whether a leader has to confirm the answer.
    #[prost(bool, tag = "1")]
    pub linearizable: bool,
}

/// The nodes.
#[derive(Clone, PartialEq, Message)]
pub struct MemberListResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// By number.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}
