//! What a check has to say, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::counterexample::Counterexample;
use crate::draw;
use crate::history::{History, Outcome};
use crate::verdict::{Finding, Judgement, Verdict};

/// The version of the JSON form of a report.
const FORMAT: u32 = 1;

/// All judgements on one history. Two checks of one file give the same report, byte for byte.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this form.
    pub format: u32,
    /// The worst verdict of all checkers.
    pub verdict: Verdict,
    /// How large the history is.
    pub counts: Counts,
    /// What each checker says.
    pub judgements: Vec<Judgement>,
    /// What a reader should know beside.
    pub notes: Vec<String>,
}

/// The size of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Operations of clients.
    pub operations: u64,
    /// Of these, successful.
    pub ok: u64,
    /// Failed: they did not happen.
    pub fail: u64,
    /// Of unknown outcome.
    pub info: u64,
    /// Different keys.
    pub keys: u64,
    /// Different client processes.
    pub processes: u64,
}

impl Counts {
    pub(crate) fn of(history: &History, keys: usize) -> Counts {
        let mut counts = Counts { keys: keys as u64, ..Counts::default() };
        let mut processes: Vec<u64> = history.ops.iter().map(|op| op.process).collect();
        processes.sort_unstable();
        processes.dedup();
        counts.processes = processes.len() as u64;
        counts.operations = history.ops.len() as u64;
        for op in &history.ops {
            match op.outcome {
                Outcome::Ok => counts.ok += 1,
                Outcome::Fail => counts.fail += 1,
                Outcome::Info => counts.info += 1,
            }
        }
        counts
    }
}

impl Report {
    pub(crate) fn new(counts: Counts, judgements: Vec<Judgement>, notes: Vec<String>) -> Report {
        let worst = judgements.iter().map(|judgement| judgement.verdict).max();
        // Where nothing was judged, nothing is known.
        let verdict = worst.unwrap_or(Verdict::Unknown);
        Report { format: FORMAT, verdict, counts, judgements, notes }
    }

    /// The report as JSON, indented.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A tree of plain data has no way to fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The counterexample to show first: that of the first checker that found one.
    #[must_use]
    pub fn counterexample(&self) -> Option<&Counterexample> {
        self.judgements.iter().find_map(|judgement| Some(&judgement.findings.first()?.first))
    }

    /// The timeline of [`Report::counterexample`] as an SVG file.
    #[must_use]
    pub fn to_svg(&self) -> Option<String> {
        self.counterexample().map(draw::svg)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { operations, ok, fail, info, keys, processes } = self.counts;
        writeln!(f, "{}", self.verdict)?;
        writeln!(
            f,
            "  {operations} operations ({ok} ok, {fail} failed, {info} unknown), {keys} keys, \
             {processes} processes"
        )?;
        for judgement in &self.judgements {
            let Judgement { checker, verdict, keys, operations, .. } = judgement;
            writeln!(f, "  {checker:<28} {verdict:<8} {operations} operations, {keys} keys")?;
            for (reason, count) in &judgement.unknown {
                writeln!(f, "    {count}× {reason}")?;
            }
            for finding in &judgement.findings {
                show(f, finding)?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  note: {note}"))
    }
}

fn show(f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
    let Counterexample { anomaly, key, text, .. } = &finding.first;
    let key = if key == "null" { String::new() } else { format!("key {key}: ") };
    let folded = if finding.count == 1 { String::new() } else { format!(" ×{}", finding.count) };
    writeln!(f, "    {}{folded}: {key}{text}", anomaly.name())?;
    for line in draw::text(&finding.first).lines() {
        writeln!(f, "      {line}")?;
    }
    Ok(())
}
