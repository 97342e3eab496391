//! Mutated and random bytes for every decoder of the house.
//!
//! ```text
//!   seed ─▶ sample: a valid encoding, made by the real encoder
//!              │
//!              ▼
//!           mutate: bits, cuts, splices, lengths, copies, noise   ─▶ mend: checksums made right
//!                                                                        │  again, mostly
//!   panic, too much memory, too slow, a broken law ◀─ feed ◀─────────────┘
//!     seed, number, bytes, and the command that replays them
//! ```
//!
//! There is no coverage to guide it: the encodings are made by the encoders, so that mutants reach
//! deep, and checksums are repaired after most mutations, since behind a checksum that never holds
//! nothing is tested. An input follows from the seed, the target's name and its number alone.
#![forbid(unsafe_code)]

pub mod ambient;
mod draw;
mod hunt;
mod mutate;
mod target;
mod targets;

pub use hunt::{Figures, Hunt, input, judge};
pub use target::{Fed, Memory, Target};
pub use targets::all;

/// What an input makes the decoders allocate is counted here.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
