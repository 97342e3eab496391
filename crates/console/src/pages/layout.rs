//! What surrounds every page.

use askama::Template;

use super::{Page, Part, Tab};
use crate::{assets, picture::Picture};

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    title: &'a str,
    tabs: Vec<Item>,
    here: &'a str,
    cluster: String,
    live: String,
    others: String,
    elsewhere: Vec<(&'a str, String)>,
    parts: &'a [Part],
    style: &'a str,
    script: &'a str,
    icon: &'a str,
}

struct Item {
    name: &'static str,
    path: &'static str,
    current: bool,
}

/// A whole document. `target` is the address that it was asked for by.
pub fn whole(page: Page, picture: &Picture, others: &[String], target: &str) -> String {
    let shown = |tab: &Tab| *tab != Tab::Chaos || picture.chaos;
    let item = |tab: Tab| Item {
        name: tab.name(),
        path: tab.path(),
        current: page.status == 200 && tab == page.tab,
    };
    let encoded = client::text::percent::encode_component(target.as_bytes());
    let assets = assets::assets();
    let others: Vec<String> = others.iter().map(|other| format!("http://{other}")).collect();
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let elsewhere =
        picture.others().map(|node| (node.id.as_str(), format!("http://{}{path}", node.http)));
    let layout = Layout {
        title: &page.title,
        tabs: Tab::ALL.into_iter().filter(shown).map(item).collect(),
        here: &picture.here,
        cluster: picture.cluster.chars().take(8).collect(),
        live: format!("/live?page={encoded}"),
        others: others.join(" "),
        elsewhere: elsewhere.collect(),
        parts: &page.parts,
        style: &assets.style.path,
        script: &assets.script.path,
        icon: &assets.icon.path,
    };
    // Writing to a string cannot fail.
    layout.render().unwrap_or_default()
}
