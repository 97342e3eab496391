//! The thread that makes the engine durable, away from everybody who is in a hurry.

use std::sync::Arc;

use kernel::Token;
use store::engine::{EngineError, FlushJob};
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

/// What follows from a flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is durable.
    Durable,
    /// It is not; it is tried again when there is more to flush.
    Failed,
    /// The engine has failed although the disk has room. What it has stopped doing, merging tables for
    /// one, it does not take up again until it is opened anew.
    Broken(String),
}

/// Judges how a flush ended.
pub fn judge(outcome: Result<(), EngineError>, has_room: impl Fn() -> bool) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Durable,
        Err(error) if error == EngineError::Full || !has_room() => Verdict::Failed,
        Err(error) => Verdict::Broken(error.to_string()),
    }
}

/// Runs jobs in order until it is stopped; `report` is told the token and what came of it.
pub fn run<F: FlushJob>(
    jobs: &Arc<Mailbox<Job<F>>>,
    mut report: impl FnMut(Token, Result<(), EngineError>),
) {
    let mut batch = Vec::new();
    while jobs.take(&mut batch, None) != Taken::Closed {
        for job in batch.drain(..) {
            let Job::Flush(token, flush) = job else { return };
            let outcome = flush.run();
            if let Err(error) = &outcome {
                warn!(%error, "the engine could not be made durable");
            }
            report(token, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use store::engine::{Engine, MemEngine};

    use super::*;

    #[derive(Debug)]
    struct Broken;

    impl FlushJob for Broken {
        fn run(self) -> Result<(), EngineError> {
            Err(EngineError::Full)
        }
    }

    #[test]
    fn an_engine_that_fails_without_want_of_room_is_broken() {
        let broken = || EngineError::Io("no merging any more".to_owned());
        assert_eq!(judge(Ok(()), || false), Verdict::Durable);
        assert_eq!(judge(Err(EngineError::Full), || true), Verdict::Failed);
        assert_eq!(judge(Err(broken()), || false), Verdict::Failed);
        assert_eq!(judge(Err(broken()), || true), Verdict::Broken(broken().to_string()));
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
        assert_eq!(reports, [(1, Ok(())), (2, Ok(())), (3, Ok(()))]);
    }

    #[test]
    fn a_failure_is_reported_too() {
        let jobs = Arc::new(Mailbox::new(0));
        jobs.push(Job::Flush(Token(1), Broken)).unwrap();
        jobs.close();
        let mut reports = Vec::new();
        run(&jobs, |token, durable| reports.push((token.0, durable)));
        assert_eq!(reports, [(1, Err(EngineError::Full))]);
    }
}
