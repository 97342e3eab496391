//! `quorate slo`: where the objectives stand.

use clap::Args;
use vigil::slo::{Objective, Objectives};

use crate::{cli::Global, exit::Failure, show};

/// Show what is left of the error budgets, and how fast they burn.
#[derive(Debug, Args)]
pub struct Slo {}

impl Slo {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let objectives = global.client().control().objectives(false).await?;
        global.show().print(&objectives, || text(&objectives))
    }
}

fn text(all: &Objectives) -> String {
    if all.objectives.is_empty() {
        return "no keyspace has an objective: its contract may have a table [objective]".into();
    }
    let mut table = show::table(&[
        "keyspace",
        "objective",
        "bad of all",
        "left",
        "5m",
        "30m",
        "1h",
        "6h",
        "3d",
        "alerts",
    ]);
    for objective in &all.objectives {
        let rate = |name: &str| {
            let window = objective.windows.iter().find(|window| window.name == name);
            window.map_or("-".into(), |window| milli(window.rate_milli))
        };
        let left = objective.budget_left_permille;
        table.add_row(vec![
            objective.keyspace.as_str().into(),
            promise(objective).into(),
            format!("{} of {}", objective.bad, objective.good + objective.bad).into(),
            show::state_as(&format!("{}%", left as f64 / 10.0), severity(left)),
            rate("5m").into(),
            rate("30m").into(),
            rate("1h").into(),
            rate("6h").into(),
            rate("3d").into(),
            alerts(objective),
        ]);
    }
    let node = &all.node;
    format!(
        "{table}\ncounted by {node} since their start; rates: 1 uses up the budget just in time"
    )
}

fn severity(left: i64) -> &'static str {
    match left {
        ..0 => "alarm",
        0..250 => "warning",
        _ => "info",
    }
}

fn promise(objective: &Objective) -> String {
    let target = objective.target_ppm as f64 / 10_000.0;
    let days = objective.window_s / 86_400;
    match objective.threshold_us {
        Some(us) => format!("{target}% within {} ms, {days} d", us as f64 / 1000.0),
        None => format!("{target}% answered, {days} d"),
    }
}

fn alerts(objective: &Objective) -> comfy_table::Cell {
    let firing: Vec<String> = objective
        .alerts
        .iter()
        .filter(|alert| alert.firing)
        .map(|alert| {
            format!("{} ({} over {})", alert.severity, milli(alert.rate_milli), alert.long)
        })
        .collect();
    if firing.is_empty() {
        show::state_as("silent", "info")
    } else {
        show::state_as(&firing.join("\n"), "alarm")
    }
}

fn milli(rate: u64) -> String {
    format!("{}", rate as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigil::slo::Budget;

    #[test]
    fn a_burning_budget_is_seen() {
        let mut budget = Budget::default();
        budget.count(3_600_000, 900, 100);
        let about = Objective {
            keyspace: "carts".into(),
            sli: "latency".into(),
            target_ppm: 990_000,
            threshold_us: Some(100_000),
            window_s: 30 * 86_400,
            ..Objective::default()
        };
        let objective = Objective::of(about, &budget, 3_600_001);
        let text = text(&Objectives { node: "n1 n2".into(), objectives: vec![objective] });
        for part in ["99% within 100 ms", "100 of 1000", "-900%", "page (6 over 6h)", "n1 n2"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
