//! What cases stand on: a connection, keys of their own, and what became of them.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use etcd_client::{Client, ConnectOptions, Error};
use tokio::time::error::Elapsed;

use crate::{ambient, differences};

/// How long a case may take.
pub const LIMIT: Duration = Duration::from_secs(40);
/// How long an answer that must come may take.
pub const SOON: Duration = Duration::from_secs(10);
/// How long nothing must come, where nothing may.
pub const QUIET: Duration = Duration::from_millis(300);

/// Why a case did not pass.
#[derive(Debug)]
pub enum Fail {
    /// An answer was wrong.
    Wrong(String),
    /// There is nothing to try here.
    NotApplicable(&'static str),
}

/// What a case ends with.
pub type Verdict = Result<(), Fail>;

impl From<Error> for Fail {
    fn from(error: Error) -> Fail {
        Fail::Wrong(error.to_string())
    }
}

impl From<Elapsed> for Fail {
    fn from(_: Elapsed) -> Fail {
        Fail::Wrong("no answer in time".into())
    }
}

/// Fails unless both are equal.
#[macro_export]
macro_rules! same {
    ($found:expr, $expected:expr) => {
        $crate::case::same($found, $expected, concat!(file!(), ":", line!()))?
    };
}

/// Fails unless it holds.
#[macro_export]
macro_rules! holds {
    ($condition:expr) => {
        $crate::same!(($condition, stringify!($condition)), (true, stringify!($condition)))
    };
}

/// Fails unless both are equal.
pub fn same<A: PartialEq<B> + Debug, B: Debug>(found: A, expected: B, at: &str) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(Fail::Wrong(format!("{at}: found {found:?}, expected {expected:?}")))
}

/// Fails unless it was refused with this status and text.
pub fn refused<T>(found: Result<T, Error>, code: &str, text: &str) -> Verdict {
    let found = match found {
        Ok(_) => "an answer".to_string(),
        Err(Error::GRpcStatus(status)) => format!("{:?} {}", status.code(), status.message()),
        Err(other) => other.to_string(),
    };
    same(found, format!("{code} {text}"), "refusal")
}

/// What there is, or a failure.
pub fn some<T>(found: Option<T>, what: &str) -> Result<T, Fail> {
    found.ok_or_else(|| Fail::Wrong(format!("{what} is missing")))
}

/// Bytes as text, to compare and to print.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server, and room that no other run uses.
pub struct Stage {
    /// The addresses of all nodes.
    pub endpoints: Vec<String>,
    client: Client,
    run: u64,
    rooms: AtomicU32,
}

impl Stage {
    /// Connects to the nodes.
    pub async fn open(endpoints: &[String]) -> Result<Stage, Error> {
        let client = connect(endpoints, ConnectOptions::new()).await?;
        let rooms = AtomicU32::new(0);
        Ok(Stage { endpoints: endpoints.to_vec(), client, run: ambient::run(), rooms })
    }

    /// A client of the connection.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client of one node.
    pub async fn client_of(&self, endpoint: &str) -> Result<Client, Error> {
        connect(&[endpoint.to_string()], ConnectOptions::new()).await
    }

    /// A name that nobody has used: of keys, locks, users.
    pub fn name(&self) -> String {
        format!("interop-{:x}-{}", self.run, self.rooms.fetch_add(1, Ordering::Relaxed))
    }
}

/// Connects; no call hangs for ever.
pub async fn connect(endpoints: &[String], options: ConnectOptions) -> Result<Client, Error> {
    Client::connect(endpoints, Some(options.with_connect_timeout(SOON))).await
}

/// Counts what became of the cases and says it.
pub struct Tally {
    reference: bool,
    only: String,
    passed: u32,
    failed: u32,
    differs: u32,
    not_applicable: u32,
}

impl Tally {
    /// Nothing yet.
    pub fn new(reference: bool, only: String) -> Tally {
        Tally { reference, only, passed: 0, failed: 0, differs: 0, not_applicable: 0 }
    }

    /// Whether this case shall run.
    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    /// Notes what became of a case.
    pub fn note(&mut self, name: String, found: Result<Verdict, Elapsed>) {
        let difference = differences::of(&name).filter(|_| !self.reference);
        let (word, why) = match (found.unwrap_or_else(|e| Err(e.into())), difference) {
            (Ok(()), None) => ("passed", String::new()),
            (Err(Fail::NotApplicable(why)), _) => ("n/a", why.into()),
            (Err(Fail::Wrong(_)), Some(why)) => ("differs", why.into()),
            (Err(Fail::Wrong(why)), None) => ("FAILED", why),
            (Ok(()), Some(_)) => ("FAILED", "it is a documented difference, but passed".into()),
        };
        match word {
            "passed" => self.passed += 1,
            "n/a" => self.not_applicable += 1,
            "differs" => self.differs += 1,
            _ => self.failed += 1,
        }
        println!("{word:<8} {name}{}{why}", if why.is_empty() { "" } else { " - " });
    }

    /// Says the counts; a failure if a case failed.
    pub fn end(&self) -> std::process::ExitCode {
        println!(
            "etcd-client: {} passed, {} failed, {} documented differences, {} not applicable",
            self.passed, self.failed, self.differs, self.not_applicable
        );
        u8::from(self.failed > 0 || self.passed == 0).into()
    }
}
