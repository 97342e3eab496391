//! Puts that go on while nodes fail.
//!
//! ```text
//!   client ── put, own key ──▶ next node ── acknowledged ──▶ window: when was the last one?
//!     └── error ── try the next node ◀──┘
//!
//!   a line on standard input   the window so far, on a line of JSON
//!   the line `next`            the same, and a new window begins
//!   the end of the input       every acknowledged key is read back; the report
//! ```

mod back;
mod window;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use layers::coordination::{PutRequest, PutResponse};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{ambient, paths::Paths, work::PUT};
use window::Window;

/// Between an error and the next attempt.
const BACKOFF: Duration = Duration::from_millis(10);
/// Puts of one client, at most: their numbers are kept until the end.
const PUTS_MAX: u32 = 10_000_000;

/// Clients that put keys of their own, whatever happens to the nodes.
#[derive(Clone, Debug, clap::Args)]
pub struct Failover {
    /// Clients.
    #[arg(long, default_value_t = 16)]
    writers: usize,
    /// How long a put may take before another node is asked, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    deadline: u64,
    /// How long a client thinks between two puts, in milliseconds.
    #[arg(long, default_value_t = 2)]
    think: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 256)]
    bytes: usize,
    /// What all keys begin with; nothing else may be there.
    #[arg(long, default_value = "failover/")]
    prefix: String,
}

/// What the clients share.
struct Shared {
    plan: Failover,
    endpoints: Arc<[String]>,
    window: Mutex<Window>,
    ended: AtomicBool,
}

impl Failover {
    /// Runs until standard input ends, then reads back and reports.
    pub async fn run(&self, endpoints: &[String]) -> Result<(), String> {
        let shared = Arc::new(Shared {
            plan: self.clone(),
            endpoints: endpoints.into(),
            window: Mutex::new(Window::begin(ambient::now())),
            ended: AtomicBool::new(false),
        });
        let write = |number| tokio::spawn(write(Arc::clone(&shared), number));
        let writers: Vec<_> = (0..self.writers).map(write).collect();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
            println!("{}", shared.look(line.trim() == "next"));
        }
        shared.ended.store(true, Relaxed);
        let mut found = back::Found::default();
        for (number, writer) in writers.into_iter().enumerate() {
            let acknowledged = writer.await.map_err(|error| error.to_string())?;
            found.add(&shared, number, &acknowledged).await?;
        }
        println!("{}", found.told());
        Ok(())
    }
}

impl Shared {
    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, next: bool) -> serde_json::Value {
        let (mut window, now) = (self.window(), ambient::now());
        let told = window.told(now);
        if next {
            *window = Window::begin(now);
        }
        told
    }

    fn paths(&self, number: usize) -> Paths {
        let deadline = Duration::from_millis(self.plan.deadline);
        Paths::new(Arc::clone(&self.endpoints), deadline, number)
    }

    fn key(&self, client: usize, put: u32) -> String {
        format!("{}{client:04}/{put:08}", self.plan.prefix)
    }

    /// The value that belongs to a key: its name again and again.
    fn value(&self, key: &str) -> Vec<u8> {
        key.bytes().cycle().take(self.plan.bytes).collect()
    }
}

/// One client. Returns the numbers of the puts that were acknowledged, in order.
async fn write(shared: Arc<Shared>, number: usize) -> Vec<u32> {
    let mut paths = shared.paths(number);
    let mut acknowledged = Vec::new();
    for put in 0..PUTS_MAX {
        let key = shared.key(number, put);
        let value = shared.value(&key).into();
        let request = PutRequest { key: key.into(), value, ..PutRequest::default() };
        // The same put again does no harm: nobody else writes this key.
        while !shared.ended.load(Relaxed) {
            match paths.call::<PutResponse>(PUT, &request).await {
                Ok(_) => {
                    shared.window().acknowledged(ambient::now());
                    acknowledged.push(put);
                    break;
                }
                Err(error) => shared.window().failed(error),
            }
            tokio::time::sleep(BACKOFF).await;
        }
        if shared.ended.load(Relaxed) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(shared.plan.think)).await;
    }
    acknowledged
}
