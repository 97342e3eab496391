//! Every page loads, is live, and the browser has nothing to complain about.

use super::{LIVE, PAGES};
use crate::browser::{Browser, Failure};

/// Opens every page.
pub async fn pages(browser: &Browser, base: &str) -> Result<Vec<String>, Failure> {
    browser.errors().await?;
    for path in PAGES {
        browser.open(&format!("{base}{path}")).await?;
        browser.until(&format!("{path} is live"), LIVE, 5).await?;
        let title = browser.run("return document.querySelectorAll('h1').length === 1").await?;
        if title != true {
            return Err(format!("{path} has no title"));
        }
        let errors = browser.errors().await?;
        if !errors.is_empty() {
            return Err(format!("{path}: {}", errors.join("; ")));
        }
    }
    browser.open(&format!("{base}/nothing/here")).await?;
    browser
        .until("a page that says so", "return document.body.innerText.includes('Nothing is at')", 3)
        .await?;
    // The browser reports the status of a page that is missing, rightly.
    browser.errors().await?;
    browser.open(&format!("{base}/")).await?;
    let nodes = "return document.querySelectorAll('#nodes .badge.good').length === 3";
    browser.until("all three nodes are live", nodes, 10).await?;
    Ok(vec![format!("{} pages without an error", PAGES.len() + 1)])
}
