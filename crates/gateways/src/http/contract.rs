//! Contracts as TOML or JSON, in the fields of the contract language.
//!
//! A field that the engine cannot enforce is refused by name: a contract never holds a promise
//! that is only ink. Where the engine has one mechanism, its value is accepted and no other.

use client::text::{duration, size};
use contract::{Consistency, Contract, LevelError, Objective, Program};
use kernel::Duration;
use serde_json::{Map, Value, json};

use super::{Problem, code::Code};

/// Fields with exactly one value that the engine enforces today.
const FIXED: [(&str, &str); 5] = [
    ("replication", "consensus"),
    ("ack", "majority"),
    ("durability", "disk"),
    ("partition", "consistency"),
    ("isolation", "serializable"),
];

/// Fields of the language that the engine does not enforce yet.
const LATER: [&str; 4] = ["staleness", "partition_by", "spread", "quorum"];

/// Reads a contract from TOML.
///
/// # Errors
/// If it is no TOML, or as [`read`].
pub fn from_toml(text: &str) -> Result<Contract, Problem> {
    let value: Value =
        toml::from_str(text).map_err(|e| Problem::new(Code::INVALID_BODY, format!("{e}")))?;
    read(value)
}

/// Reads a contract from JSON.
///
/// # Errors
/// If it is no JSON, or as [`read`].
pub fn from_json(body: &[u8]) -> Result<Contract, Problem> {
    let value = serde_json::from_slice(body)
        .map_err(|e| Problem::new(Code::INVALID_BODY, format!("{e}")))?;
    read(value)
}

/// Reads a contract from a document.
///
/// # Errors
/// If a field is unknown, has a wrong value, or promises what cannot be enforced.
pub fn read(document: Value) -> Result<Contract, Problem> {
    let Value::Object(mut fields) = document else {
        return Err(Problem::new(Code::INVALID_BODY, "a contract is a table of fields"));
    };
    let program = text(&mut fields, "program")?.unwrap_or_else(|| "kv".into());
    let program = Program::parse(&program).ok_or_else(|| {
        field("program", &format!("'{program}' is not one: use kv, counter or coordination"))
    })?;
    let mut contract = Contract::new(program);
    for (name, value) in FIXED {
        match text(&mut fields, name)? {
            Some(asked) if asked != value => return Err(later(name, &asked, value)),
            _ => {}
        }
    }
    if let Some(name) = LATER.into_iter().find(|name| fields.contains_key(*name)) {
        let detail = format!("{name} is not enforced yet: leave it out");
        return Err(Problem::new(Code::CONTRACT_UNENFORCEABLE, detail));
    }
    if let Some(replicas) = number(&mut fields, "replicas")? {
        contract.replicas = replicas;
    }
    match number(&mut fields, "shards")? {
        Some(shards) if shards != 1 => return Err(later("shards", &shards.to_string(), "1")),
        _ => {}
    }
    if let Some(read) = text(&mut fields, "read")? {
        contract.read = level(&read)?;
    }
    if let Some(window) = window(&mut fields, "history")? {
        contract.history_s = window;
    }
    if let Some(window) = window(&mut fields, "outcomes")? {
        contract.outcomes_s = window;
    }
    if let Some(quota) = text(&mut fields, "quota")? {
        let wrong = || field("quota", &format!("'{quota}' is no size: write it as 8GiB"));
        contract.quota_bytes = size::parse(&quota).ok_or_else(wrong)?;
    }
    if let Some(table) = fields.remove("objective") {
        contract.objective = Some(objective(table)?);
    }
    match fields.keys().next() {
        Some(name) => Err(field(name, "not a field of the contract language")),
        None => Ok(contract),
    }
}

/// Writes every field of a contract, the fixed ones included: what was promised, not what was
/// typed.
#[must_use]
pub fn write(contract: &Contract) -> Value {
    let seconds = |s: u32| duration::format(Duration::from_secs(s.into()));
    let mut fields = Map::new();
    fields.insert("program".into(), json!(contract.program.name()));
    for (name, value) in FIXED {
        fields.insert(name.into(), json!(value));
    }
    fields.insert("replicas".into(), json!(contract.replicas));
    fields.insert("shards".into(), json!(1));
    fields.insert("read".into(), json!(contract.read.to_string()));
    fields.insert("history".into(), json!(seconds(contract.history_s)));
    fields.insert("outcomes".into(), json!(seconds(contract.outcomes_s)));
    fields.insert("quota".into(), json!(size::format(contract.quota_bytes)));
    if let Some(objective) = contract.objective {
        let latency = Duration::from_micros(objective.latency_p99_us.into());
        fields.insert(
            "objective".into(),
            json!({
                "availability": objective.availability(),
                "latency_p99": duration::format(latency),
                "window": seconds(objective.window_s),
            }),
        );
    }
    Value::Object(fields)
}

/// The table `[objective]`. What is not said is 99.9 %, no latency, 30 days.
fn objective(table: Value) -> Result<Objective, Problem> {
    let Value::Object(mut fields) = table else {
        return Err(field("objective", "a table: availability, latency_p99, window"));
    };
    let mut objective =
        Objective { availability_ppm: 999_000, latency_p99_us: 0, window_s: Objective::WINDOW_S.1 };
    if let Some(text) = text(&mut fields, "availability")? {
        let wrong = || field("availability", &format!("'{text}' is no share: write it as 99.99%"));
        objective.availability_ppm = Objective::parse_availability(&text).ok_or_else(wrong)?;
    }
    if let Some(text) = text(&mut fields, "latency_p99")? {
        let wrong = || field("latency_p99", &format!("'{text}' is no latency: write it as 100ms"));
        let us = duration::parse(&text).and_then(|d| u32::try_from(d.as_micros()).ok());
        objective.latency_p99_us = us.ok_or_else(wrong)?;
    }
    objective.window_s = window(&mut fields, "window")?.unwrap_or(objective.window_s);
    match fields.keys().next() {
        Some(name) => Err(field(name, "not a field of an objective")),
        None => Ok(objective),
    }
}

fn level(text: &str) -> Result<Consistency, Problem> {
    Consistency::parse(text).map_err(|error| match error {
        LevelError::Unavailable(_) => Problem::new(Code::CONTRACT_LEVEL, format!("read: {error}")),
        LevelError::Unknown(_) => field("read", &error.to_string()),
    })
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(field(name, &format!("{other} is no text"))),
    }
}

fn number(fields: &mut Map<String, Value>, name: &str) -> Result<Option<u32>, Problem> {
    let Some(value) = fields.remove(name) else { return Ok(None) };
    match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(field(name, &format!("{value} is no whole number of 32 bits"))),
    }
}

/// A window in whole seconds, 0 to 2^32 - 1.
fn window(fields: &mut Map<String, Value>, name: &str) -> Result<Option<u32>, Problem> {
    let Some(text) = text(fields, name)? else { return Ok(None) };
    let whole = duration::parse(&text).filter(|window| window.subsec_nanos() == 0);
    match whole.and_then(|window| u32::try_from(window.as_secs()).ok()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(field(name, &format!("'{text}' is no window: write whole seconds, as 10m"))),
    }
}

fn field(name: &str, reason: &str) -> Problem {
    Problem::new(Code::CONTRACT_FIELD, format!("{name}: {reason}"))
}

fn later(name: &str, asked: &str, only: &str) -> Problem {
    let detail =
        format!("{name} = \"{asked}\" is not enforced yet: use \"{only}\" or leave it out");
    Problem::new(Code::CONTRACT_UNENFORCEABLE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "program = \"counter\"\nreplicas = 3\nread = \"eventual\"\noutcomes = \"1h\"\nquota = \"8GiB\"\n";
        let json = br#"{"program":"counter","replicas":3,"read":"eventual","outcomes":"1h",
            "quota":"8GiB"}"#;
        let contract = from_toml(toml).unwrap();
        assert_eq!(from_json(json).unwrap(), contract);
        assert_eq!((contract.outcomes_s, contract.history_s), (3_600, 0));
        assert_eq!(contract.quota_bytes, 8 << 30);
        assert_eq!(read(write(&contract)).unwrap(), contract);
        let objective =
            from_toml("[objective]\navailability = \"99.99%\"\nlatency_p99 = \"100ms\"");
        let objective = objective.unwrap();
        let told = objective.objective.unwrap();
        assert_eq!((told.availability_ppm, told.latency_p99_us), (999_900, 100_000));
        assert_eq!(read(write(&objective)).unwrap(), objective);
        assert_eq!(from_toml("").unwrap(), Contract::new(Program::Kv));
        let coordination = from_toml("program = \"coordination\"").unwrap();
        assert_eq!(coordination, Contract::new(Program::Coordination));
        assert_eq!(read(write(&coordination)).unwrap(), coordination);
    }

    #[test]
    fn what_cannot_be_enforced_is_refused_by_name() {
        for (text, code, name) in [
            ("durability = \"memory\"", Code::CONTRACT_UNENFORCEABLE, "durability"),
            ("partition = \"availability\"", Code::CONTRACT_UNENFORCEABLE, "partition"),
            ("staleness = \"100ms\"", Code::CONTRACT_UNENFORCEABLE, "staleness"),
            ("shards = 3", Code::CONTRACT_UNENFORCEABLE, "shards"),
            ("[objective]\navailability = \"all\"", Code::CONTRACT_FIELD, "availability"),
            ("[objective]\nlatency_p50 = \"1ms\"", Code::CONTRACT_FIELD, "latency_p50"),
            ("read = \"bounded\"", Code::CONTRACT_LEVEL, "read"),
            ("read = \"strong\"", Code::CONTRACT_FIELD, "read"),
            ("program = \"sql\"", Code::CONTRACT_FIELD, "program"),
            ("replicas = \"three\"", Code::CONTRACT_FIELD, "replicas"),
            ("outcomes = \"1500ms\"", Code::CONTRACT_FIELD, "outcomes"),
            ("quota = \"8GB\"", Code::CONTRACT_FIELD, "quota"),
            ("replica = 3", Code::CONTRACT_FIELD, "replica"),
        ] {
            let problem = from_toml(text).unwrap_err();
            assert_eq!(problem.code, code, "{text}");
            assert!(problem.detail.contains(name), "{}", problem.detail);
        }
        assert_eq!(from_toml("=").unwrap_err().code, Code::INVALID_BODY);
        assert_eq!(from_json(b"[]").unwrap_err().code, Code::INVALID_BODY);
    }

    proptest! {
        #[test]
        fn any_body_is_handled(body: Vec<u8>, text: String) {
            let _ = (from_json(&body), from_toml(&text));
        }
    }
}
