//! Where changes go that the tree holds: a thread frees them.
//!
//! A flush lets go of some hundred thousand small pieces of memory at once. To free them takes tens
//! of milliseconds, and the worker has none: every request would wait.

use std::{
    io,
    sync::{Arc, mpsc},
};

use store::engine::Changes;

use crate::ambient;

/// Hands changes to the thread, which ends with this.
#[derive(Debug)]
pub struct Spent(mpsc::Sender<Arc<Changes>>);

impl Spent {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the machine has no room for one more.
    pub fn start() -> io::Result<Spent> {
        let (sender, changes) = mpsc::channel();
        ambient::spawn("quorate-free", move || changes.into_iter().for_each(drop))?;
        Ok(Spent(sender))
    }

    /// Frees changes, unless somebody still reads them.
    pub fn free(&self, changes: Arc<Changes>) {
        // The thread outlives the sender; what it did not take would be freed here.
        let _ = self.0.send(changes);
    }
}
