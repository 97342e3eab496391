//! Everything can be reached and seen with the keyboard alone, in the order of the page.

use serde_json::Value;

use super::LIVE;
use crate::browser::{Browser, Failure};

/// The tabulator, as WebDriver writes it.
const TAB: char = '\u{e004}';
/// More stops than any page has.
const STOPS_MAX: usize = 200;

/// Numbers everything that can be reached, in the order of the page.
const NUMBER: &str = r"
    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, [tabindex=\'0\']')];
    window.stops = all;
    document.activeElement.blur();
    return all.length;";

/// Where the focus is: its number, and whether it can be seen.
const FOCUS: &str = r"
    const at = document.activeElement;
    const style = getComputedStyle(at);
    const box = at.getBoundingClientRect();
    return {
        number: window.stops.indexOf(at),
        name: at.outerHTML.slice(0, 120),
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        inside: box.width > 0 && box.height > 0 && box.top >= 0 && box.left >= 0,
        named: (at.getAttribute('aria-label') || at.textContent || at.labels?.[0]?.textContent || '').trim() !== '',
    };";

/// Walks through pages with the tabulator.
pub async fn keyboard(browser: &Browser, base: &str) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    for path in ["/", "/keyspaces/default", "/events", "/chaos"] {
        browser.open(&format!("{base}{path}")).await?;
        browser.until("the page is live", LIVE, 5).await?;
        let stops = walk(browser).await.map_err(|error| format!("{path}: {error}"))?;
        told.push(format!("{path}: {stops} stops in order, each visible and named"));
    }
    browser.open(&format!("{base}/")).await?;
    browser.press(TAB).await?;
    browser.press('\u{e007}').await?;
    let skipped = "return location.hash === '#main' && document.activeElement.id === 'main'";
    browser.until("the first stop skips to the content", skipped, 2).await?;
    Ok(told)
}

async fn walk(browser: &Browser) -> Result<i64, Failure> {
    let all = browser.run(NUMBER).await?.as_i64().unwrap_or(0);
    let mut last = -1;
    for _ in 0..STOPS_MAX {
        browser.press(TAB).await?;
        let focus = browser.run(FOCUS).await?;
        let (number, name) = (focus["number"].as_i64().unwrap_or(-1), &focus["name"]);
        if number < 0 {
            break;
        }
        if number != last + 1 {
            return Err(format!("after stop {last} of {all} comes {number}: {name}"));
        }
        for law in ["outlined", "inside", "named"] {
            if focus[law] != Value::Bool(true) {
                return Err(format!("stop {number} is not {law}: {name}"));
            }
        }
        last = number;
    }
    if last + 1 == all { Ok(all) } else { Err(format!("{} of {all} stops were reached", last + 1)) }
}
