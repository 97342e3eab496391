//! A leader is killed from the page, under the workload, and the page shows all of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::LIVE;
use crate::{
    ambient,
    browser::{Browser, Failure},
};

/// Who leads the keyspace of the workload, as the page shows it.
const LEADER: &str = r"
    const row = [...document.querySelectorAll('#nodes tbody tr')].find((row) =>
        [...row.querySelectorAll('.chip')].some((chip) => chip.textContent === 'default'));
    return row ? row.querySelector('th').textContent : false;";

/// Presses a button and waits until another leader is shown; tells which, and after how long.
const KILL: &str = r"
    const [node] = arguments, done = arguments[arguments.length - 1];
    const leader = () => {
        const row = [...document.querySelectorAll('#nodes tbody tr')].find((row) =>
            [...row.querySelectorAll('.chip')].some((chip) => chip.textContent === 'default'));
        return row && row.querySelector('th').textContent;
    };
    const began = performance.now();
    document.querySelector(`[aria-label='Kill ${node}']`).click();
    const timer = setInterval(() => {
        const now = leader(), took = performance.now() - began;
        if ((now && now !== node) || took > 15000) {
            clearInterval(timer);
            done({ leader: now, took });
        }
    }, 10);";

const WORDS: &str = "return document.querySelector('#verdict .value').textContent";

/// Kills the leader twice: seen from another node, and seen from itself.
pub async fn chaos(browser: &Browser, base: &str, leader_ms: f64) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    browser.open(&format!("{base}/chaos")).await?;
    browser.until("the page is live", LIVE, 5).await?;
    browser.until("a button that starts", &click("[value=begin]"), 5).await?;
    judged(browser).await?;
    let leader = browser.until("a leader", LEADER, 10).await?;
    let leader = leader.as_str().unwrap_or_default().to_owned();
    let other = other_than(browser, &leader).await?;
    browser.open(&format!("{other}/chaos")).await?;
    browser.until("the page is live", LIVE, 5).await?;
    browser.until("the same leader", LEADER, 5).await?;
    let seen = browser.run_until_done(KILL, vec![json!(leader)]).await?;
    let (next, took) = (&seen["leader"], seen["took"].as_f64().unwrap_or(f64::MAX));
    if next.is_null() || took > leader_ms {
        return Err(format!(
            "after {leader} was killed, {next} was shown as leader after {took:.0} ms"
        ));
    }
    told.push(format!(
        "{leader} killed from the page of another: new leader {next} shown after {took:.0} ms"
    ));
    restart(browser, &leader).await?;
    told.push(from_itself(browser).await?);
    told.push(finish(browser).await?);
    Ok(told)
}

/// Kills the leader on its own page: the page moves to another node.
async fn from_itself(browser: &Browser) -> Result<String, Failure> {
    let leader = browser.until("a leader", LEADER, 10).await?;
    let leader = leader.as_str().unwrap_or_default().to_owned();
    let own = address_of(browser, &leader).await?;
    browser.open(&format!("{own}/chaos")).await?;
    browser.until("the page is live", LIVE, 5).await?;
    let button = format!("[aria-label='Kill {leader}']");
    let began = ambient::now();
    browser.until("a button that kills", &click(&button), 5).await?;
    let moved = format!("return location.origin !== '{own}' && location.origin");
    browser.until("the page moves to another node", &moved, 10).await?;
    let other = format!(
        "const shown = (() => {{ {LEADER} }})(); return shown && shown !== '{leader}' && shown"
    );
    let next = browser.until("another leader", &other, 10).await?;
    let took = began.elapsed().as_millis();
    let said = format!(
        "return document.getElementById('said').textContent.includes('{leader} did not answer')"
    );
    browser.until("the page says so", &said, 3).await?;
    restart(browser, &leader).await?;
    Ok(format!("{leader} killed on its own page: it moved, and showed {next} after {took} ms"))
}

/// Starts a node again and waits until it is live.
async fn restart(browser: &Browser, node: &str) -> Result<(), Failure> {
    let button = format!("[aria-label='Start {node}']");
    browser.until("a button that starts the node", &click(&button), 10).await?;
    let live =
        format!("return document.querySelector('#row-{node} .badge').textContent === 'live'");
    browser.until("the node is live again", &live, 30).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

/// Ends the workload and reads the verdict.
async fn finish(browser: &Browser) -> Result<String, Failure> {
    browser.until("a button that ends", &click("[value=end]"), 5).await?;
    let looked = "const note = document.querySelector('#lost .note').textContent; return parseInt(note) > 100 && note";
    browser.until("acknowledged writes are looked for", looked, 60).await?;
    judged(browser).await?;
    let lost = browser.run("return document.querySelector('#lost .value').textContent").await?;
    if lost != "0" {
        return Err(format!("{lost} writes were lost"));
    }
    let gap = browser.run("return document.querySelector('#gap .value').textContent").await?;
    let actions =
        browser.run("return document.querySelectorAll('#actions tbody tr').length").await?;
    if actions.as_u64().is_none_or(|actions| actions < 6) {
        return Err(format!("only {actions} actions are in the log"));
    }
    Ok(format!("verdict valid, 0 lost, longest write gap {gap}, {actions} actions logged"))
}

async fn judged(browser: &Browser) -> Result<(), Failure> {
    let valid = format!(
        "const word = (() => {{ {WORDS} }})(); return word === 'valid' || word === 'INVALID' ? word : false"
    );
    let word = browser.until("a verdict", &valid, 15).await?;
    if word == "valid" { Ok(()) } else { Err(format!("the verdict is {word}")) }
}

fn click(selector: &str) -> String {
    format!(
        "const found = document.querySelector(`{selector}`); if (!found) return false; found.click(); return true"
    )
}

async fn other_than(browser: &Browser, node: &str) -> Result<String, Failure> {
    let script = "return [...document.querySelectorAll('footer a')].map((a) => [a.textContent, a.href]).concat([[document.body.dataset.here, location.href]])";
    let all = browser.run(script).await?;
    let all = all.as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|entry| {
        entry[0] != node && entry[1].as_str().is_some_and(|href| href.starts_with("http"))
    });
    origin(found.map(|entry| &entry[1]))
}

async fn address_of(browser: &Browser, node: &str) -> Result<String, Failure> {
    let script = "return [...document.querySelectorAll('footer a')].map((a) => [a.textContent, a.href]).concat([[document.body.dataset.here, location.href]])";
    let all = browser.run(script).await?;
    let all = all.as_array().cloned().unwrap_or_default();
    origin(all.iter().find(|entry| entry[0] == node).map(|entry| &entry[1]))
}

fn origin(href: Option<&Value>) -> Result<String, Failure> {
    let parts: Vec<&str> =
        href.and_then(Value::as_str).unwrap_or_default().splitn(4, '/').collect();
    match parts.as_slice() {
        [scheme, _, host, ..] => Ok(format!("{scheme}//{host}")),
        _ => Err(format!("{href:?} is no address")),
    }
}
