//! What theory says of a scenario, without running it: the lines of figures.
//!
//! Each formula is as simple as it can be while it still explains what is measured; where the
//! points leave the line, something is at work that the formula leaves out, which is the lesson.

use crate::plan::{Scenario, scenario::Does, span::ms};

/// A formula by its name; none if there is no such formula.
#[must_use]
pub fn of(name: &str, scenario: &Scenario) -> Option<f64> {
    Some(match name {
        "commit" => commit(scenario),
        "commit-with-loss" => commit_with_loss(scenario),
        "election" => election(scenario),
        "throughput" => throughput(scenario),
        "bandwidth" => bandwidth(scenario),
        "round-trip" => 2.0 * (ms(scenario.delay) + ms(scenario.client_delay)),
        _ => return None,
    })
}

/// What a formula says, for the reader of a figure.
#[must_use]
pub fn explain(name: &str) -> &'static str {
    match name {
        "commit" => {
            "commit = way of the client (2 × client delay) + way to the followers and back (2 × delay + \
             jitter of the quicker of two round trips, 0.77 × jitter) + one sync of a follower's disk; the leader's own sync runs beside it"
        }
        "commit-with-loss" => {
            "mean commit = commit without loss + P(no follower's round trip survives) × one heartbeat period, \
             after which what was lost is sent again"
        }
        "election" => {
            "election = smallest of (n − 1) timeouts drawn from [T, 2T), T + T/n, minus half a heartbeat \
             that had already passed, plus two round trips (pre-vote, vote) and one sync"
        }
        "throughput" => "throughput of clients that wait = clients ÷ (commit + time to think)",
        "bandwidth" => {
            "time to send one value to one follower = bytes ÷ bandwidth, on top of the commit"
        }
        "round-trip" => "one round trip = 2 × (delay + client delay)",
        _ => "",
    }
}

/// A write at the leader, in milliseconds.
fn commit(scenario: &Scenario) -> f64 {
    // Of two round trips, each the sum of two uniform jitters, the quicker has this mean.
    let jitter = if scenario.nodes == 3 { 0.767 } else { 1.0 } * ms(scenario.jitter);
    2.0 * ms(scenario.client_delay) + 2.0 * ms(scenario.delay) + jitter + ms(scenario.sync)
}

fn commit_with_loss(scenario: &Scenario) -> f64 {
    let arrives = 1.0 - scenario.loss / 100.0;
    let none = (1.0 - arrives * arrives).powi(scenario.nodes as i32 - 1);
    commit(scenario) + none / (1.0 - none).max(1e-9) * ms(scenario.heartbeat)
}

fn election(scenario: &Scenario) -> f64 {
    let timeout = ms(scenario.election_timeout);
    let followers = scenario.nodes as f64 - 1.0;
    let first = timeout + timeout / (followers + 1.0);
    first - ms(scenario.heartbeat) / 2.0 + 4.0 * ms(scenario.delay) + ms(scenario.sync)
}

fn throughput(scenario: &Scenario) -> f64 {
    let writers = scenario.client.iter().filter(|client| client.does != Does::Read);
    writers
        .map(|client| client.count as f64 * 1_000.0 / (commit(scenario) + ms(client.every)))
        .sum()
}

fn bandwidth(scenario: &Scenario) -> f64 {
    let bytes = scenario.client.first().map_or(0, |client| client.bytes) as f64;
    commit(scenario) + bytes / (scenario.bandwidth as f64).max(1.0) * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Client;
    use kernel::Duration;

    fn scenario() -> Scenario {
        Scenario { delay: Duration::from_millis(10), jitter: Duration::ZERO, ..Scenario::default() }
    }

    #[test]
    fn formulas_follow_what_varies() {
        let near = of("commit", &scenario()).unwrap();
        assert!((near - 20.9).abs() < 0.01, "{near}: 2 × 10 + 2 × 0.2 + 0.5");
        let jittery = Scenario { jitter: Duration::from_millis(10), ..scenario() };
        assert!(of("commit", &jittery) > Some(near + 7.0));
        let lossy = Scenario { loss: 10.0, ..scenario() };
        assert_eq!(of("commit-with-loss", &scenario()), Some(near));
        assert!(of("commit-with-loss", &lossy) > Some(near + 1.5));
        let five = Scenario { nodes: 5, ..scenario() };
        assert!(of("election", &five) < of("election", &scenario()), "the smallest of more draws");
        let client = Client { count: 4, every: Duration::ZERO, ..Client::default() };
        let busy = Scenario { client: vec![client], ..scenario() };
        assert!((of("throughput", &busy).unwrap() - 4_000.0 / near).abs() < 0.1);
        assert_eq!(of("astrology", &busy), None);
    }

    #[test]
    fn every_formula_is_explained() {
        for name in
            ["commit", "commit-with-loss", "election", "throughput", "bandwidth", "round-trip"]
        {
            assert!(of(name, &scenario()).is_some() && !explain(name).is_empty(), "{name}");
        }
    }
}
