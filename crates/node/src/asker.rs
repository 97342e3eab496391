//! Who waits for an answer.

use std::{fmt, sync::Arc};

use kernel::process::Sink;
use tokio::sync::oneshot;

/// Where one answer goes. An asker that is dropped unanswered, because its node ends, learns it.
pub enum Asker<Y> {
    /// A caller that waits for this answer alone.
    One(oneshot::Sender<Y>),
    /// A place that takes the answers of many.
    Many(Place<Y>),
}

/// One of the answers that a [`Sink`] waits for.
pub struct Place<Y> {
    sink: Arc<dyn Sink<Y>>,
    tag: u64,
    lost: fn() -> Y,
    told: bool,
}

impl<Y> Asker<Y> {
    /// The asker of answer `tag` of a sink; `lost` is what it is told if nobody answers.
    pub fn of(sink: Arc<dyn Sink<Y>>, tag: u64, lost: fn() -> Y) -> Asker<Y> {
        Asker::Many(Place { sink, tag, lost, told: false })
    }

    /// Hands the answer over.
    pub fn send(self, answer: Y) {
        match self {
            // Who has gone needs no answer.
            Asker::One(sender) => drop(sender.send(answer)),
            Asker::Many(mut place) => {
                place.told = true;
                place.sink.put(place.tag, answer);
            }
        }
    }
}

impl<Y> Drop for Place<Y> {
    fn drop(&mut self) {
        if !self.told {
            self.sink.put(self.tag, (self.lost)());
        }
    }
}

impl<Y> fmt::Debug for Asker<Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Asker::One(_) => "One",
            Asker::Many(_) => "Many",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Tape(Mutex<Vec<(u64, &'static str)>>);

    impl Sink<&'static str> for Tape {
        fn put(&self, tag: u64, answer: &'static str) {
            self.0.lock().unwrap().push((tag, answer));
        }
    }

    #[test]
    fn every_asker_is_told_once() {
        let tape = Arc::new(Tape::default());
        let asker = |tag| {
            let sink: Arc<dyn Sink<&'static str>> = Arc::<Tape>::clone(&tape);
            Asker::of(sink, tag, || "lost")
        };
        asker(1).send("answer");
        drop(asker(2));
        assert_eq!(*tape.0.lock().unwrap(), [(1, "answer"), (2, "lost")]);
    }
}
