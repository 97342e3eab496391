//! Every page: from a picture to HTML, pure.
//!
//! A page is a list of named parts, each rendered by a template of `templates/` from figures that
//! are ready to be shown; templates decide nothing.

mod chaos;
mod events;
mod extra;
mod keyspace;
mod keyspaces;
mod layout;
mod logs;
mod missing;
mod overview;
mod place;
mod requests;
mod runs;
mod shard;
#[cfg(test)]
mod tests;
mod traffic;

pub use events::export;
pub use extra::Extra;
pub use layout::whole;
pub use place::{Place, Tab};
pub use runs::file as run_file;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which tab it stands under.
    pub tab: Tab,
    /// What it is about.
    pub title: String,
    /// The status of HTTP.
    pub status: u16,
    /// Its parts, from top to bottom.
    pub parts: Vec<Part>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, an id in the page.
    pub name: &'static str,
    /// What stands in it.
    pub html: String,
}

impl Page {
    /// A page without parts.
    pub fn new(tab: Tab, title: impl Into<String>) -> Page {
        Page { tab, title: title.into(), status: 200, parts: Vec::new() }
    }

    /// With one more part.
    fn with(mut self, name: &'static str, template: &impl askama::Template) -> Page {
        // Writing to a string cannot fail.
        let html = template.render().unwrap_or_default();
        self.parts.push(Part { name, html });
        self
    }
}
