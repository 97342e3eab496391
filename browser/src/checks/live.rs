//! Values move without the page being loaded again, and whoever reads or types is not disturbed.

use super::LIVE;
use crate::browser::{Browser, Failure};

/// Writes a few keys and sees the log of their shard grow.
const WRITE: &str = r"
    const done = arguments[arguments.length - 1];
    (async () => {
        for (let i = 0; i < 20; i += 1)
            await fetch('/v1/kv/default/browser-' + i, { method: 'PUT', body: 'x' });
        done(true);
    })();";

/// The greatest applied index that is shown.
const APPLIED: &str = r"
    const cells = [...document.querySelectorAll('table.logs tbody tr td:nth-child(5)')];
    return Math.max(...cells.map((cell) => Number(cell.textContent)));";

/// Looks at a shard while it is written to.
pub async fn live(browser: &Browser, base: &str) -> Result<Vec<String>, Failure> {
    browser.open(&format!("{base}/keyspaces/default")).await?;
    browser.until("the page is live", LIVE, 5).await?;
    browser.run("document.querySelector('.shardline a').focus(); window.mark = 1").await?;
    let before = browser.run(APPLIED).await?.as_f64().ok_or("no applied index is shown")?;
    browser.run_until_done(WRITE, vec![]).await?;
    let grown = format!(
        "const shown = (() => {{ {APPLIED} }})(); return shown >= {before} + 20 ? shown : false"
    );
    let after = browser.until("the applied index grows", &grown, 5).await?;
    let still = "return window.mark === 1 && document.activeElement.matches('.shardline a')";
    if browser.run(still).await? != true {
        return Err("the page was loaded again, or the focus was lost".into());
    }
    Ok(vec![format!("applied index {before} → {after} without a reload; focus kept")])
}
