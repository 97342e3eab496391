//! What a run leaves behind: a folder to walk through.
//!
//! ```text
//!   run.json        what this folder is, and which files it has (see [`manifest`])
//!   report.html     all of it as one page: the diagram, forwards and backwards, and the verdict
//!   README.md       what went wrong and the one command that replays it
//!   seed.txt        the seed
//!   plan.json       seed, options and faults: all that decides the run
//!   history.jsonl   what clients invoked and saw, as the caller recorded it
//!   n1.log …        what each node went through
//!   spacetime.svg   the end of the run: lanes of nodes, messages, faults, roles
//! ```
//!
//! The parts serve other reports as well: [`document`] is a page of blocks, [`spacetime`] the
//! diagram, [`plot`] figures with axes, [`timeline`] a run at the scale of time.

pub mod document;
pub mod drawing;
mod log;
pub mod manifest;
pub mod plot;
pub mod spacetime;
pub mod timeline;

use std::{io, path::Path};

use kernel::NodeId;

use crate::{audit::Recorder, plan::Plan};
use document::{Block, Document, Tone, plain};
use manifest::{Folder, Manifest};

/// What is to be written down about a run.
pub struct Report<'a> {
    /// What the folder is: `failure` or `replay`.
    pub kind: &'a str,
    /// When it is written, in seconds since 1970 (UTC); 0 if nobody says.
    pub time: u64,
    /// What decided the run.
    pub plan: &'a Plan,
    /// How it ended.
    pub outcome: Ending,
    /// What went wrong, for people.
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

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was found.
    Valid,
    /// Something that must hold does not.
    Failed,
    /// Nobody could judge.
    Unknown,
}

impl Ending {
    fn word(self) -> &'static str {
        match self {
            Ending::Valid => "valid",
            Ending::Failed => "failed",
            Ending::Unknown => "unknown",
        }
    }
}

impl Report<'_> {
    /// Writes the folder; it is made if it does not exist.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut folder = Folder::new(path)?;
        let (plan, nodes) = (self.plan, self.plan.options.nodes);
        let document = self.document();
        folder.write("report.html", document.html().as_bytes())?;
        folder.write("README.md", document.markdown().as_bytes())?;
        folder.write("seed.txt", format!("{}\n", plan.seed).as_bytes())?;
        folder.write("plan.json", plan.to_json().as_bytes())?;
        folder.write("history.jsonl", self.history)?;
        for node in (1..=nodes).map(NodeId) {
            folder.write(&format!("{node}.log"), log::log(self.recorder, node).as_bytes())?;
        }
        for (name, picture) in document.pictures() {
            folder.write(&name, picture.as_bytes())?;
        }
        folder.close(Manifest {
            kind: self.kind.to_owned(),
            name: format!("seed-{}", plan.seed),
            title: document.title,
            seed: plan.seed,
            verdict: self.outcome.word().to_owned(),
            time: self.time,
            page: "report.html".to_owned(),
            ..Manifest::default()
        })
    }

    fn document(&self) -> Document {
        let (plan, forgotten) = (self.plan, self.recorder.forgotten());
        let title = match self.outcome {
            Ending::Failed => format!("Failure of seed {}", plan.seed),
            Ending::Valid | Ending::Unknown => format!("Run of seed {}", plan.seed),
        };
        let mut page = Document::new(format!("simulation · {}", self.kind), title);
        let tone = match self.outcome {
            Ending::Failed => Tone::Bad,
            Ending::Valid => Tone::Good,
            Ending::Unknown => Tone::Plain,
        };
        page.add(Block::Note { tone, text: format!("The run is **{}**.", self.outcome.word()) });
        page.add(Block::Pre(self.verdict.trim().to_owned()));
        page.text("Replay it:");
        page.add(Block::Pre(self.command.to_owned()));
        page.heading("The end of the run");
        let nodes = plan.options.nodes;
        let player = Box::new(self.diagram.player("spacetime", nodes, self.recorder));
        let caption = "Time goes down, and is not to scale. Yellow stripes are the moments of what \
                       was found; red bands are faults while they last.";
        page.add(Block::Run { player, caption: caption.to_owned() });
        page.heading("What decided it");
        let dead = match plan.dead.as_slice() {
            [] => "nobody".to_owned(),
            dead => dead.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        page.add(Block::Pre(format!("{}dead       {dead} in the liveness phase", plan.options)));
        page.heading("Faults");
        let strike =
            |strike: &crate::plan::Strike| plain(&format!("{} {}", strike.at, strike.fault));
        match plan.schedule.is_empty() {
            true => page.text("None."),
            false => page.add(Block::List(plan.schedule.iter().map(strike).collect())),
        }
        page.heading("Files");
        page.add(Block::List(vec![
            "[report.html](report.html): all of this as one page, with a cursor".to_owned(),
            "[spacetime.svg](spacetime.svg): the diagram alone".to_owned(),
            "[history.jsonl](history.jsonl): what clients invoked and saw".to_owned(),
            format!(
                "n1.log …: what each node went through ({forgotten} older events were forgotten)"
            ),
            "[plan.json](plan.json), [seed.txt](seed.txt): what decides the run".to_owned(),
        ]));
        page
    }
}

/// Writes a page of another kind: as HTML, as Markdown, with its pictures and other files.
///
/// # Errors
/// If a file cannot be written.
pub fn save(
    path: &Path,
    document: &Document,
    manifest: Manifest,
    others: &[(&str, &[u8])],
) -> io::Result<()> {
    let mut folder = Folder::new(path)?;
    folder.write("report.html", document.html().as_bytes())?;
    folder.write("report.md", document.markdown().as_bytes())?;
    for (name, picture) in document.pictures() {
        folder.write(&name, picture.as_bytes())?;
    }
    for (name, content) in others {
        folder.write(name, content)?;
    }
    folder.close(Manifest { page: "report.html".to_owned(), ..manifest })
}

#[cfg(test)]
mod tests;
