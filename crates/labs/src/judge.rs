//! What the data says of the claims of a plan. Nothing here knows what it should say.

use sim::report::document::Claim as Verdict;

use crate::{
    measure::{Measures, with_unit},
    plan::{Claim, Condition, Is, Operand, Plan},
};

/// How a lab came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every claim of the hypothesis holds.
    Held,
    /// One does not.
    Refuted,
    /// One could not be judged.
    Open,
}

impl Outcome {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Held => "held",
            Outcome::Refuted => "refuted",
            Outcome::Open => "open",
        }
    }
}

/// Whether a claim holds; none if a number is missing.
#[must_use]
pub fn holds(claim: &Claim, measures: &Measures) -> Option<bool> {
    let right = operand(&claim.right, measures)? * claim.times;
    Some(compare(measures.get(&claim.left)?, claim.is, right))
}

/// Whether a text is to be shown.
#[must_use]
pub fn applies(condition: Option<&Condition>, measures: &Measures) -> bool {
    let Some(condition) = condition else { return true };
    let right = operand(&condition.right, measures).map(|right| right * condition.times);
    let left = measures.get(&condition.left);
    left.zip(right).is_some_and(|(left, right)| compare(left, condition.is, right))
}

fn operand(operand: &Operand, measures: &Measures) -> Option<f64> {
    match operand {
        Operand::Number(number) => Some(*number),
        Operand::Measure(name) => measures.get(name),
    }
}

fn compare(left: f64, is: Is, right: f64) -> bool {
    match is {
        Is::Less => left < right,
        Is::AtMost => left <= right,
        Is::Same => (left - right).abs() < 1e-9,
        Is::AtLeast => left >= right,
        Is::More => left > right,
    }
}

/// The claims that apply, judged, with the numbers that decide.
#[must_use]
pub fn verdicts(plan: &Plan, measures: &Measures, live: bool) -> Vec<Verdict> {
    let all = plan.claim.iter().filter(|claim| claim.live == live);
    all.map(|claim| verdict(claim, measures)).collect()
}

fn verdict(claim: &Claim, measures: &Measures) -> Verdict {
    let holds = holds(claim, measures);
    let is = match claim.is {
        Is::Less => "less than",
        Is::AtMost => "at most",
        Is::Same => "equal to",
        Is::AtLeast => "at least",
        Is::More => "more than",
    };
    let times = if claim.times == 1.0 { String::new() } else { format!("{} × ", claim.times) };
    let right = match &claim.right {
        Operand::Number(number) => with_unit(&claim.left, number * claim.times),
        Operand::Measure(name) => format!("{times}`{name}` = {}", measures.show(name)),
    };
    let asked = if holds == Some(false) { "should be" } else { "is" };
    let kind = match (claim.hypothesis, claim.law) {
        (true, _) => "hypothesis · ",
        (_, true) => "law of the engine · ",
        _ => "",
    };
    let left = measures.show(&claim.left);
    let because = format!("{kind}`{}` = {left}, {asked} {is} {right}", claim.left);
    Verdict { says: measures.fill(&claim.says), holds, because }
}

/// How the hypothesis came out.
#[must_use]
pub fn outcome(plan: &Plan, measures: &Measures, live: bool) -> Outcome {
    let claims = plan.claim.iter().filter(|claim| claim.live == live && claim.hypothesis);
    let all: Vec<Option<bool>> = claims.map(|claim| holds(claim, measures)).collect();
    match all {
        all if all.contains(&Some(false)) => Outcome::Refuted,
        all if all.is_empty() || all.contains(&None) => Outcome::Open,
        _ => Outcome::Held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(is: Is, right: Operand, times: f64) -> Claim {
        Claim {
            says: "the gap is {gap_ms}".into(),
            left: "gap_ms".into(),
            is,
            right,
            times,
            hypothesis: true,
            law: false,
            live: false,
        }
    }

    #[test]
    fn a_claim_flips_when_the_data_does() {
        let measured = Operand::Measure("limit_ms".into());
        for (is, right, values) in [
            (Is::AtMost, Operand::Number(100.0), [100.0, 101.0]),
            (Is::Less, Operand::Number(100.0), [99.0, 100.0]),
            (Is::Same, measured.clone(), [50.0, 51.0]),
            (Is::AtLeast, measured.clone(), [50.0, 49.0]),
            (Is::More, measured, [51.0, 50.0]),
        ] {
            let claim = claim(is, right, 1.0);
            let judged = values.map(|value| {
                let mut measures = Measures::default();
                measures.set("gap_ms", value);
                measures.set("limit_ms", 50.0);
                let verdict = verdict(&claim, &measures);
                assert!(verdict.because.contains(&measures.show("gap_ms")), "{verdict:?}");
                verdict.holds
            });
            assert_eq!(judged, [Some(true), Some(false)], "{is:?}");
        }
    }

    #[test]
    fn what_was_not_measured_decides_nothing() {
        let claim = claim(Is::AtMost, Operand::Measure("other_ms".into()), 2.0);
        let mut measures = Measures::default();
        measures.set("gap_ms", 3.0);
        assert_eq!(holds(&claim, &measures), None);
        measures.set("other_ms", 1.6);
        assert_eq!(holds(&claim, &measures), Some(true), "3 is at most 2 × 1.6");
        measures.set("gap_ms", f64::NAN);
        assert_eq!(holds(&claim, &measures), None);
    }
}
