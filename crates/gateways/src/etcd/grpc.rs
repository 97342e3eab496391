//! What gRPC puts around a message: five bytes before it, a status behind the last one.
//!
//! ```text
//!   HEADERS  :path /etcdserverpb.KV/Put   content-type application/grpc   grpc-timeout 5S
//!   DATA     [0][length, 4 bytes][message]  …                             END_STREAM
//!
//!   HEADERS  :status 200   content-type application/grpc
//!   DATA     [0][length, 4 bytes][message]  …
//!   HEADERS  grpc-status 0                                                END_STREAM
//! ```
//!
//! Pure. HTTP/2 itself is the business of the `h2` library.

mod frame;
mod status;
mod timeout;

pub use frame::{Messages, PREFIX, frame, prefix};
pub use status::{Code, Status};
pub use timeout::timeout;
