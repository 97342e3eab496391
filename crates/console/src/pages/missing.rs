//! What is shown where nothing is.

use askama::Template;

use super::{Page, Tab};

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    text: &'a str,
}

/// A page that says that there is nothing.
pub fn page(tab: Tab, text: &str) -> Page {
    let page = Page::new(tab, "Not found").with("missing", &Missing { text });
    Page { status: 404, ..page }
}
