//! What must be true of the console.

mod chaos;
mod keyboard;
mod live;
mod looks;
mod pages;
mod weight;

pub use chaos::chaos;
pub use keyboard::keyboard;
pub use live::live;
pub use looks::looks;
pub use pages::pages;
pub use weight::weight;

/// Every page with a fixed address.
const PAGES: [&str; 8] = [
    "/",
    "/keyspaces",
    "/keyspaces/default",
    "/shards/s2",
    "/requests",
    "/events",
    "/chaos",
    "/runs",
];

/// The page says that news come.
const LIVE: &str = "return document.getElementById('link').dataset.state === 'live'";
