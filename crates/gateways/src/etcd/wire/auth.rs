//! What can be said of users and roles where there are none.

use layers::coordination::ResponseHeader;
use prost::Message;

/// Whether they have to.
#[derive(Clone, PartialEq, Message)]
pub struct AuthStatusResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether they have to.
    #[prost(bool, tag = "2")]
    pub enabled: bool,
    /// How often users and roles were changed.
    #[prost(uint64, tag = "3")]
    pub auth_revision: u64,
}
