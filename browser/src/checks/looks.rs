//! Text can be read, in light and dark; a phone shows everything without being pushed sideways.

use std::path::Path;

use super::{LIVE, PAGES};
use crate::browser::{Browser, Failure};

/// Text whose contrast is below what WCAG 2.2 AA asks for.
const CONTRAST: &str = include_str!("contrast.js");

/// How far a page is wider than its window, and what reaches over its edge.
const SIDEWAYS: &str = r"
    const room = document.documentElement.clientWidth;
    const over = document.documentElement.scrollWidth - room;
    if (over <= 0) return [];
    const wide = [...document.querySelectorAll('body *')].filter((part) =>
        !part.closest('.scroll, nav') && part.getBoundingClientRect().right > room + 1);
    return ['by ' + over + ' px', ...wide.slice(0, 5).map((part) => part.outerHTML.slice(0, 100))];";

/// Looks at every page, light, dark, and on a phone.
pub async fn looks(
    browser: &Browser,
    base: &str,
    shots: Option<&Path>,
) -> Result<Vec<String>, Failure> {
    bites(browser, base).await?;
    let mut checked = 0;
    for (name, scheme, width, height) in [
        ("light", "light", 1280, 900),
        ("dark", "dark", 1280, 900),
        ("phone", "light", 390, 844),
        ("phone-dark", "dark", 390, 844),
    ] {
        browser.scheme(scheme).await?;
        for path in PAGES {
            browser.size(width, height, width < 500).await?;
            browser.open(&format!("{base}{path}")).await?;
            browser.until("the page is live", LIVE, 5).await?;
            let faint = browser.run(CONTRAST).await?;
            let faint = faint.as_array().cloned().unwrap_or_default();
            if !faint.is_empty() {
                return Err(format!("{path} ({name}): too little contrast: {faint:?}"));
            }
            let sideways = browser.run(SIDEWAYS).await?;
            if sideways.as_array().is_none_or(|parts| !parts.is_empty()) {
                return Err(format!("{path} ({name}) is wider than its window: {sideways}"));
            }
            checked += 1;
            if let Some(shots) = shots {
                shoot(browser, shots, path, name, width).await?;
            }
        }
    }
    browser.scheme("light").await?;
    Ok(vec![format!("{checked} views with WCAG AA contrast and nothing sideways")])
}

/// Both measures find what is wrong when something is.
async fn bites(browser: &Browser, base: &str) -> Result<(), Failure> {
    browser.scheme("light").await?;
    browser.open(&format!("{base}/")).await?;
    browser.run("document.querySelector('h1').style.color = '#999'").await?;
    browser.run("document.querySelector('h1').style.width = '3000px'").await?;
    for (name, script) in [("contrast", CONTRAST), ("width", SIDEWAYS)] {
        let found = browser.run(script).await?;
        if found.as_array().is_none_or(Vec::is_empty) {
            return Err(format!(
                "a title that is pale and wide was not found by the measure of {name}"
            ));
        }
    }
    Ok(())
}

/// The whole page as a picture.
async fn shoot(
    browser: &Browser,
    shots: &Path,
    path: &str,
    name: &str,
    width: u32,
) -> Result<(), Failure> {
    let height = browser.run("return document.documentElement.scrollHeight").await?;
    let height = u32::try_from(height.as_u64().unwrap_or(900)).unwrap_or(900).clamp(400, 4_000);
    browser.size(width, height, width < 500).await?;
    let place = path.trim_matches('/').replace('/', "-");
    let place = if place.is_empty() { "overview".to_owned() } else { place };
    std::fs::create_dir_all(shots).map_err(|error| error.to_string())?;
    let file = shots.join(format!("{place}-{name}.png"));
    let picture = browser.screenshot().await?;
    std::fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))
}
