//! A cluster of whole nodes under the simulator, as a plan describes it.
//!
//! ```text
//!   Scenario ──▶ Stage ──┬─▶ World of drill's nodes: the real process, journal, frames
//!                        ├─▶ Client …: asks, tries again, writes down what it saw
//!                        ├─▶ Watch: roles, terms and commits after every event
//!                        └─▶ strikes, aimed at who is leader (or not) when they strike
//!                                 │
//!                                 ▼
//!                        Measures, Timeline, Player, and the verdict of the checkers
//! ```
//!
//! Faults of a strike: `kill`, `crash` (power), `power-cut`, `pause`, `cut`, `cut-one-way`, `slow`,
//! `thin` (little bandwidth), `lossy`, `repeat`, `flap`, `slow-disk`, `transfer` (leadership is handed
//! over), `forge` (a stranger asks for votes in another's name), `damage` (a stranger's frame is noise).

pub mod aim;
pub mod client;
mod picture;
pub mod stage;
pub mod strikes;
mod sums;
pub mod watch;

use sim::report::{spacetime::Player, timeline::Timeline};

use crate::{
    measure::{Measures, spread},
    plan::Scenario,
};

/// What the runs of a scenario gave.
pub struct Ran {
    /// Middle values over all seeds; `NAME_low` and `NAME_high` are the extremes.
    pub measures: Measures,
    /// The first run at the scale of time.
    pub timeline: Timeline,
    /// The first run, around its first strike.
    pub player: Option<Player>,
}

/// Runs a scenario with as many seeds as it asks for.
///
/// # Errors
/// If the cluster cannot even be set up, or the plan asks for what does not exist.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Ran, String> {
    let mut first = None;
    let mut all: Vec<Measures> = Vec::new();
    for turn in 0..scenario.repeats {
        let draw = scenario.show && turn == 0;
        let played = stage::play(scenario, seed.wrapping_add(turn), draw)?;
        all.push(played.measures.clone());
        first.get_or_insert(played);
    }
    let first = first.ok_or("a scenario runs at least once")?;
    Ok(Ran { measures: together(&all), timeline: first.timeline, player: first.player })
}

/// Middle values; of several runs the extremes as well.
fn together(all: &[Measures]) -> Measures {
    let mut names: Vec<&str> = all.iter().flat_map(Measures::iter).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let mut sums = Measures::default();
    for name in names {
        let values: Vec<f64> = all.iter().filter_map(|measures| measures.get(name)).collect();
        let Some((middle, low, high)) = spread(&values) else { continue };
        // What must never happen must not hide behind a middle value.
        let never = name.ends_with("leaders_per_term") || name.ends_with("lost");
        sums.set(name, if never { high } else { middle });
        if all.len() > 1 {
            sums.set(format!("low.{name}"), low);
            sums.set(format!("high.{name}"), high);
        }
    }
    sums.set("runs", all.len() as f64);
    sums.set(
        "valid_runs",
        all.iter().filter_map(|m| m.get("valid")).filter(|v| *v == 1.0).count() as f64,
    );
    sums
}
