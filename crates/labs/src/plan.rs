//! A lab as data: a TOML file that says what is asked, what is believed, what is done, and which
//! measured numbers decide.
//!
//! ```text
//!   question, hypothesis, prediction
//!   [[scenario]]  cluster, network, clients, strikes      ──▶ measures "NAME.measure"
//!   [[sweep]]     one scenario with one value varied      ──▶ "NAME.0.measure", "NAME.1.measure" …
//!   [model]       a small model of published pseudo-code  ──▶ "measure"
//!   [[claim]]     left is right: both measured, or a number that the hypothesis names
//!   [[answer]] [[notice]] [[plot]]  texts and figures over measures
//! ```
//!
//! No text of a plan states a result: numbers stand in braces and come from the run, and what
//! depends on how it came out has a condition.

pub mod scenario;
pub mod span;

use serde::Deserialize;

pub use scenario::{Client, Scenario, Strike, Sweep};

/// Bytes of a plan file; longer ones are refused.
pub const BYTES_MAX: usize = 64 << 10;

/// A lab.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name on the command line.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Which series it belongs to.
    pub series: String,
    /// What one should know before, and why it is asked.
    #[serde(default)]
    pub background: String,
    /// What is asked.
    pub question: String,
    /// What is believed before the run.
    pub hypothesis: String,
    /// What the reader is asked before the answer is shown.
    pub prediction: Option<Prediction>,
    /// A published text that is wrong, and the right one.
    pub erratum: Option<Erratum>,
    /// Which model is run, if one is.
    pub model: Option<String>,
    /// Whether it can be run on real processes as well.
    #[serde(default)]
    pub live: bool,
    /// Runs of a cluster.
    #[serde(default)]
    pub scenario: Vec<Scenario>,
    /// Series of runs.
    #[serde(default)]
    pub sweep: Vec<Sweep>,
    /// What decides.
    #[serde(default)]
    pub claim: Vec<Claim>,
    /// Figures.
    #[serde(default)]
    pub plot: Vec<Plot>,
    /// Questions that the data answers.
    #[serde(default)]
    pub answer: Vec<Answer>,
    /// What to look at.
    #[serde(default)]
    pub notice: Vec<Notice>,
}

/// A question to the reader, whose answer is a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// What is asked.
    pub asks: String,
    /// The measure that answers it.
    pub measure: String,
    /// How far off a good guess may be, as a part of the right answer.
    pub within: f64,
}

/// Something published that is wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erratum {
    /// Its number in the list of errors.
    pub id: String,
    /// What the published version does.
    pub published: String,
    /// Why that is wrong.
    pub wrong: String,
    /// What is right.
    pub fix: String,
}

/// A statement that the data decides: `left is right`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What is claimed, for people.
    pub says: String,
    /// A measure.
    pub left: String,
    /// How they compare.
    pub is: Is,
    /// A measure, or a number.
    pub right: Operand,
    /// The right side is multiplied by this.
    #[serde(default = "one")]
    pub times: f64,
    /// Whether the hypothesis stands and falls with it.
    #[serde(default)]
    pub hypothesis: bool,
    /// Whether it is a law of the engine: if it fails, a bug was found.
    #[serde(default)]
    pub law: bool,
    /// Only of runs on real processes.
    #[serde(default)]
    pub live: bool,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Is {
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// The same.
    #[serde(rename = "=")]
    Same,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// More.
    #[serde(rename = ">")]
    More,
}

/// The right side of a claim.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Operand {
    /// A number of the hypothesis.
    Number(f64),
    /// A measure.
    Measure(String),
}

/// A figure over the runs of a sweep.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plot {
    /// The name of its file.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Which sweep.
    pub sweep: String,
    /// The axis at the bottom, with its unit.
    pub x: String,
    /// The axis at the left, with its unit.
    pub y: String,
    /// Whether the left axis is logarithmic.
    #[serde(default)]
    pub log: bool,
    /// What was measured.
    #[serde(default)]
    pub measured: Vec<Line>,
    /// What theory says: formulas of [`crate::theory`], each compared with the first measure.
    #[serde(default)]
    pub theory: Vec<Line>,
    /// What to see in it.
    pub caption: String,
}

/// A series of a figure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name in the legend.
    pub label: String,
    /// The measure, or the formula.
    pub of: String,
}

/// A question with an answer from the data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What is asked.
    pub question: String,
    /// The answer, with measures in braces.
    pub text: String,
    /// When it is the right one; always, if nothing is said.
    pub when: Option<Condition>,
}

/// Something to look at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// What, with measures in braces.
    pub text: String,
    /// When it is there to be seen; always, if nothing is said.
    pub when: Option<Condition>,
}

/// Decides whether a text is shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A measure.
    pub left: String,
    /// How they compare.
    pub is: Is,
    /// A measure, or a number.
    pub right: Operand,
    /// The right side is multiplied by this.
    #[serde(default = "one")]
    pub times: f64,
}

fn one() -> f64 {
    1.0
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Plan, String> {
        if text.len() > BYTES_MAX {
            return Err(format!(
                "a plan has at most {BYTES_MAX} bytes, this one has {}",
                text.len()
            ));
        }
        let plan: Plan = toml::from_str(text).map_err(|error| error.to_string())?;
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(format!("'{}': a lab's name is made of a-z, 0-9 and -", self.name));
        }
        if !self.claim.iter().any(|claim| claim.hypothesis) {
            return Err("no claim has 'hypothesis = true': nothing would decide it".into());
        }
        self.scenario.iter().try_for_each(Scenario::check)?;
        for sweep in &self.sweep {
            sweep.check()?;
        }
        for plot in &self.plot {
            if !self.sweep.iter().any(|sweep| sweep.name == plot.sweep) {
                return Err(format!("plot {}: there is no sweep '{}'", plot.name, plot.sweep));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_nothing_decides_is_refused_with_the_reason() {
        let text =
            "name = \"x\"\ntitle = \"t\"\nseries = \"s\"\nquestion = \"q\"\nhypothesis = \"h\"\n";
        assert!(Plan::parse(text).unwrap_err().contains("nothing would decide"));
        let claim =
            "[[claim]]\nsays = \"s\"\nleft = \"a\"\nis = \"<=\"\nright = 3\nhypothesis = true\n";
        let plan = Plan::parse(&format!("{text}{claim}")).unwrap();
        assert_eq!(plan.claim[0].right, Operand::Number(3.0));
        let bad = text.replace("\"x\"", "\"X/y\"");
        assert!(Plan::parse(&format!("{bad}{claim}")).unwrap_err().contains("name"));
        let unknown = format!("{text}colour = 1\n{claim}");
        assert!(Plan::parse(&unknown).unwrap_err().contains("colour"));
    }
}
