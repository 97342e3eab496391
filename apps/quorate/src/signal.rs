//! Signals to other processes, and the one that the kernel sends when a parent ends.

use std::io;

use rustix::process::{self, Pid};

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks to end in good order.
    Term,
    /// Ends at once: nothing is written any more.
    Kill,
    /// Stops the process without ending it.
    Stop,
    /// Goes on after a stop.
    Continue,
}

impl From<Signal> for process::Signal {
    fn from(signal: Signal) -> process::Signal {
        match signal {
            Signal::Term => process::Signal::TERM,
            Signal::Kill => process::Signal::KILL,
            Signal::Stop => process::Signal::STOP,
            Signal::Continue => process::Signal::CONT,
        }
    }
}

/// Sends a signal to one process.
///
/// # Errors
/// If there is no such process or it belongs to somebody else.
pub fn send(pid: u32, signal: Signal) -> io::Result<()> {
    // Never 0, which would name our own group.
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(process::kill_process(pid, signal.into())?)
}

/// Makes this process end when its parent does, however the parent ends: no server is left behind
/// that holds ports and files.
///
/// # Errors
/// If the parent has ended already.
pub fn end_with(parent: u32) -> io::Result<()> {
    process::set_parent_process_death_signal(Some(process::Signal::TERM))?;
    // A parent that ended before the call above sends nothing any more.
    let now = process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now != Some(parent) {
        return Err(io::Error::other(format!("process {parent} is not our parent, or has ended")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_everybody_are_no_targets() {
        assert!(send(0, Signal::Term).is_err());
        assert!(send(u32::MAX, Signal::Term).is_err());
    }

    #[test]
    fn a_stranger_is_no_parent() {
        assert!(end_with(std::process::id()).is_err());
    }
}
