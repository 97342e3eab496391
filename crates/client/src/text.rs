//! How bytes and durations are spelled in URLs and JSON; shared by both ends of the API.

pub mod base64;
pub mod duration;
pub mod percent;
pub mod size;
