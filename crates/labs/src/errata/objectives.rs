//! ERR-25: an objective that says two things about one budget, judged by the product's own budgets.

use contract::Objective;
use sim::report::document::Block;
use vigil::slo::Budget;

use super::Found;

/// Thirty days.
const MONTH_S: u64 = 30 * 24 * 3600;
/// Requests in a minute.
const RATE: u64 = 60_000;
/// Of a million requests, so many fail all the time: half of what the published bound on errors
/// allows.
const FAILED_PPM: u64 = 500;

/// How long everything may fail in thirty days, in seconds.
fn all_bad_s(availability_ppm: u32) -> f64 {
    MONTH_S as f64 * f64::from(1_000_000 - availability_ppm) / 1e6
}

pub fn run() -> Found {
    let mut found = Found::default();
    let mut rows = Vec::new();
    for (name, text) in
        [("two", "99%"), ("three", "99.9%"), ("four", "99.99%"), ("five", "99.999%")]
    {
        let Some(ppm) = Objective::parse_availability(text) else { continue };
        let (budget, errors) = (all_bad_s(ppm), f64::from(1_000_000 - ppm));
        found.measures.set(format!("{name}.budget_s"), budget);
        let minutes = format!("{:.2} min", budget / 60.0);
        rows.push(vec![text.to_owned(), format!("{} %", errors / 10_000.0), minutes]);
    }
    let ppm = Objective::parse_availability("99.99%").unwrap_or_default();
    found.measures.set("said_twice_ppm", 1_000.0);
    found.measures.set("follows_ppm", f64::from(1_000_000 - ppm));
    // Three days of traffic that keeps the published bound on errors.
    let mut budget = Budget::default();
    let begin = 1_000 * 3600;
    let minutes = 3 * 24 * 60;
    for minute in 0..minutes {
        let bad = RATE * FAILED_PPM / 1_000_000;
        budget.count(begin + minute * 60, RATE - bad, bad);
    }
    let now = begin + minutes * 60 - 1;
    let (good, bad) = budget.window(now, 3 * 24 * 3600);
    let error_ppm = bad as f64 * 1e6 / (good + bad) as f64;
    found.measures.set("error_ppm", error_ppm);
    found.measures.set("burn_rate", error_ppm / f64::from(1_000_000 - ppm));
    let mut windows = budget.windows(now);
    let target = u64::from(ppm);
    windows.iter_mut().for_each(|window| window.rate_milli = window.rate_milli(target));
    let firing = vigil::slo::RULES.iter().filter(|rule| rule.fires(&windows, target, MONTH_S));
    found
        .measures
        .set("tickets", firing.clone().filter(|rule| rule.severity == "ticket").count() as f64);
    found.measures.set("pages", firing.filter(|rule| rule.severity == "page").count() as f64);
    let head = ["availability, of requests", "may fail", "or all of them, in thirty days, for"];
    found.blocks.push(Block::Heading("One number says it".into()));
    found.blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looser_half_of_the_objective_is_kept_and_the_budget_burns_five_times_too_fast() {
        let measures = run().measures;
        let get = |name: &str| measures.get(name).unwrap();
        assert_eq!((get("error_ppm"), get("follows_ppm")), (500.0, 100.0));
        assert_eq!((get("burn_rate"), get("tickets"), get("pages")), (5.0, 1.0, 0.0));
        assert!((get("three.budget_s") - 2_592.0).abs() < 1e-6, "43.2 minutes");
        assert!((get("five.budget_s") - 25.92).abs() < 1e-6);
    }
}
