//! Runs all that a plan asks for.

use sim::report::{
    document::Block,
    plot::{Kind, Plot, Point, Series},
    spacetime::Player,
    timeline::Timeline,
};

use crate::{
    cluster, errata,
    measure::Measures,
    plan::{Plan, Sweep},
    theory,
};

/// All that the runs of a lab gave.
pub struct Findings {
    /// The seed.
    pub seed: u64,
    /// The numbers.
    pub measures: Measures,
    /// Runs that are shown, with their names.
    pub shown: Vec<Shown>,
    /// Figures, with name and caption.
    pub plots: Vec<(String, String, Plot)>,
    /// What a model has to show beside.
    pub blocks: Vec<Block>,
}

impl Findings {
    /// Nothing yet.
    #[must_use]
    pub fn empty(seed: u64) -> Findings {
        let (measures, shown, plots, blocks) = Default::default();
        Findings { seed, measures, shown, plots, blocks }
    }
}

/// A run that is shown.
pub struct Shown {
    /// The name of its scenario.
    pub name: String,
    /// What it is.
    pub title: String,
    /// At the scale of time.
    pub timeline: Timeline,
    /// Around its first strike.
    pub player: Option<Player>,
}

/// Runs a lab.
///
/// # Errors
/// If the plan asks for what does not exist, or a cluster cannot be set up.
pub fn run(plan: &Plan, seed: u64) -> Result<Findings, String> {
    let mut findings = Findings::empty(seed);
    if let Some(model) = &plan.model {
        let found = errata::run(model, seed)?;
        found.measures.iter().for_each(|(name, value)| findings.measures.set(name, value));
        findings.blocks = found.blocks;
    }
    for scenario in &plan.scenario {
        let ran = cluster::run(scenario, seed)?;
        findings.measures.add(&scenario.name, &ran.measures);
        if scenario.show {
            let (name, title) = (scenario.name.clone(), scenario.title.clone());
            findings.shown.push(Shown { name, title, timeline: ran.timeline, player: ran.player });
        }
    }
    for sweep in &plan.sweep {
        self::sweep(plan, sweep, &mut findings)?;
    }
    Ok(findings)
}

fn sweep(plan: &Plan, sweep: &Sweep, findings: &mut Findings) -> Result<(), String> {
    let scenarios = sweep.scenarios()?;
    for (i, scenario) in scenarios.iter().enumerate() {
        let ran = cluster::run(scenario, findings.seed)?;
        findings.measures.add(&format!("{}.{i}", sweep.name), &ran.measures);
    }
    let last = scenarios.len().saturating_sub(1);
    let ends: Vec<(String, f64)> = [("first", 0), ("last", last)]
        .into_iter()
        .flat_map(|(word, i)| {
            let prefix = format!("{}.{i}.", sweep.name);
            let of = |(name, value): (&str, f64)| {
                Some((format!("{}.{word}.{}", sweep.name, name.strip_prefix(&prefix)?), value))
            };
            findings.measures.iter().filter_map(of).collect::<Vec<_>>()
        })
        .collect();
    ends.into_iter().for_each(|(name, value)| findings.measures.set(name, value));
    for figure in plan.plot.iter().filter(|plot| plot.sweep == sweep.name) {
        let mut plot = Plot {
            title: figure.title.clone(),
            x: figure.x.clone(),
            y: figure.y.clone(),
            log: figure.log,
            series: Vec::new(),
        };
        for line in &figure.measured {
            let points = measured(sweep, &line.of, &findings.measures);
            plot.series.push(Series { name: line.label.clone(), kind: Kind::Points, points });
        }
        for line in &figure.theory {
            let points = expected(sweep, &line.of)?;
            let first =
                plot.series.first().map(|series| series.points.as_slice()).unwrap_or_default();
            if let Some(off) = deviation(first, &points) {
                findings.measures.set(format!("{}.{}.deviation_pct", sweep.name, line.of), off);
            }
            plot.series.push(Series { name: line.label.clone(), kind: Kind::Theory, points });
        }
        findings.plots.push((figure.name.clone(), figure.caption.clone(), plot));
    }
    Ok(())
}

fn measured(sweep: &Sweep, of: &str, measures: &Measures) -> Vec<Point> {
    let point = |(i, x): (usize, &f64)| {
        let get = |part: &str| measures.get(&format!("{}.{i}.{part}{of}", sweep.name));
        let spread = get("low.").zip(get("high."));
        Some(Point { x: *x, y: get("")?, spread })
    };
    sweep.values.iter().enumerate().filter_map(point).collect()
}

fn expected(sweep: &Sweep, of: &str) -> Result<Vec<Point>, String> {
    let scenarios = sweep.scenarios()?;
    let point = |(x, scenario): (&f64, &crate::plan::Scenario)| {
        let y = theory::of(of, scenario).ok_or_else(|| format!("there is no formula '{of}'"))?;
        Ok(Point { x: *x, y, spread: None })
    };
    sweep.values.iter().zip(&scenarios).map(point).collect()
}

/// By how much measured points are off a line, in percent: the middle of all points.
fn deviation(points: &[Point], line: &[Point]) -> Option<f64> {
    let off = |point: &Point| {
        let there = line.iter().find(|other| other.x == point.x)?;
        Some((point.y - there.y).abs() / there.y.abs().max(1e-9) * 100.0)
    };
    let all: Vec<f64> = points.iter().filter_map(off).collect();
    crate::measure::spread(&all).map(|(middle, ..)| middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_is_that_of_the_middle_point() {
        let at = |x: f64, y: f64| Point { x, y, spread: None };
        let line = [at(1.0, 10.0), at(2.0, 20.0), at(3.0, 30.0)];
        let points = [at(1.0, 11.0), at(2.0, 20.0), at(3.0, 60.0)];
        assert_eq!(deviation(&points, &line), Some(10.0));
        assert_eq!(deviation(&points, &[]), None);
    }
}
