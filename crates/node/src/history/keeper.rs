//! The thread that writes events down, so that nobody who records one waits for a disk.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
};

use kernel::Duration;

use super::History;
use crate::{ambient, flight::Flight};

/// Between two writes: so much is lost when the process is killed.
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps events until it is told to stop, or dropped.
#[derive(Debug)]
pub struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the machine has no room for one more.
    pub fn start(history: History, flight: Arc<Flight>) -> io::Result<Keeper> {
        let (stop, stopped) = mpsc::channel();
        let thread = ambient::spawn("quorate-events", move || run(history, &flight, &stopped))?;
        Ok(Keeper { stop, thread })
    }

    /// Ends the thread; in good order it writes what is left. Gives whether it was whole.
    #[must_use]
    pub fn finish(self, clean: bool) -> bool {
        if clean {
            // A thread that is gone already is told by the join.
            let _ = self.stop.send(());
        }
        drop(self.stop);
        self.thread.join().is_ok()
    }
}

fn run(mut history: History, flight: &Flight, stopped: &Receiver<()>) {
    loop {
        let told = stopped.recv_timeout(PERIOD);
        if told != Err(RecvTimeoutError::Disconnected) {
            history.keep(flight);
        }
        if told != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
