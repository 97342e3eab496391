//! How a request ended, in so few words that every kind of request can be counted by it.

use crate::slo;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It was answered.
    Ok,
    /// The client asked for what cannot be.
    ClientError,
    /// It was not answered, or nobody knows, through no fault of the client.
    ServerError,
    /// The client went away first.
    Cancelled,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 4] =
        [Outcome::Ok, Outcome::ClientError, Outcome::ServerError, Outcome::Cancelled];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::ClientError => "client-error",
            Outcome::ServerError => "server-error",
            Outcome::Cancelled => "cancelled",
        }
    }

    /// By the status of HTTP.
    #[must_use]
    pub fn of_status(status: u16) -> Outcome {
        match status {
            ..400 => Outcome::Ok,
            400..500 => Outcome::ClientError,
            500.. => Outcome::ServerError,
        }
    }

    /// By a code of ours, as objectives count it; without one it went well.
    #[must_use]
    pub fn of_code(code: Option<&str>) -> Outcome {
        match code {
            None => Outcome::Ok,
            code if slo::is_bad(code) => Outcome::ServerError,
            Some(_) => Outcome::ClientError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn whose_fault_it_was_is_told_by_status_and_by_code() {
        let of = |status| Outcome::of_status(status).name();
        assert_eq!(
            [101, 204, 304, 404, 429, 503].map(of),
            ["ok", "ok", "ok", "client-error", "client-error", "server-error"]
        );
        let of = |code| Outcome::of_code(code).name();
        let codes = [None, Some("keyspace-not-found"), Some("unavailable")];
        assert_eq!(codes.map(of), ["ok", "client-error", "server-error"]);
    }
}
