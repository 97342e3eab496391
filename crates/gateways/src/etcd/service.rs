//! What calls come to, beyond one question to the program.
//!
//! ```text
//!   renew     keep-alives of all streams, gathered into one question
//!   recipe    locks and elections: wait for a place, observe who leads
//!   operate   members, status, alarms, leadership
//!   hash      all keys as of a revision, in one number
//!   health    whether it makes sense to ask here
//!   reflect   what can be called
//! ```

mod hash;
mod health;
mod operate;
mod recipe;
mod reflect;
mod renew;
mod snapshot;
mod unary;

pub use health::watch as watch_health;
pub use operate::{VERSION, revision};
pub use recipe::{at_once, goes_on, observe, unknown};
pub use reflect::reflect;
pub use renew::{Renewals, serve as keep_alive};
pub use snapshot::download;
pub use unary::unary;
