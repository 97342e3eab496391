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
    let mut told = vec![format!("{} pages without an error", PAGES.len() + 1)];
    told.extend(run(browser, base).await?);
    Ok(told)
}

/// Opens a recorded run, if there is one, and moves through its time.
async fn run(browser: &Browser, base: &str) -> Result<Option<String>, Failure> {
    browser.open(&format!("{base}/runs")).await?;
    browser.until("the page is live", LIVE, 5).await?;
    let link = browser
        .run("const link = document.querySelector('#runs tbody a'); return link && link.href")
        .await?;
    let Some(link) = link.as_str() else { return Ok(None) };
    browser.open(link).await?;
    browser.until("a frame", "return document.querySelector('iframe') !== null", 5).await?;
    browser.inside_frame(true).await?;
    let slider = "const slider = document.querySelector('input[type=range]'); if (!slider) return false; \
                  slider.value = slider.min; slider.dispatchEvent(new Event('input')); return true";
    let moved = browser.until("the time of the run can be moved", slider, 5).await;
    let apart = browser.run("try { return parent.document.title } catch { return null }").await?;
    browser.inside_frame(false).await?;
    moved?;
    if !apart.is_null() {
        return Err("a recorded run can reach the console around it".into());
    }
    let errors = browser.errors().await?;
    let errors: Vec<&String> = errors.iter().filter(|line| !line.contains("parent")).collect();
    if !errors.is_empty() {
        return Err(format!("{link}: {errors:?}"));
    }
    Ok(Some("a recorded run is opened in its sandbox and moved through".into()))
}
