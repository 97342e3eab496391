//! Linearizability: is there one order of all operations, in agreement with real time, that a
//! single copy of the data could have executed? (Herlihy and Wing, TOPLAS 1990)
//!
//! The property is local: each key is judged alone. Three ways, the cheapest that applies:
//!
//! ```text
//!   every value written once     zones     exact, n log n
//!   versions on every answer     witness   valid only, n log n; otherwise the search decides
//!   anything else                search    exact, exponential only in what is really ambiguous
//! ```
//!
//! Writes of unknown outcome that nobody could have observed are left out before: they may
//! simply not have happened.

mod counter;
mod events;
mod memory;
mod model;
mod name;
mod overwritten;
mod register;
mod search;
mod shrink;
mod witness;
mod zones;

#[cfg(test)]
mod tests;

pub(crate) use counter::judge as counter;
pub(crate) use register::judge as register;
