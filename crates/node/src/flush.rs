//! The thread that makes the engine durable, away from everybody who is in a hurry.

use std::sync::Arc;

use kernel::Token;
use store::engine::FlushJob;
use tracing::warn;

use crate::mailbox::{Mailbox, Taken};

/// What the thread is asked.
#[derive(Debug)]
pub enum Job<F> {
    /// Run this and report the token.
    Flush(Token, F),
    /// End the thread after what came before.
    Stop,
}

/// Runs jobs in order until it is stopped; `report` is told the token and whether it is durable.
pub fn run<F: FlushJob>(jobs: &Arc<Mailbox<Job<F>>>, mut report: impl FnMut(Token, bool)) {
    let mut batch = Vec::new();
    while jobs.take(&mut batch, None) != Taken::Closed {
        for job in batch.drain(..) {
            let Job::Flush(token, flush) = job else { return };
            let outcome = flush.run();
            if let Err(error) = &outcome {
                warn!(%error, "the engine could not be made durable");
            }
            report(token, outcome.is_ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use store::engine::{Engine, EngineError, MemEngine};

    use super::*;

    #[derive(Debug)]
    struct Broken;

    impl FlushJob for Broken {
        fn run(self) -> Result<(), EngineError> {
            Err(EngineError::Full)
        }
    }

    #[test]
    fn every_token_is_reported_once() {
        let jobs = Arc::new(Mailbox::new(0));
        let mut engine = MemEngine::new();
        for token in 1..=3 {
            jobs.push(Job::Flush(Token(token), engine.flush())).unwrap();
        }
        jobs.push(Job::Stop).unwrap();
        let mut reports = Vec::new();
        run(&jobs, |token, durable| reports.push((token.0, durable)));
        assert_eq!(reports, [(1, true), (2, true), (3, true)]);
    }

    #[test]
    fn a_failure_is_reported_too() {
        let jobs = Arc::new(Mailbox::new(0));
        jobs.push(Job::Flush(Token(1), Broken)).unwrap();
        jobs.close();
        let mut reports = Vec::new();
        run(&jobs, |token, durable| reports.push((token.0, durable)));
        assert_eq!(reports, [(1, false)]);
    }
}
