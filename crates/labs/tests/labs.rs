//! Every lab that comes with the product, in its shortest form: it runs, the same seed gives the same
//! report byte for byte, and what the report says follows from what was measured.

use labs::{
    Findings, Plan, catalogue, judge,
    measure::{Measures, names},
    plan::{Claim, Is, Operand},
    report, run,
};

const SEED: u64 = 7;

/// With as few repetitions as there can be extremes of.
fn short(mut plan: Plan) -> Plan {
    let all =
        plan.scenario.iter_mut().chain(plan.sweep.iter_mut().map(|sweep| &mut sweep.scenario));
    for scenario in all {
        scenario.repeats = scenario.repeats.min(2);
    }
    plan
}

fn page(plan: &Plan, findings: &Findings) -> String {
    let document = report::document(plan, findings, Some(100.0), false);
    document.html() + &document.markdown()
}

/// The same for each half of the labs: two tests run beside each other.
fn every_other(first: usize) {
    for plan in catalogue::all().unwrap().into_iter().skip(first).step_by(2) {
        let plan = short(plan);
        let findings = run(&plan, SEED).unwrap_or_else(|why| panic!("{}: {why}", plan.name));
        let again = run(&plan, SEED).unwrap();
        let same = page(&plan, &findings) == page(&plan, &again);
        assert!(same, "{}: two reports of one seed differ", plan.name);
        nothing_is_missing(&plan, &findings.measures);
        laws_hold(&plan, &findings.measures);
        claims_flip(&plan, &findings.measures);
    }
}

#[test]
fn the_same_seed_gives_the_same_report_and_every_hypothesis_is_decided() {
    every_other(0);
}

#[test]
fn so_it_is_for_the_other_half_of_the_labs() {
    every_other(1);
}

/// Every number that a text, a claim or a question names was measured.
fn nothing_is_missing(plan: &Plan, measures: &Measures) {
    let live = |name: &str| name.starts_with("live.");
    let known = |name: &str| {
        assert!(
            live(name) || measures.get(name).is_some(),
            "{}: {name} was not measured",
            plan.name
        )
    };
    for claim in plan.claim.iter().filter(|claim| !claim.live) {
        known(&claim.left);
        names(&claim.says).for_each(known);
        if let Operand::Measure(name) = &claim.right {
            known(name);
        }
    }
    plan.prediction.iter().for_each(|prediction| known(&prediction.measure));
    plan.answer.iter().flat_map(|answer| names(&answer.text)).for_each(known);
    plan.notice.iter().flat_map(|notice| names(&notice.text)).for_each(known);
    plan.plot.iter().flat_map(|plot| names(&plot.caption)).for_each(known);
    assert!(judge::outcome(plan, measures, false) != judge::Outcome::Open, "{}", plan.name);
    // An answer that names no number would be the same whatever happened.
    for answer in &plan.answer {
        assert!(
            names(&answer.text).next().is_some(),
            "{}: {} is answered without data",
            plan.name,
            answer.question
        );
    }
}

fn laws_hold(plan: &Plan, measures: &Measures) {
    for claim in plan.claim.iter().filter(|claim| claim.law && !claim.live) {
        assert_eq!(judge::holds(claim, measures), Some(true), "{}: {}", plan.name, claim.says);
    }
}

/// No claim holds, or fails, whatever the data is.
fn claims_flip(plan: &Plan, measures: &Measures) {
    for claim in plan.claim.iter().filter(|claim| !claim.live) {
        let right = match &claim.right {
            Operand::Number(number) => *number,
            Operand::Measure(name) => measures.get(name).unwrap(),
        } * claim.times;
        let judged = [right - 1.0, right, right + 1.0].map(|left| {
            let mut changed = measures.clone();
            changed.set(claim.left.clone(), left);
            (judge::holds(claim, &changed), report_of(plan, &changed, claim))
        });
        let wanted = match claim.is {
            Is::Less => [true, false, false],
            Is::AtMost => [true, true, false],
            Is::Same => [false, true, false],
            Is::AtLeast => [false, true, true],
            Is::More => [false, false, true],
        };
        for ((holds, text), wanted) in judged.iter().zip(wanted) {
            assert_eq!(*holds, Some(wanted), "{}: {}", plan.name, claim.says);
            assert!(text.contains(if wanted { "**holds**" } else { "**refuted**" }), "{text}");
        }
    }
}

/// What the report says of a claim.
fn report_of(plan: &Plan, measures: &Measures, claim: &Claim) -> String {
    let mut alone = plan.clone();
    alone.claim = vec![claim.clone()];
    let findings = Findings { measures: measures.clone(), ..Findings::empty(SEED) };
    report::document(&alone, &findings, None, false).markdown()
}

#[test]
fn names_are_known_once_and_the_nearest_is_offered() {
    let all = catalogue::all().unwrap();
    let mut names: Vec<&str> = all.iter().map(|plan| plan.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
    assert!(catalogue::find("raft-network").is_ok());
    assert!(catalogue::find("network").unwrap_err().contains("raft-network"));
}

/// The table of the labs in the documentation is that of the catalogue.
#[test]
fn the_documentation_lists_every_lab() {
    let page = include_str!("../../../docs/labs.md");
    let table = catalogue::table().unwrap();
    assert!(page.contains(&table), "docs/labs.md should contain:\n{table}");
}

#[test]
fn the_example_of_the_documentation_runs() {
    let page = include_str!("../../../docs/labs.md");
    let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let plan = Plan::parse(text).unwrap();
    let findings = run(&plan, SEED).unwrap();
    nothing_is_missing(&plan, &findings.measures);
    claims_flip(&plan, &findings.measures);
}
