//! Output: tables for people, JSON for programs. Colours only on a terminal.

use std::io::Write;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::exit::Failure;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    json: bool,
}

impl Show {
    /// As `--json` says.
    pub fn new(json: bool) -> Show {
        Show { json }
    }

    /// Whether a program reads.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a document, or what people want to see of it.
    pub fn print(
        self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(document);
            line(&json.map_err(|e| Failure::new(e.to_string()))?)
        } else {
            line(text().trim_end())
        }
    }
}

/// Prints a line. A reader that has seen enough (`head`) ends the command without a word.
pub fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// An empty table with these columns.
pub fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

/// A cell that is green if all is well, yellow or red otherwise.
pub fn state(text: &str) -> Cell {
    let color = match text {
        "healthy" | "leader" | "valid" | "ready" | "passing" => Color::Green,
        "follower" | "learner" | "member" => Color::Reset,
        "silent" | "unreachable" | "INVALID" | "disk-full" | "critical" => Color::Red,
        _ => Color::Yellow,
    };
    Cell::new(text).fg(color)
}

/// A cell that is red or yellow as bad as it is.
pub fn state_as(text: &str, severity: &str) -> Cell {
    match severity {
        "alarm" => Cell::new(text).fg(Color::Red),
        "warning" => Cell::new(text).fg(Color::Yellow),
        _ => Cell::new(text),
    }
}

/// Text, or a dash for nothing.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}
