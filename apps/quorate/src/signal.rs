//! Signals to other processes, and what the kernel tells about them. The only unsafe code of the
//! binary: two system calls that the standard library does not offer.

use std::io;

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

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Signal::Term => libc::SIGTERM,
            Signal::Kill => libc::SIGKILL,
            Signal::Stop => libc::SIGSTOP,
            Signal::Continue => libc::SIGCONT,
        }
    }
}

/// Sends a signal to one process.
///
/// # Errors
/// If there is no such process or it belongs to somebody else.
pub fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: kill takes two integers and touches no memory of ours. The pid is positive, so it
    // names one process and no group.
    match unsafe { libc::kill(pid, signal.number()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes a child end when its parent does, however the parent ends: no server is left behind
/// that holds ports and files.
pub fn end_with_parent(command: &mut tokio::process::Command) {
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl is one, it
    // allocates nothing and touches no memory.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_everybody_are_no_targets() {
        assert!(send(0, Signal::Term).is_err());
        assert!(send(u32::MAX, Signal::Term).is_err());
    }
}
