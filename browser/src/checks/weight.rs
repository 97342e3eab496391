//! A page is light and there at once.

use super::{LIVE, PAGES};
use crate::browser::{Browser, Failure};

/// What a page may weigh with all it loads, uncompressed.
const BYTES_MAX: u64 = 150_000;
/// Loads of which the median counts.
const LOADS: usize = 5;

/// Bytes of the page and its files; streams flow on and are left out.
const WEIGHT: &str = r"
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return all.filter((entry) => !entry.name.includes('/live?'))
              .reduce((sum, entry) => sum + entry.decodedBodySize, 0);";

const PAINT: &str = r"
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    return paint ? paint.startTime : false;";

/// Weighs every page and measures its first paint.
pub async fn weight(browser: &Browser, base: &str, paint_ms: f64) -> Result<Vec<String>, Failure> {
    let mut heaviest = (0, "");
    let mut slowest = (0.0, "");
    for path in PAGES {
        let url = format!("{base}{path}");
        let mut paints = Vec::new();
        for _ in 0..LOADS {
            browser.open(&url).await?;
            browser.until("the page is live", LIVE, 5).await?;
            let paint = browser.until("a first paint", PAINT, 3).await?;
            paints.push(paint.as_f64().unwrap_or(f64::MAX));
        }
        paints.sort_by(f64::total_cmp);
        let (paint, bytes) =
            (paints[LOADS / 2], browser.run(WEIGHT).await?.as_u64().unwrap_or(u64::MAX));
        if bytes > BYTES_MAX {
            return Err(format!("{path} weighs {bytes} bytes, more than {BYTES_MAX}"));
        }
        if paint > paint_ms {
            return Err(format!("{path}: first paint after {paint:.0} ms, of {paints:.0?}"));
        }
        heaviest = if bytes > heaviest.0 { (bytes, path) } else { heaviest };
        slowest = if paint > slowest.0 { (paint, path) } else { slowest };
    }
    Ok(vec![
        format!(
            "heaviest page {}: {:.1} kB with all it loads",
            heaviest.1,
            heaviest.0 as f64 / 1e3
        ),
        format!("slowest first paint {}: {:.0} ms (median of {LOADS})", slowest.1, slowest.0),
    ])
}
