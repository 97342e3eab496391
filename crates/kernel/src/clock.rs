//! Orders of events without a shared clock.

pub mod hybrid;
