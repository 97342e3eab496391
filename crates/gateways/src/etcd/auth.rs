//! Who calls: passwords are checked here, permissions are not.
//!
//! ```text
//!   Authenticate ─▶ the user's hash, from the program ─▶ bcrypt ─▶ token: user, revision, expiry
//!   other calls  ─▶ token ─▶ signature and expiry ─▶ Caller { user, revision } ─▶ the program
//! ```
//!
//! A token is signed with a key that the program keeps, so every node takes what any node gave, and
//! none remembers it. Whether its user still exists, has the same password and may do what it asks
//! is the program's to say, at the place of the log where it is done ([`layers::coordination`]).
//!
//! While auth is off, a call pays for one look at a flag. A node that has not heard yet that it was
//! turned on lets the program refuse, and learns from that.

mod answer;
mod known;
mod method;
mod passwords;
mod plan;
mod token;

pub use answer::{carry_out, credentials};
pub use known::{Doubt, Known, Who, caller_of};
pub use method::AuthMethod;
pub use passwords::Passwords;
pub use plan::{AuthTask, plan};
