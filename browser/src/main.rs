//! The console in a real browser: headless Chromium, driven through WebDriver.
//!
//! ```text
//!   chromedriver ◀── browser (tabs, key presses, screenshots, DevTools)
//!                        ▲
//!      checks: pages  live  weight  keyboard  contrast  phone  chaos
//! ```
//!
//! Needs a running `quorate dev` whose data is fresh, and a running chromedriver: `.ci/browser`
//! starts both.

mod ambient;
mod browser;
mod checks;

use std::path::PathBuf;

use browser::{Browser, Failure};
use clap::Parser;

/// Looks at the console as a person would, and says what is wrong with it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where chromedriver listens.
    #[arg(long, default_value = "http://127.0.0.1:9515")]
    webdriver: String,
    /// The browser itself.
    #[arg(long, default_value = "/usr/bin/chromium")]
    chromium: String,
    /// The HTTP address of the first node: `127.0.0.1:7070`.
    #[arg(long)]
    node: String,
    /// Where screenshots go; none are made otherwise.
    #[arg(long)]
    shots: Option<PathBuf>,
    /// The longest first paint, in milliseconds.
    #[arg(long, default_value_t = 200.0)]
    paint_ms: f64,
    /// How long it may take until a new leader is shown after a kill, in milliseconds.
    #[arg(long, default_value_t = 1_500.0)]
    leader_ms: f64,
    /// Only make screenshots.
    #[arg(long)]
    only_shots: bool,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let browser = match Browser::start(&arguments.webdriver, &arguments.chromium).await {
        Ok(browser) => browser,
        Err(failure) => {
            eprintln!("no browser: {failure}");
            return std::process::ExitCode::FAILURE;
        }
    };
    let (passed, failed) = run(&browser, &arguments).await;
    browser.stop().await;
    println!("{passed} passed, {failed} failed");
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

async fn run(browser: &Browser, arguments: &Arguments) -> (u32, u32) {
    let mut tally = (0, 0);
    let base = format!("http://{}", arguments.node);
    if !arguments.only_shots {
        let took = count(&mut tally, "pages", checks::pages(browser, &base).await);
        let live = count(&mut tally, "live", checks::live(browser, &base).await);
        let weight = checks::weight(browser, &base, arguments.paint_ms).await;
        let weight = count(&mut tally, "weight and first paint", weight);
        let keys = count(&mut tally, "keyboard", checks::keyboard(browser, &base).await);
        for told in [took, live, weight, keys].into_iter().flatten() {
            println!("   {told}");
        }
    }
    if !arguments.only_shots {
        for told in
            count(&mut tally, "chaos", checks::chaos(browser, &base, arguments.leader_ms).await)
        {
            println!("   {told}");
        }
    }
    // Last, when every page has something to show.
    for told in count(
        &mut tally,
        "contrast and phone",
        checks::looks(browser, &base, arguments.shots.as_deref()).await,
    ) {
        println!("   {told}");
    }
    tally
}

fn count(
    (passed, failed): &mut (u32, u32),
    name: &str,
    outcome: Result<Vec<String>, Failure>,
) -> Vec<String> {
    match outcome {
        Ok(told) => {
            *passed += 1;
            println!("ok {name}");
            told
        }
        Err(failure) => {
            *failed += 1;
            println!("FAILED {name}: {failure}");
            Vec::new()
        }
    }
}
