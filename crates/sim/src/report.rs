//! What a failure leaves behind: a folder to walk through.
//!
//! ```text
//!   README.md       what went wrong and the one command that replays it
//!   seed.txt        the seed
//!   plan.json       seed, options and faults: all that decides the run
//!   history.jsonl   what clients invoked and saw, as the caller recorded it
//!   n1.log …        what each node went through
//!   spacetime.svg   the end of the run: lanes of nodes, messages, faults, roles
//! ```

pub mod spacetime;
mod svg;

use std::{fmt::Write, fs, io, path::Path};

use kernel::NodeId;

use crate::{
    audit::{Record, Recorder, What},
    plan::Plan,
};

/// What is to be written down about a failed run.
pub struct Report<'a> {
    /// What decided the run.
    pub plan: &'a Plan,
    /// What went wrong, for people; Markdown.
    pub verdict: &'a str,
    /// The command that replays the run; it may name `plan.json` by its path.
    pub command: &'a str,
    /// The clients' history, one JSON object a line.
    pub history: &'a [u8],
    /// The last events of the run.
    pub recorder: &'a Recorder,
    /// How the diagram is drawn.
    pub diagram: spacetime::Diagram<'a>,
}

impl Report<'_> {
    /// Writes the folder; it is made if it does not exist.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("seed.txt"), format!("{}\n", self.plan.seed))?;
        fs::write(folder.join("plan.json"), self.plan.to_json())?;
        fs::write(folder.join("history.jsonl"), self.history)?;
        for node in (1..=self.plan.options.nodes).map(NodeId) {
            fs::write(folder.join(format!("{node}.log")), log(self.recorder, node))?;
        }
        let nodes = self.plan.options.nodes;
        fs::write(folder.join("spacetime.svg"), self.diagram.draw(nodes, self.recorder))?;
        fs::write(folder.join("README.md"), self.readme())
    }

    fn readme(&self) -> String {
        let (plan, forgotten) = (self.plan, self.recorder.forgotten());
        let dead = match plan.dead.as_slice() {
            [] => "nobody".to_owned(),
            dead => dead.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let mut text = format!(
            "# Failure of seed {seed}\n\n{verdict}\n\nReplay it:\n\n```sh\n{command}\n```\n\n\
             ## The run\n\n```text\n{options}dead       {dead} in the liveness phase\n```\n\n\
             ## Faults\n\n",
            seed = plan.seed,
            verdict = self.verdict.trim(),
            command = self.command,
            options = plan.options,
        );
        for strike in &plan.schedule {
            let _ = writeln!(text, "- {} {}", strike.at, strike.fault);
        }
        if plan.schedule.is_empty() {
            text.push_str("None.\n");
        }
        let _ = write!(
            text,
            "\n## Files\n\n\
             - `spacetime.svg`: the end of the run; open it in a browser\n\
             - `history.jsonl`: what clients invoked and saw\n\
             - `n*.log`: what each node went through ({forgotten} older events were forgotten)\n\
             - `plan.json`, `seed.txt`: what decides the run\n"
        );
        text
    }
}

/// The log of one node: its events and those that struck several nodes.
fn log(recorder: &Recorder, node: NodeId) -> String {
    let mut text = String::new();
    for record in recorder.iter().filter(|r| r.node == node || r.node == NodeId::NONE) {
        let _ = writeln!(text, "{:>14} {}", record.at.to_string(), line(record));
    }
    text
}

fn line(record: &Record) -> String {
    match &record.what {
        What::Sent { to, frame, bytes } => format!("send     #{frame} to {to}, {} B", bytes.len()),
        What::Delivered { from, frame } => format!("receive  #{frame} from {from}"),
        What::Dropped { from, frame, why } => format!("lost     #{frame} from {from}: {why:?}"),
        What::Timer(timer) => format!("timer    {}", timer.0),
        What::Done(work) => format!("done     work {work}"),
        What::Request(ticket) => format!("request  {}", ticket.0),
        What::Reply(ticket) => format!("reply    {}", ticket.0),
        What::Booted(boots) => format!("BOOT     {boots}"),
        What::Halted(reason) => format!("HALT     {reason}"),
        What::Crashed { power: true } => "CRASH    power lost".to_owned(),
        What::Crashed { power: false } => "CRASH    process killed".to_owned(),
        What::Wiped => "WIPED".to_owned(),
        What::Paused => "PAUSE".to_owned(),
        What::Resumed => "RESUME".to_owned(),
        What::Injected { fault, .. } => format!("FAULT    {fault}"),
        What::Healed(fault) => format!("HEALED   {fault}"),
        What::Log(text) => format!("log      {text}"),
        What::Role(role) => format!("ROLE     {role}"),
        What::Mark(text) => format!("MARK     {text}"),
    }
}

#[cfg(test)]
mod tests;
