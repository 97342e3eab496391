//! Sources of configuration, later ones over earlier ones.
//!
//! ```text
//!   defaults  <  file  <  environment (QUORATE_*)  <  flags
//! ```
//!
//! A key of a table is written with a dot in a flag (`limits.cache`) and with two underscores in
//! a variable (`QUORATE_LIMITS__CACHE`). Values outside the file are plain text; where text does
//! not fit the key, they are read as TOML (`[{ node = 1, … }]`, `true`, `4`).

use std::{fs, path::Path};

use serde::Deserialize;
use toml::{Table, Value};

use super::{ConfigError, file::File};

/// Gathers sources, weakest first.
#[derive(Debug, Default)]
pub(super) struct Merge {
    table: Table,
}

impl Merge {
    /// Reads a file.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error: error.to_string(),
        })?;
        self.text(&path.display().to_string(), &text)
    }

    /// Reads the text of a file.
    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let wrong = |error: toml::de::Error| ConfigError::Wrong {
            place: place(name, text, error.span()),
            text: error.message().to_owned(),
        };
        // Once with the types, for errors with a line and a key; once without, for merging.
        toml::from_str::<File>(text).map_err(wrong)?;
        overlay(&mut self.table, text.parse::<Table>().map_err(wrong)?);
        Ok(())
    }

    /// Takes the variables that begin with `QUORATE_`.
    pub(super) fn environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in variables {
            if let Some(rest) = name.strip_prefix("QUORATE_") {
                let key = rest.to_ascii_lowercase().replace("__", ".").replace('_', "-");
                self.one(&name, &key, &value)?;
            }
        }
        Ok(())
    }

    /// Takes one value by its key.
    pub(super) fn one(&mut self, place: &str, key: &str, text: &str) -> Result<(), ConfigError> {
        let plain = nested(key, Value::String(text.to_owned()));
        let literal = format!("value = {text}").parse::<Table>().ok();
        let typed = literal.and_then(|mut table| Some(nested(key, table.remove("value")?)));
        let fits = |table: &Table| File::deserialize(table.clone());
        let chosen = match (fits(&plain), typed) {
            (Ok(_), _) => plain,
            (Err(_), Some(typed)) if fits(&typed).is_ok() => typed,
            (Err(wrong), _) => {
                let place = format!("{place} ({key})");
                return Err(ConfigError::Wrong { place, text: wrong.message().to_owned() });
            }
        };
        overlay(&mut self.table, chosen);
        Ok(())
    }

    /// Everything together.
    pub(super) fn finish(self) -> Result<File, ConfigError> {
        File::deserialize(self.table).map_err(|error| ConfigError::Wrong {
            place: "the merged configuration".to_owned(),
            text: error.message().to_owned(),
        })
    }
}

/// `a.b` and a value as a table in a table.
fn nested(key: &str, value: Value) -> Table {
    let (head, value) = match key.split_once('.') {
        Some((head, rest)) => (head, Value::Table(nested(rest, value))),
        None => (key, value),
    };
    Table::from_iter([(head.to_owned(), value)])
}

/// Puts one table over another; tables below are merged too, anything else is replaced.
fn overlay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            // Labels are one value: a weaker source adds nothing to them.
            (Some(Value::Table(under)), Value::Table(over)) if key != "labels" => {
                overlay(under, over);
            }
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// `file:line (key)`, as far as the span says.
fn place(name: &str, text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return name.to_owned() };
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let content = text.lines().nth(line).unwrap_or_default();
    match content.split_once('=') {
        Some((key, _)) => format!("{name}:{} ({})", line + 1, key.trim()),
        None => format!("{name}:{}", line + 1),
    }
}
