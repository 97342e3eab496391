//! Logging in.

use layers::coordination::ResponseHeader;
use prost::Message;

/// Asks for a token.
#[derive(Clone, PartialEq, Message)]
pub struct AuthenticateRequest {
    /// Who logs in.
    #[prost(string, tag = "1")]
    pub name: String,
    /// With which password.
    #[prost(string, tag = "2")]
    pub password: String,
}

/// A token.
#[derive(Clone, PartialEq, Message)]
pub struct AuthenticateResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// What to send with every call.
    #[prost(string, tag = "2")]
    pub token: String,
}
