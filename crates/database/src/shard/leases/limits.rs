//! Limits, each with its unit.

/// Leases read from the records in one turn, in leases.
pub const LOADED_MAX: u32 = 4_096;
/// Leases looked at in one turn, in leases.
pub const LOOKED_AT_MAX: usize = 16_384;
/// Leases whose end is proposed and not applied yet, in leases: the next wait for them. To end one
/// takes a replica some 20 us, and everybody waits for all that one command ends.
pub const ENDING_MAX: usize = 64;
/// Leases of which one command notes what is left, in leases.
pub const NOTED_MAX: usize = 64;
/// Such commands proposed from one turn to the next, one after the other.
pub const LOTS_MAX: u32 = 16;
/// Steps of a sweep proposed from one turn to the next.
pub const SWEEPS_MAX: u32 = 32;
