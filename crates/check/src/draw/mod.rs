//! Timelines: one lane per process, one bar per operation.

mod layout;
mod svg;
mod text;

#[cfg(test)]
mod tests;

pub use svg::svg;
pub use text::text;
