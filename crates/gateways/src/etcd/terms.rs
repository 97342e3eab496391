//! What goes along with a question that a call asks.

use database::api::Trace;
use kernel::Duration;

/// How a question is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// How long it may try.
    pub timeout: Duration,
    /// Under which trace what is done for it is kept.
    pub trace: Trace,
}

/// What the gateway asks by itself, for nobody's call, has no trace.
impl From<Duration> for Terms {
    fn from(timeout: Duration) -> Terms {
        Terms { timeout, trace: Trace::default() }
    }
}
