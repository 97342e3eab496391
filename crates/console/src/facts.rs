//! What nodes tell about themselves beside `/v1/cluster`, as far as the console reads it.
//!
//! Every field may be absent and unknown ones are ignored: nodes of other versions are shown for
//! what they tell.

mod doctor;
mod events;
mod traces;
mod vitals;

pub use doctor::{Alert, Doctor, Finding, Objective, Slo};
pub use events::{Event, Events, Severity};
pub use traces::{Request, Span, Traces};
pub use vitals::{Alarm, Health, Load, Peer, Queue, Second, Stage, Vitals};
