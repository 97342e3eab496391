//! Limits, each with its unit.

/// Leases read from the records in one turn, in leases.
pub const LOADED_MAX: u32 = 4_096;
/// Leases looked at in one turn, in leases.
pub const LOOKED_AT_MAX: usize = 16_384;
/// Leases whose end is proposed and not applied yet, in leases: the next wait for them.
pub const ENDING_MAX: usize = 1_000;
/// Leases of which one turn notes what is left, in leases.
pub const NOTED_MAX: usize = 1_000;
/// Steps of a sweep proposed from one turn to the next.
pub const SWEEPS_MAX: u32 = 32;
