//! `quorate lab`: ask, predict, run, and read what it shows.

mod live;

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use labs::{Findings, Outcome, Plan, catalogue, judge, report};

use self::live::Trouble;
use crate::{
    ambient,
    exit::Failure,
    show::{self, Show},
};

/// The laboratory: questions about distributed systems, answered on the real engine.
#[derive(Debug, Subcommand)]
pub enum Lab {
    /// List the labs.
    List,
    /// Run a lab and write its report.
    Run(Run),
}

/// Which lab to run, and how.
#[derive(Debug, Args)]
pub struct Run {
    /// Its name, or a plan file of your own.
    name: String,
    /// Decides everything that the simulator leaves to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the report goes; `lab-reports/NAME` otherwise.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Run it on real processes of this machine, where the lab can.
    #[arg(long)]
    live: bool,
    /// The HTTP port of the first of these processes.
    #[arg(long, default_value_t = 18070, requires = "live")]
    base_port: u16,
    /// Do not ask for a prediction.
    #[arg(long, visible_alias = "yes")]
    skip_prediction: bool,
}

impl Lab {
    pub async fn run(self, how: Show) -> Result<(), Failure> {
        match self {
            Lab::List => list(how),
            Lab::Run(run) => run.run(how).await,
        }
    }
}

fn list(how: Show) -> Result<(), Failure> {
    let plans = catalogue::all().map_err(Failure::new)?;
    let json: Vec<_> = plans
        .iter()
        .map(|plan| {
            serde_json::json!({
                "name": plan.name, "title": plan.title, "series": plan.series,
                "question": plan.question, "live": plan.live,
            })
        })
        .collect();
    how.print(&json, || {
        let mut table = show::table(&["lab", "series", "title"]);
        for plan in &plans {
            let live = if plan.live { " (also --live)" } else { "" };
            table.add_row([plan.name.clone(), plan.series.clone(), plan.title.clone() + live]);
        }
        format!("{table}\n\nquorate lab run NAME")
    })
}

impl Run {
    async fn run(self, how: Show) -> Result<(), Failure> {
        let plan = self.plan()?;
        let trouble = Trouble::of(&plan.name).filter(|_| plan.live);
        if self.live && trouble.is_none() {
            return Err(Failure::usage(format!("{} runs in the simulator only", plan.name)));
        }
        let default = || PathBuf::from("lab-reports").join(&plan.name);
        let folder = self.report.clone().unwrap_or_else(default);
        if !how.is_json() {
            println!("{}\n\n{}\n", plan.title, plan.question);
        }
        let guess = if self.asks(how) { ask(&plan)? } else { None };
        let began = ambient::now();
        let findings = match trouble.filter(|_| self.live) {
            Some(trouble) => live::run(trouble, &folder, self.base_port).await?,
            None => labs::run(&plan, self.seed).map_err(Failure::new)?,
        };
        let took = began.elapsed().as_secs_f64();
        report::save(&plan, &findings, guess, self.live, &folder, ambient::unix_s())?;
        self.conclude(&plan, &findings, took, &folder, how)
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let path = std::path::Path::new(&self.name);
        if path.extension().is_some_and(|end| end == "toml") {
            let text = fs::read_to_string(path)?;
            return Plan::parse(&text)
                .map_err(|why| Failure::usage(format!("{}: {why}", path.display())));
        }
        catalogue::find(&self.name).map_err(Failure::not_found)
    }

    /// Whether there is somebody to ask.
    fn asks(&self, how: Show) -> bool {
        !self.skip_prediction && !self.live && !how.is_json() && io::stdin().is_terminal()
    }

    fn conclude(
        &self,
        plan: &Plan,
        findings: &Findings,
        took: f64,
        folder: &std::path::Path,
        how: Show,
    ) -> Result<(), Failure> {
        let outcome = judge::outcome(plan, &findings.measures, self.live);
        let verdicts = judge::verdicts(plan, &findings.measures, self.live);
        let claims: Vec<_> = verdicts
            .iter()
            .map(|claim| serde_json::json!({ "says": claim.says, "holds": claim.holds, "because": claim.because }))
            .collect();
        let json = serde_json::json!({
            "lab": plan.name, "seed": self.seed, "outcome": outcome.word(), "claims": claims,
            "seconds": took, "report": folder.join("report.html"),
        });
        how.print(&json, || {
            let mut table = show::table(&["", "claim", "measured"]);
            for claim in &verdicts {
                let word = match claim.holds {
                    Some(true) => "holds",
                    Some(false) => "refuted",
                    None => "open",
                };
                table.add_row([
                    word.to_owned(),
                    claim.says.clone(),
                    claim.because.replace('`', ""),
                ]);
            }
            let page = folder.join("report.html");
            let word = outcome.word();
            format!(
                "{table}\nThe hypothesis {}. {took:.1} s\nsee {}",
                sentence(word),
                page.display()
            )
        })?;
        let law = |claim: &&labs::plan::Claim| claim.law && claim.live == self.live;
        let broken = plan
            .claim
            .iter()
            .filter(law)
            .any(|claim| judge::holds(claim, &findings.measures) == Some(false));
        match (broken, outcome) {
            (true, _) => Err(Failure::verdict(true)),
            (_, Outcome::Open) => Err(Failure::verdict(false)),
            _ => Ok(()),
        }
    }
}

fn sentence(word: &str) -> String {
    match word {
        "held" => "held".to_owned(),
        "open" => "is open".to_owned(),
        word => format!("was {word}"),
    }
}

/// What the reader expects; none if nothing, or no number, was said.
fn ask(plan: &Plan) -> Result<Option<f64>, Failure> {
    let Some(prediction) = &plan.prediction else { return Ok(None) };
    println!("Before it runs: {}", prediction.asks);
    print!("Your prediction (a number; enter alone skips): ");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let guess = line.trim().parse::<f64>().ok().filter(|guess| guess.is_finite());
    println!();
    Ok(guess)
}
