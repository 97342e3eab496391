//! How much a check may cost. Never a clock: the caller's closure may look at one.

/// Bounds on one check.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The most configurations that the search may visit for one key.
    pub states_max: u64,
    /// The most memory that the search keeps of where it was, in bytes; then it forgets.
    pub bytes_max: u64,
    /// Asked now and then; `true` ends the search with an unknown verdict.
    pub should_stop: &'a dyn Fn() -> bool,
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Limits { states_max: 50_000_000, bytes_max: 1 << 30, should_stop: &|| false }
    }
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Limits {{ states_max: {}, bytes_max: {} }}", self.states_max, self.bytes_max)
    }
}

/// Why a search gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Too many configurations.
    States(u64),
    /// The caller asked for it.
    Asked,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::States(limit) => write!(f, "gave up after {limit} states of one key"),
            Stop::Asked => f.write_str("stopped before it was done"),
        }
    }
}

/// What is left of the limits while one key is judged.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    limits: Limits<'a>,
    states: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(limits: Limits<'a>) -> Meter<'a> {
        Meter { limits, states: 0 }
    }

    /// The most bytes that the search may hold.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.limits.bytes_max
    }

    /// Configurations so far.
    pub(crate) fn states(&self) -> u64 {
        self.states
    }

    /// One more configuration.
    pub(crate) fn spend(&mut self) -> Result<(), Stop> {
        self.states += 1;
        if self.states > self.limits.states_max {
            return Err(Stop::States(self.limits.states_max));
        }
        if self.states.is_multiple_of(1024) && (self.limits.should_stop)() {
            return Err(Stop::Asked);
        }
        Ok(())
    }
}
