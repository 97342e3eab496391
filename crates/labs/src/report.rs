//! The report of a lab: what was asked and believed, what was done, what came out.

use std::{io, path::Path};

use sim::report::{
    document::{Block, Document, Figure, Tone, plain},
    manifest::Manifest,
    plot::number,
};

use crate::{
    judge::{self, Outcome},
    measure::{Measures, names, with_unit},
    plan::{Plan, Scenario, span::ms},
    run::Findings,
    theory,
};

/// The page of a lab. `guess` is what the reader predicted; `live` that it ran on real processes.
#[must_use]
pub fn document(plan: &Plan, findings: &Findings, guess: Option<f64>, live: bool) -> Document {
    let mut page = Document::new(format!("lab · {}", plan.series), plan.title.clone());
    page.text(&plan.background);
    page.add(Block::Note { tone: Tone::Plain, text: format!("**Question.** {}", plan.question) });
    page.text(&format!("**Hypothesis.** {}", plan.hypothesis));
    erratum(&mut page, plan);
    verdict(&mut page, plan, findings, live);
    prediction(&mut page, plan, findings, guess);
    figures(&mut page, findings);
    page.blocks.extend(findings.blocks.iter().cloned());
    runs(&mut page, findings);
    notices(&mut page, plan, findings, live);
    answers(&mut page, plan, findings, live);
    method(&mut page, plan, findings, live);
    page
}

/// Writes the folder of a report: the page, the same as Markdown, its pictures, the numbers.
///
/// # Errors
/// If a file cannot be written.
pub fn save(
    plan: &Plan,
    findings: &Findings,
    guess: Option<f64>,
    live: bool,
    folder: &Path,
    time: u64,
) -> io::Result<()> {
    let mut numbers = "measure\tvalue\n".to_owned();
    for (name, value) in findings.measures.iter() {
        numbers += &format!("{name}\t{value}\n");
    }
    let manifest = Manifest {
        kind: "lab".into(),
        name: plan.name.clone(),
        title: plan.title.clone(),
        seed: findings.seed,
        verdict: judge::outcome(plan, &findings.measures, live).word().into(),
        time,
        ..Manifest::default()
    };
    let page = document(plan, findings, guess, live);
    sim::report::save(folder, &page, manifest, &[("measures.tsv", numbers.as_bytes())])
}

fn erratum(page: &mut Document, plan: &Plan) {
    let Some(erratum) = &plan.erratum else { return };
    page.heading(&format!("{}: what is published, and what is right", erratum.id));
    page.add(Block::Note {
        tone: Tone::Bad,
        text: format!("**Published.** {}", erratum.published),
    });
    page.text(&format!("**Why it is wrong.** {}", erratum.wrong));
    page.add(Block::Note { tone: Tone::Good, text: format!("**Right.** {}", erratum.fix) });
}

fn verdict(page: &mut Document, plan: &Plan, findings: &Findings, live: bool) {
    page.heading("Verdict");
    let outcome = judge::outcome(plan, &findings.measures, live);
    let (tone, text) = match outcome {
        Outcome::Held => {
            (Tone::Good, "The hypothesis **held**: every claim that decides it was measured true.")
        }
        Outcome::Refuted => (
            Tone::Bad,
            "The hypothesis was **refuted**: a claim that decides it was measured false.",
        ),
        Outcome::Open => {
            (Tone::Plain, "The hypothesis is **open**: a number that would decide it is missing.")
        }
    };
    page.add(Block::Note { tone, text: text.to_owned() });
    page.add(Block::Claims(judge::verdicts(plan, &findings.measures, live)));
}

/// What the reader said, beside what was measured.
fn prediction(page: &mut Document, plan: &Plan, findings: &Findings, guess: Option<f64>) {
    let Some(asked) = &plan.prediction else { return };
    let measured = findings.measures.get(&asked.measure);
    let (Some(guess), Some(measured)) = (guess, measured) else { return };
    let off = (guess - measured).abs() / measured.abs().max(1e-9);
    let word = if off <= asked.within {
        "close"
    } else if guess < measured {
        "too low"
    } else {
        "too high"
    };
    let said = with_unit(&asked.measure, guess);
    let was = findings.measures.show(&asked.measure);
    page.text(&format!(
        "**Your prediction.** {} You said {said}; it was {was}: {word}.",
        asked.asks
    ));
}

fn figures(page: &mut Document, findings: &Findings) {
    if findings.plots.is_empty() {
        return;
    }
    page.heading("Figures");
    let figure = |(name, caption, plot): &(String, String, sim::report::plot::Plot)| Figure {
        name: name.clone(),
        caption: findings.measures.fill(caption),
        drawing: plot.draw(),
    };
    page.add(Block::Figures(findings.plots.iter().map(figure).collect()));
}

fn runs(page: &mut Document, findings: &Findings) {
    for shown in &findings.shown {
        page.heading(&shown.title);
        let caption = "The whole run at the scale of time: who leads, what is broken, and every operation of the clients \
                       by the time that it took; red dots did not succeed.";
        page.add(Block::Figures(vec![Figure {
            name: format!("timeline-{}", shown.name),
            caption: caption.to_owned(),
            drawing: shown.timeline.draw(),
        }]));
        if let Some(player) = &shown.player {
            let caption = "The same run around the first strike. Time goes down and is not to scale; heartbeats are left out. \
                           Move the cursor to see what every node knew.";
            page.add(Block::Run { player: Box::new(player.clone()), caption: caption.to_owned() });
        }
    }
}

/// Whether a text fits what was run: on real processes not all is measured.
fn fits(text: &str, measures: &Measures, live: bool) -> bool {
    !live || names(text).all(|name| measures.get(name).is_some())
}

fn notices(page: &mut Document, plan: &Plan, findings: &Findings, live: bool) {
    let measures = &findings.measures;
    let seen = plan.notice.iter().filter(|notice| {
        judge::applies(notice.when.as_ref(), measures) && fits(&notice.text, measures, live)
    });
    let all: Vec<String> = seen.map(|notice| measures.fill(&notice.text)).collect();
    if !all.is_empty() {
        page.heading("What to notice");
        page.add(Block::List(all));
    }
}

fn answers(page: &mut Document, plan: &Plan, findings: &Findings, live: bool) {
    let measures = &findings.measures;
    let mut any = false;
    for answer in plan.answer.iter().filter(|answer| judge::applies(answer.when.as_ref(), measures))
    {
        if !fits(&answer.text, measures, live) {
            continue;
        }
        if !std::mem::replace(&mut any, true) {
            page.heading("Questions, answered from the data");
        }
        page.text(&format!("**{}** {}", answer.question, measures.fill(&answer.text)));
    }
}

/// What the figures come from.
fn means(plan: &Plan, seed: u64) -> String {
    let model = "In a model in memory, without a network; where the product's own code took part, that is said.";
    let whole = format!(
        "In the simulator, from seed {seed}: the whole node (process, journal, frames between nodes), under \
         virtual time."
    );
    match (&plan.model, plan.scenario.is_empty() && plan.sweep.is_empty()) {
        (Some(_), true) => model.to_owned(),
        (Some(_), false) => format!("{model} {whole}"),
        (None, _) => whole,
    }
}

fn method(page: &mut Document, plan: &Plan, findings: &Findings, live: bool) {
    page.heading("How it was done");
    let seed = findings.seed;
    match live {
        true => page.text(
            "On real processes of this machine: sockets, disks and the operating system's clock.",
        ),
        false => page.text(&format!(
            "{} The same seed gives the same report, byte for byte.",
            means(plan, seed)
        )),
    }
    page.add(Block::Pre(match live {
        true => format!("quorate lab run {} --live", plan.name),
        false => format!("quorate lab run {} --seed {seed}", plan.name),
    }));
    let scenarios = plan.scenario.iter().map(|scenario| (scenario, None));
    let sweeps = plan.sweep.iter().map(|sweep| (&sweep.scenario, Some(sweep)));
    let rows: Vec<Vec<String>> = scenarios
        .chain(sweeps)
        .map(|(scenario, sweep)| {
            let name = sweep.map_or(&scenario.name, |sweep| &sweep.name);
            let varied = sweep.map(|sweep| {
                let values: Vec<String> = sweep.values.iter().map(|value| number(*value)).collect();
                format!("{} = {}", sweep.vary, values.join(", "))
            });
            vec![
                format!("`{name}`"),
                cluster(scenario),
                clients(scenario),
                strikes(scenario),
                varied.unwrap_or_default(),
            ]
        })
        .collect();
    if !rows.is_empty() && !live {
        let head = ["run", "cluster", "clients", "strikes", "varied"].map(str::to_owned).to_vec();
        page.add(Block::Table { head, rows });
    }
    let formulas: Vec<String> = plan
        .plot
        .iter()
        .flat_map(|plot| &plot.theory)
        .map(|line| format!("{}: {}", line.label, theory::explain(&line.of)))
        .collect();
    if !formulas.is_empty() {
        page.text("What the dashed lines say:");
        page.add(Block::List(formulas));
    }
    let row = |(name, _): (&str, f64)| vec![format!("`{name}`"), findings.measures.show(name)];
    let rows = findings
        .measures
        .iter()
        .filter(|(name, _)| !name.contains(".low.") && !name.contains(".high."));
    let table = Block::Table {
        head: vec!["measure".to_owned(), "value".to_owned()],
        rows: rows.map(row).collect(),
    };
    page.add(Block::More { title: "All that was measured".to_owned(), blocks: vec![table] });
}

fn cluster(scenario: &Scenario) -> String {
    let of = |name: &str, percent: f64| match percent > 0.0 {
        true => format!(", {name} {} %", number(percent)),
        false => String::new(),
    };
    let off =
        |what: &str, on: bool| if on { String::new() } else { format!(", **without {what}**") };
    format!(
        "{} nodes, delay {} + {} ms, sync {} ms, election timeout {} to {} ms{}{}{}{}{}, {} s, {} seeds",
        scenario.nodes,
        number(ms(scenario.delay)),
        number(ms(scenario.jitter)),
        number(ms(scenario.sync)),
        number(ms(scenario.election_timeout)),
        number(2.0 * ms(scenario.election_timeout)),
        of("loss", scenario.loss),
        of("repeated", scenario.duplicate),
        of("overtaking", scenario.reorder),
        off("pre-vote", scenario.pre_vote),
        off("check-quorum", scenario.check_quorum),
        scenario.seconds,
        scenario.repeats,
    )
}

fn clients(scenario: &Scenario) -> String {
    let one = |client: &crate::plan::Client| {
        let does = format!("{:?}", client.does).to_lowercase();
        let ids = if client.same_id { "" } else { ", a new request id each try" };
        let wait = number(ms(client.every));
        format!(
            "{} × {does} at {}, every {wait} ms, {} tries{ids}",
            client.count, client.at, client.tries
        )
    };
    scenario.client.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn strikes(scenario: &Scenario) -> String {
    let one = |strike: &crate::plan::Strike| {
        let times = if strike.times > 1 { format!(" × {}", strike.times) } else { String::new() };
        let whom = if strike.on.is_empty() { String::new() } else { format!(" {}", strike.on) };
        let to = if strike.to.is_empty() { String::new() } else { format!(" from {}", strike.to) };
        let lasts = match ms(strike.lasts) {
            0.0 => String::new(),
            lasts => format!(" for {} ms", number(lasts)),
        };
        plain(&format!("at {} ms: {}{whom}{to}{lasts}{times}", number(ms(strike.at)), strike.fault))
    };
    scenario.strike.iter().map(one).collect::<Vec<_>>().join("; ")
}
