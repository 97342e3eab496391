//! From the loose shapes of the file to exact operations.

use kernel::{Incarnation, Version};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::etcd::{Answer, Ask};

use super::{Action, Event, History, Micro, Seen, Span, ValueId, Verb};

/// A problem with a shape, in words; the caller adds the line.
pub(super) type Shaped<T> = Result<T, String>;

/// Whether this invocation's value is `[key, value]`; `None` where its shape cannot tell.
pub(super) fn is_tuple(event: &Event) -> Option<bool> {
    let pair = event.value.as_array().filter(|parts| parts.len() == 2);
    match event.f {
        _ if event.key.is_some() => Some(false),
        None | Some(Verb::Txn | Verb::Etcd | Verb::Other) => None,
        Some(Verb::Cas) => Some(pair.is_some_and(|parts| parts[1].is_array())),
        Some(_) => Some(pair.is_some()),
    }
}

/// Takes `[key, value]` apart.
pub(super) fn split(value: Json) -> Shaped<(Json, Json)> {
    let Json::Array(parts) = value else {
        return Err("value must be [key, value], as on the first line".into());
    };
    let [key, value] = <[Json; 2]>::try_from(parts)
        .map_err(|parts| format!("value must be [key, value], not {} elements", parts.len()))?;
    Ok((key, value))
}

/// What an invocation asks for.
pub(super) fn asked(history: &mut History, verb: Verb, value: &Json) -> Shaped<Action> {
    let values = &mut history.values;
    Ok(match verb {
        Verb::Read => Action::Read(Seen::Nothing),
        Verb::Write => Action::Write(values.intern(value)),
        Verb::Delete => Action::Write(ValueId::NULL),
        Verb::Cas => match value.as_array().map(Vec::as_slice) {
            Some([old, new]) => Action::Cas(values.intern(old), values.intern(new)),
            _ => return Err("a cas needs the value [expected, new]".into()),
        },
        Verb::Add if value.is_null() => Action::Add(values.intern(&1.into()), None),
        Verb::Add => match value.as_array().map(Vec::as_slice) {
            Some([delta, _]) => Action::Add(values.intern(delta), None),
            _ => Action::Add(values.intern(value), None),
        },
        Verb::Append => Action::Append(values.intern(value)),
        Verb::Txn => Action::Txn(parts(history, value)?),
        Verb::Etcd => {
            let ask = Ask::deserialize(value).map_err(|error| format!("no request: {error}"))?;
            let at = u32::try_from(history.deeds.len()).map_err(|_| "more than 2^32 requests")?;
            history.deeds.push((ask, None));
            Action::Etcd(at)
        }
        Verb::Other => {
            let known = "read, write, delete, cas, add, append, txn, etcd";
            return Err(format!("unknown f; known are {known}"));
        }
    })
}

/// What a successful completion adds to what was asked.
pub(super) fn answered(
    history: &mut History,
    asked: Action,
    value: &Json,
    total: Option<i64>,
) -> Shaped<Action> {
    Ok(match asked {
        Action::Read(_) => Action::Read(seen(history, value)?),
        Action::Add(delta, _) => {
            let pair = value.as_array().and_then(|parts| parts.get(1)?.as_i64());
            Action::Add(delta, total.or(pair))
        }
        Action::Txn(_) => Action::Txn(parts(history, value)?),
        Action::Etcd(at) => {
            let answer =
                Answer::deserialize(value).map_err(|error| format!("no answer: {error}"))?;
            if let Some(deed) = history.deeds.get_mut(at as usize) {
                if !answer.fits(&deed.0) {
                    return Err("an answer to another request".into());
                }
                deed.1 = Some(answer);
            }
            asked
        }
        other => other,
    })
}

/// About how much memory a request or an answer takes, in bytes.
pub(super) fn weight(value: &Json) -> u64 {
    match value {
        Json::Array(all) => 32 + all.iter().map(weight).sum::<u64>(),
        Json::Object(fields) => 32 + fields.values().map(weight).sum::<u64>(),
        Json::String(text) => 24 + text.len() as u64,
        _ => 16,
    }
}

fn seen(history: &mut History, value: &Json) -> Shaped<Seen> {
    let Json::Array(elements) = value else {
        return Ok(Seen::Value(history.values.intern(value)));
    };
    let start = history.lists.len();
    for element in elements {
        let id = history.values.intern(element);
        history.lists.push(id);
    }
    Ok(Seen::List(span(start, elements.len())?))
}

fn span(start: usize, len: usize) -> Shaped<Span> {
    let small = |n: usize| u32::try_from(n).map_err(|_| "more than 2^32 list elements".to_owned());
    Ok(Span { start: small(start)?, len: small(len)? })
}

/// The parts of a transaction, in Elle's shape.
fn parts(history: &mut History, value: &Json) -> Shaped<Span> {
    let shape = || "a txn needs a value such as [[\"append\", key, value], [\"r\", key, null]]";
    let parts = value.as_array().ok_or_else(shape)?;
    let mut micros = Vec::with_capacity(parts.len());
    for part in parts {
        let Some([Json::String(f), key, value]) = part.as_array().map(Vec::as_slice) else {
            return Err(shape().into());
        };
        let key = history.values.intern(key);
        let action = match f.as_str() {
            "r" | "read" => Action::Read(seen(history, value)?),
            "w" | "write" => Action::Write(history.values.intern(value)),
            "append" => Action::Append(history.values.intern(value)),
            other => {
                return Err(format!("unknown part {other:?} of a txn; known are append, r, w"));
            }
        };
        micros.push(Micro { key, action });
    }
    let span = span(history.micros.len(), micros.len())?;
    history.micros.extend(micros);
    Ok(span)
}

/// A version: our text form, a number, or a number as text.
pub(super) fn version(json: &Json) -> Shaped<Version> {
    let number = |index| Version { incarnation: Incarnation(0), index, ..Version::default() };
    let text = json.as_str();
    let parsed = json
        .as_u64()
        .or_else(|| text?.parse().ok())
        .map(number)
        .or_else(|| Version::parse(text?.trim_matches('"')));
    parsed.ok_or_else(|| format!("{json} is not a version"))
}
