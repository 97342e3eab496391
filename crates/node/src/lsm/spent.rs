//! Where memory goes that is not needed any more: a thread frees it.
//!
//! What a flush lets go of, and an old generation of looked-up values, is up to a hundred MiB, or some
//! hundred thousand pieces, at once. To free them takes milliseconds, and the worker has none: every
//! request would wait.

use std::{io, sync::mpsc};

use crate::ambient;

/// Hands what is spent to the thread, which ends with the last of these.
#[derive(Clone, Debug)]
pub struct Spent(mpsc::Sender<Box<dyn Send>>);

impl Spent {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the machine has no room for one more.
    pub fn start() -> io::Result<Spent> {
        let (sender, all) = mpsc::channel::<Box<dyn Send>>();
        ambient::spawn("quorate-free", move || all.into_iter().for_each(drop))?;
        Ok(Spent(sender))
    }

    /// Frees something; what others hold too stays with them.
    pub fn free(&self, spent: impl Send + 'static) {
        // The thread outlives the sender; what it did not take would be freed here.
        let _ = self.0.send(Box::new(spent));
    }
}
