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

    /// Hands the answer over; who is to be woken for it, once all that come together are.
    #[must_use]
    pub fn put(self, answer: Y) -> Option<Arc<dyn Sink<Y>>> {
        match self {
            // Who has gone needs no answer.
            Asker::One(sender) => {
                let _ = sender.send(answer);
                None
            }
            Asker::Many(mut place) => {
                place.told = true;
                place.sink.put(place.tag, answer).then(|| Arc::clone(&place.sink))
            }
        }
    }

    /// Hands over an answer that comes alone.
    pub fn send(self, answer: Y) {
        if let Some(sink) = self.put(answer) {
            sink.wake();
        }
    }
}

impl<Y> Drop for Place<Y> {
    fn drop(&mut self) {
        if !self.told {
            self.sink.tell(self.tag, (self.lost)());
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
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    #[derive(Default)]
    struct Tape {
        heard: Mutex<Vec<(u64, &'static str)>>,
        woken: AtomicUsize,
    }

    impl Sink<&'static str> for Tape {
        fn put(&self, tag: u64, answer: &'static str) -> bool {
            let mut heard = self.heard.lock().unwrap();
            heard.push((tag, answer));
            heard.len() == 1
        }

        fn wake(&self) {
            self.woken.fetch_add(1, Relaxed);
        }
    }

    fn asker(tape: &Arc<Tape>, tag: u64) -> Asker<&'static str> {
        let sink: Arc<dyn Sink<&'static str>> = Arc::<Tape>::clone(tape);
        Asker::of(sink, tag, || "lost")
    }

    #[test]
    fn every_asker_is_told_once() {
        let tape = Arc::new(Tape::default());
        asker(&tape, 1).send("answer");
        drop(asker(&tape, 2));
        assert_eq!(*tape.heard.lock().unwrap(), [(1, "answer"), (2, "lost")]);
        assert_eq!(tape.woken.load(Relaxed), 1);
    }

    #[test]
    fn who_has_many_answers_is_woken_by_who_gave_them() {
        let tape = Arc::new(Tape::default());
        let asked = (0..3).map(|tag| asker(&tape, tag)).collect::<Vec<_>>();
        let sleeping: Vec<_> = asked.into_iter().filter_map(|one| one.put("answer")).collect();
        assert_eq!((sleeping.len(), tape.woken.load(Relaxed)), (1, 0));
        assert_eq!(tape.heard.lock().unwrap().len(), 3);
    }
}
