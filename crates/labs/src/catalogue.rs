//! The labs that come with the product.

use crate::plan::Plan;

macro_rules! plans {
    ($($name:literal),* $(,)?) => {
        const TEXTS: &[&str] = &[$(include_str!(concat!("../plans/", $name, ".toml"))),*];
    };
}

plans!(
    "raft-leader-failure",
    "raft-minority-leader",
    "raft-elections",
    "raft-network",
    "resilience",
    "realism-election-crash",
    "realism-duplicates",
    "realism-regions",
    "realism-restart-storm",
    "fallacy-1-reliable",
    "fallacy-2-latency",
    "fallacy-3-bandwidth",
    "fallacy-4-secure",
    "fallacy-5-topology",
    "fallacy-6-administrator",
    "fallacy-7-transport",
    "fallacy-8-homogeneous",
    "errata-02-truncation",
    "errata-03-commit-index",
    "errata-04-terms",
    "errata-05-log-check",
    "errata-05-persistence",
    "errata-06-figure-8",
    "errata-07-majority",
    "errata-09-hybrid-clock",
    "errata-10-cap",
    "errata-11-contract",
    "errata-12-identity",
    "errata-15-failed-write",
    "errata-18-sessions",
    "errata-22-fencing",
    "errata-24-durations",
    "errata-25-objectives",
    "errata-30-stale-reads",
);

/// All plans, in the order of the catalogue.
///
/// # Errors
/// If one of them is wrong, which a test excludes.
pub fn all() -> Result<Vec<Plan>, String> {
    TEXTS.iter().map(|text| Plan::parse(text)).collect()
}

/// The plan of this name.
///
/// # Errors
/// If there is none; then the message names the nearest.
pub fn find(name: &str) -> Result<Plan, String> {
    let all = all()?;
    let near = all.iter().filter(|plan| plan.name.contains(name) || name.contains(&plan.name));
    let near: Vec<&str> = near.map(|plan| plan.name.as_str()).collect();
    let hint =
        if near.is_empty() { "quorate lab list shows all".to_owned() } else { near.join(", ") };
    all.iter()
        .find(|plan| plan.name == name)
        .cloned()
        .ok_or(format!("there is no lab '{name}': {hint}"))
}

/// The labs as a table of Markdown.
///
/// # Errors
/// If a plan is wrong.
pub fn table() -> Result<String, String> {
    let mut table = "| lab | series | question |\n|---|---|---|\n".to_owned();
    for plan in all()? {
        table += &format!("| `{}` | {} | {} |\n", plan.name, plan.series, plan.question);
    }
    Ok(table)
}
