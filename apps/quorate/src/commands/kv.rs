//! `quorate put | get | delete | scan`.

use clap::Args;
use client::{Answer, Evidence, If, Scan, document::Item};
use kernel::{Duration, Version};
use serde_json::json;

use super::{argument_or_stdin, print_raw};
use crate::{
    cli::{Global, parse_duration, parse_version},
    exit::Failure,
    show,
};

/// Conditions of a write.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Condition {
    /// Only if the key has this version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<String>,
    /// Only if the key exists.
    #[arg(long)]
    if_present: bool,
    /// Only if the key does not exist.
    #[arg(long)]
    if_absent: bool,
}

impl Condition {
    fn read(&self) -> Result<Option<If>, Failure> {
        Ok(match &self.if_version {
            Some(text) => Some(If::Version(parse_version(text).map_err(Failure::usage)?)),
            None if self.if_present => Some(If::Present),
            None if self.if_absent => Some(If::Absent),
            None => None,
        })
    }
}

/// Set a key.
#[derive(Debug, Args)]
pub struct Put {
    /// Which keyspace.
    keyspace: String,
    /// Which key.
    key: String,
    /// The value; `-` or nothing reads standard input.
    value: Option<String>,
    #[command(flatten)]
    condition: Condition,
    /// How long the key lives.
    #[arg(long, value_parser = parse_duration)]
    ttl: Option<Duration>,
    /// The name of this mutation: repeating it takes effect once.
    #[arg(long)]
    request_id: Option<String>,
}

impl Put {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let condition = self.condition.read()?;
        let value = argument_or_stdin(self.value.as_deref())?;
        let mut kv = global.client().kv(&self.keyspace);
        if let Some(id) = &self.request_id {
            kv = kv.request_id(id);
        }
        let answer = kv.put(self.key.as_bytes(), &value, condition, self.ttl).await?;
        let document = document(&answer.evidence, json!({ "created": answer.value }));
        let word = if answer.value { "created" } else { "replaced" };
        global.show().print(&document, || line(word, &answer.evidence))
    }
}

/// Read a key.
#[derive(Debug, Args)]
pub struct Get {
    /// Which keyspace.
    keyspace: String,
    /// Which key.
    key: String,
    /// The level: linearizable, eventual, eventual+monotonic-reads …
    #[arg(long)]
    consistency: Option<String>,
    /// As of this version; the keyspace must keep history.
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    at: Option<Version>,
    /// Print the evidence to standard error.
    #[arg(short, long)]
    verbose: bool,
}

impl Get {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let mut kv = global.client().kv(&self.keyspace);
        if let Some(level) = &self.consistency {
            kv = kv.at(level);
        }
        if let Some(version) = self.at {
            kv = kv.as_of(version);
        }
        let Answer { value, evidence } = kv.get(self.key.as_bytes()).await?;
        if self.verbose {
            eprintln!("{}", line("read", &evidence));
        }
        let Some(stored) = value else {
            return Err(Failure::not_found(format!("there is no key '{}'", self.key)));
        };
        if !global.json {
            return print_raw(&stored.value);
        }
        let (plain, encoded) = client::document::split(&stored.value);
        let fields = json!({
            "key": self.key,
            "value": plain,
            "value_base64": encoded,
            "expires_ms": stored.expires_ms,
        });
        global.show().print(&document(&evidence, fields), String::new)
    }
}

/// Remove a key.
#[derive(Debug, Args)]
pub struct Delete {
    /// Which keyspace.
    keyspace: String,
    /// Which key.
    key: String,
    /// Only if the key has this version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<String>,
    /// The name of this mutation: repeating it takes effect once.
    #[arg(long)]
    request_id: Option<String>,
}

impl Delete {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let condition =
            Condition { if_version: self.if_version, if_present: false, if_absent: false }
                .read()?;
        let mut kv = global.client().kv(&self.keyspace);
        if let Some(id) = &self.request_id {
            kv = kv.request_id(id);
        }
        let answer = kv.delete(self.key.as_bytes(), condition).await?;
        let document = document(&answer.evidence, json!({ "existed": answer.value }));
        let word = if answer.value { "deleted" } else { "did not exist" };
        global.show().print(&document, || line(word, &answer.evidence))
    }
}

/// Read a range of keys.
#[derive(Debug, Args)]
pub struct ScanKeys {
    /// Which keyspace.
    keyspace: String,
    /// Only keys that start with this.
    #[arg(long, default_value = "")]
    prefix: String,
    /// From this key on.
    #[arg(long, default_value = "")]
    start: String,
    /// Up to but without this key.
    #[arg(long, default_value = "")]
    end: String,
    /// At most so many keys.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Leave the values out.
    #[arg(long)]
    keys_only: bool,
    /// The level.
    #[arg(long)]
    consistency: Option<String>,
    /// As of this version; the keyspace must keep history.
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    at: Option<Version>,
}

impl ScanKeys {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let mut kv = global.client().kv(&self.keyspace);
        if let Some(level) = &self.consistency {
            kv = kv.at(level);
        }
        if let Some(version) = self.at {
            kv = kv.as_of(version);
        }
        let scan = Scan {
            prefix: self.prefix.into_bytes(),
            start: self.start.into_bytes(),
            end: self.end.into_bytes(),
            limit: self.limit,
            cursor: None,
            keys_only: self.keys_only,
        };
        let page = kv.scan(&scan).await?.value;
        global.show().print(&page, || {
            let mut table = show::table(&["key", "value", "version"]);
            for item in &page.items {
                table.add_row([text(item.key_bytes()), text(item.value_bytes()), version(item)]);
            }
            let more = if page.cursor.is_some() { "\nthere are more: raise --limit" } else { "" };
            format!("{table}{more}")
        })
    }
}

fn version(item: &Item) -> String {
    item.version.clone()
}

/// Bytes for people: long ones are cut, what is no text is shown escaped.
pub fn text(bytes: Option<Vec<u8>>) -> String {
    const SHOWN: usize = 60;
    let bytes = bytes.unwrap_or_default();
    let text = match String::from_utf8(bytes) {
        Ok(text) => text.escape_debug().to_string(),
        Err(error) => error.into_bytes().escape_ascii().to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// An answer with its evidence as JSON.
pub fn document(evidence: &Evidence, mut fields: serde_json::Value) -> serde_json::Value {
    fields["version"] = json!(evidence.version.map(|version| version.to_string()));
    fields["receipt"] = json!(evidence.receipt.to_string());
    fields["request_id"] = json!(evidence.request_id);
    fields["repeated"] = json!(evidence.repeated);
    fields["attempts"] = json!(evidence.attempts);
    fields
}

/// An answer with its evidence on one line.
pub fn line(word: &str, evidence: &Evidence) -> String {
    let again = if evidence.repeated { " (the kept answer of an earlier attempt)" } else { "" };
    format!("{word}{again}\n  {}", evidence.receipt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_binary_values_are_cut_and_escaped() {
        assert_eq!(text(Some(b"plain".to_vec())), "plain");
        assert_eq!(text(Some(vec![0xff, b'a'])), "\\xffa");
        assert_eq!(text(Some(vec![b'x'; 100])).chars().count(), 61);
        assert_eq!(text(None), "");
    }
}
