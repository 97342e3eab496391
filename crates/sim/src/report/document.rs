//! A report as blocks, rendered as one HTML page that needs nothing else, and as Markdown.
//!
//! Text is Markdown of the simplest kind: `**strong**`, `` `code` `` and `[words](target)`. Whoever
//! puts strings from a run into it uses [`plain`], so that they cannot be read as marks.

mod html;
mod inline;
mod markdown;

pub use inline::plain;

use super::{drawing::Drawing, spacetime::Player};

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// What kind of page it is, in a word or two.
    pub kicker: String,
    /// Its title.
    pub title: String,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Begins a section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Points.
    List(Vec<String>),
    /// Rows under heads; what begins with a digit or a sign stands on the right.
    Table {
        /// The heads of the columns.
        head: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
    /// Pictures beside each other, as far as there is room.
    Figures(Vec<Figure>),
    /// A run to be gone through.
    Run {
        /// The run.
        player: Box<Player>,
        /// What it shows.
        caption: String,
    },
    /// As it is, line by line.
    Pre(String),
    /// Claims and what the data says of them.
    Claims(Vec<Claim>),
    /// A paragraph that stands out.
    Note {
        /// How it is meant.
        tone: Tone,
        /// What it says.
        text: String,
    },
    /// What is folded away.
    More {
        /// What is there.
        title: String,
        /// The rest.
        blocks: Vec<Block>,
    },
}

/// A picture with a name and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The name of its file, without its ending.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// The picture.
    pub drawing: Drawing,
}

/// Something that was said before, and whether it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed.
    pub says: String,
    /// Whether it holds; `None` if the data does not tell.
    pub holds: Option<bool>,
    /// The figures that decide.
    pub because: String,
}

/// How a note is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As information.
    Plain,
    /// As good news.
    Good,
    /// As bad news.
    Bad,
}

impl Document {
    /// A page of this title.
    #[must_use]
    pub fn new(kicker: impl Into<String>, title: impl Into<String>) -> Document {
        Document { kicker: kicker.into(), title: title.into(), blocks: Vec::new() }
    }

    /// Adds a part.
    pub fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Begins a section.
    pub fn heading(&mut self, text: &str) {
        self.add(Block::Heading(text.into()));
    }

    /// Adds a paragraph; nothing if it is empty.
    pub fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.add(Block::Text(text.into()));
        }
    }

    /// One HTML page: no other file, no other host.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Markdown that shows its pictures from the files beside it.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// The pictures as files: name and content.
    #[must_use]
    pub fn pictures(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        pictures(&self.blocks, &mut files);
        files
    }
}

fn pictures(blocks: &[Block], files: &mut Vec<(String, String)>) {
    for block in blocks {
        match block {
            Block::Figures(figures) => files.extend(
                figures
                    .iter()
                    .map(|figure| (format!("{}.svg", figure.name), figure.drawing.file())),
            ),
            Block::Run { player, .. } => {
                files.push((format!("{}.svg", player.name), player.drawing().file()));
            }
            Block::More { blocks, .. } => pictures(blocks, files),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
