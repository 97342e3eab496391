//! How a call ended.

use std::{borrow::Cow, fmt::Write};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use vigil::Outcome;

/// A status code of gRPC. The numbers are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(dead_code, reason = "the list is gRPC's, whole")]
pub enum Code {
    /// All is well.
    Ok = 0,
    /// The caller went away.
    Cancelled = 1,
    /// None of the others.
    Unknown = 2,
    /// The request is wrong in itself.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// There is one already.
    AlreadyExists = 6,
    /// The caller may not.
    PermissionDenied = 7,
    /// A limit was reached.
    ResourceExhausted = 8,
    /// The state does not allow it.
    FailedPrecondition = 9,
    /// Something else came between.
    Aborted = 10,
    /// Beyond what there is.
    OutOfRange = 11,
    /// Nobody does that here.
    Unimplemented = 12,
    /// A mistake of ours.
    Internal = 13,
    /// Not now.
    Unavailable = 14,
    /// Something is lost.
    DataLoss = 15,
    /// Nobody knows who the caller is.
    Unauthenticated = 16,
}

/// The header with the code.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The header with the text.
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// How a call ended, with a text for the person who must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// The text; clients compare etcd's.
    pub text: Cow<'static, str>,
}

impl Status {
    /// A status.
    pub fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Status {
        Status { code, text: text.into() }
    }

    /// The trailers that say so.
    #[must_use]
    pub fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(4);
        self.put(&mut trailers);
        trailers
    }

    /// Adds what says so.
    pub fn put(&self, headers: &mut HeaderMap) {
        headers.insert(STATUS, HeaderValue::from(self.code as u16));
        // Encoded, it is visible ASCII.
        if let Ok(text) = HeaderValue::from_str(&encode(&self.text)) {
            headers.insert(MESSAGE, text);
        }
    }

    /// The trailers of a call that went well.
    #[must_use]
    pub fn ok() -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(STATUS, HeaderValue::from_static("0"));
        trailers
    }

    /// The same in few words; whose fault an error is, the standards for telemetry say by its HTTP
    /// status.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.code {
            Code::Cancelled => Outcome::Cancelled,
            _ => Outcome::of_status(self.http()),
        }
    }

    /// The HTTP status with the same meaning, as gRPC's own JSON gateways choose it.
    #[must_use]
    pub fn http(&self) -> u16 {
        match self.code {
            Code::Ok => 200,
            Code::Cancelled => 408,
            Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
            Code::DeadlineExceeded => 504,
            Code::NotFound => 404,
            Code::AlreadyExists | Code::Aborted => 409,
            Code::PermissionDenied => 403,
            Code::ResourceExhausted => 429,
            Code::Unimplemented => 501,
            Code::Unavailable => 503,
            Code::Unauthenticated => 401,
            Code::Unknown | Code::Internal | Code::DataLoss => 500,
        }
    }
}

/// What is not visible ASCII, and the percent sign, as percent and two digits.
fn encode(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'%';
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_two_headers_with_the_text_encoded() {
        let trailers = Status::new(Code::NotFound, "100 % ä\n").trailers();
        assert_eq!(trailers[STATUS], "5");
        assert_eq!(trailers[MESSAGE], "100 %25 %C3%A4%0A");
        assert_eq!(Status::ok()[STATUS], "0");
    }
}
