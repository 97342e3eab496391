//! Keys and values.

use bytes::Bytes;
use client::{
    document::{self, join},
    text::duration,
};
use contract::Program;
use kernel::Duration;
use layers::coordination::{Act, RecipeAct};
use layers::kv::{
    Command, Condition, Delete, Get, HISTORY_ITEMS_MAX, History, KEY_BYTES_MAX, OPERATIONS_MAX,
    Operation, Put, Query as Ask, SCAN_ITEMS_MAX, Scan, VALUE_BYTES_MAX,
};

use super::super::{
    Problem,
    code::Code,
    cursor::Cursor,
    evidence::{self, Tag},
    query::Query,
    recipe::{self, Job, Work},
};
use super::{Asked, Expect, Inbound, Plan, json, millis};

/// Items of a page if the request does not say.
const LIMIT_DEFAULT: u32 = 100;

pub fn put(
    asked: Asked,
    inbound: &Inbound<'_>,
    query: &mut Query,
    keyspace: String,
    key: Bytes,
) -> Result<Plan, Problem> {
    let job = recipe::key_put(asked.clone(), inbound, query, keyspace.clone(), key.clone())?;
    let job = match job {
        Some(job) if only_coordination(&job) => return Ok(Plan::Recipe(job.into())),
        other => other,
    };
    let (matches, none) = evidence::conditions(inbound.headers)?;
    let put = Put {
        key,
        value: inbound.body.clone(),
        ttl_ms: ttl(query.duration("ttl")?)?,
        condition: condition(matches, none)?,
    };
    let lives = put.ttl_ms > 0;
    let request = asked.mutate(keyspace, Program::Kv, &Command::one(put));
    // A coordination keyspace knows leases, not times to live.
    Ok(if lives { Plan::Ask(request, Expect::Put) } else { either(request, Expect::Put, job) })
}

pub fn delete(
    asked: Asked,
    inbound: &Inbound<'_>,
    keyspace: String,
    key: Bytes,
) -> Result<Plan, Problem> {
    let (matches, none) = evidence::conditions(inbound.headers)?;
    if none.is_some() {
        let detail = "If-None-Match has no meaning on DELETE";
        return Err(Problem::new(Code::INVALID_HEADER, detail));
    }
    let job = recipe::key_delete(asked.clone(), inbound, keyspace.clone(), key.clone())?;
    let job = match job {
        Some(job) if only_coordination(&job) => return Ok(Plan::Recipe(job.into())),
        other => other,
    };
    let delete = Delete { key, condition: condition(matches, None)? };
    let request = asked.mutate(keyspace, Program::Kv, &Command::one(delete));
    Ok(either(request, Expect::Delete, job))
}

pub fn get(
    asked: Asked,
    inbound: &Inbound<'_>,
    query: &mut Query,
    keyspace: String,
    key: Bytes,
) -> Result<Plan, Problem> {
    let (matches, none_match) = evidence::conditions(inbound.headers)?;
    let at = query.version("at")?;
    let job = recipe::key_get(asked.clone(), keyspace.clone(), key.clone());
    let request = asked.query_at(keyspace, Program::Kv, &Ask::from(Get { key }), at);
    let expect = Expect::Get { matches, none_match };
    // The past of a coordination keyspace is read by revision, as etcd's clients do.
    let plain = at.is_none() && matches.is_none() && none_match.is_none();
    Ok(if plain { either(request, expect, Some(job)) } else { Plan::Ask(request, expect) })
}

/// Whether only a coordination keyspace can do it: it names a lock, a lease or a revision.
fn only_coordination(job: &Job) -> bool {
    let of = |act: &Act| match act {
        Act::Put(put) => put.lease != 0,
        Act::Txn(txn) => txn.compare.iter().any(|compare| compare.target != 0),
        Act::Recipe(recipe) => matches!(
            &recipe.act,
            Some(RecipeAct::Create(create)) if create.lease != 0
        ),
        _ => false,
    };
    !job.guards.is_empty() || matches!(&job.work, Work::Act(act) if of(act))
}

fn either(request: database::Request, expect: Expect, job: Option<Job>) -> Plan {
    match job {
        Some(job) => Plan::Either(request, expect, job.into()),
        None => Plan::Ask(request, expect),
    }
}

pub fn scan(asked: Asked, query: &mut Query, keyspace: String) -> Result<Plan, Problem> {
    let limit = query.number("limit")?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=SCAN_ITEMS_MAX).contains(&limit) {
        let detail = format!("limit={limit}: a page has 1 to {SCAN_ITEMS_MAX} items");
        return Err(Problem::new(Code::INVALID_PARAMETER, detail));
    }
    let prefix = query.bytes("prefix").unwrap_or_default();
    let start = query.bytes("start").unwrap_or_default().max(prefix.clone());
    let end = match (query.bytes("end").unwrap_or_default(), successor(prefix)) {
        (end, after) if after.is_empty() => end,
        (end, after) if end.is_empty() => after,
        (end, after) => end.min(after),
    };
    let cursor = query.text("cursor")?.map(|text| Cursor::parse(&text)).transpose()?;
    let keys_only = query.switch("keys_only")?;
    let incarnation = cursor.as_ref().map(|cursor| cursor.incarnation);
    let scan = Scan {
        start: start.into(),
        end: end.into(),
        limit,
        after: cursor.map(|cursor| cursor.after).unwrap_or_default(),
        keys_only,
    };
    let at = query.version("at")?;
    let request = asked.query_at(keyspace, Program::Kv, &Ask::from(scan), at);
    Ok(Plan::Ask(request, Expect::Scan { keys_only, incarnation }))
}

pub fn history(asked: Asked, query: &mut Query, keyspace: String) -> Result<Plan, Problem> {
    let limit = query.number("limit")?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=HISTORY_ITEMS_MAX).contains(&limit) {
        let detail = format!("limit={limit}: a page has 1 to {HISTORY_ITEMS_MAX} versions");
        return Err(Problem::new(Code::INVALID_PARAMETER, detail));
    }
    let key: Bytes = query.bytes("key").unwrap_or_default().into();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let detail = format!("key: a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
        return Err(Problem::new(Code::INVALID_KEY, detail));
    }
    let before = query.version("before")?;
    let before = before.map_or(Bytes::new(), |v| Bytes::copy_from_slice(&v.to_bytes()));
    let history = History { key: key.clone(), before, limit };
    let request = asked.past(keyspace, Program::Kv, &Ask::from(history), None);
    Ok(Plan::Ask(request, Expect::History { key }))
}

pub fn batch(asked: Asked, inbound: &Inbound<'_>, keyspace: String) -> Result<Plan, Problem> {
    let batch: document::Batch = json(&inbound.body)?;
    if batch.operations.is_empty() || batch.operations.len() > OPERATIONS_MAX {
        let detail = format!("a batch has 1 to {OPERATIONS_MAX} operations");
        return Err(Problem::new(Code::INVALID_BODY, detail));
    }
    let numbered = batch.operations.into_iter().enumerate();
    let operations = numbered.map(|(at, operation)| {
        self::operation(operation).map_err(|problem| Problem {
            detail: format!("operation {at}: {}", problem.detail),
            ..problem
        })
    });
    let command = Command::batch(operations.collect::<Result<_, _>>()?);
    Ok(Plan::Ask(asked.mutate(keyspace, Program::Kv, &command), Expect::Batch))
}

fn operation(operation: document::Operation) -> Result<Operation, Problem> {
    match operation {
        document::Operation::Put {
            key,
            key_base64,
            value,
            value_base64,
            ttl: text,
            if_match,
            if_none_match,
        } => {
            let ttl_asked = text.map(|text| duration::parse(&text).ok_or_else(|| wrong("ttl")));
            let put = Put {
                key: field("key", key, key_base64, 1, KEY_BYTES_MAX)?,
                value: field("value", value, value_base64, 0, VALUE_BYTES_MAX)?,
                ttl_ms: ttl(ttl_asked.transpose()?)?,
                condition: condition(tag(if_match)?, tag(if_none_match)?)?,
            };
            Ok(put.into())
        }
        document::Operation::Delete { key, key_base64, if_match } => {
            let key = field("key", key, key_base64, 1, KEY_BYTES_MAX)?;
            Ok(Delete { key, condition: condition(tag(if_match)?, None)? }.into())
        }
    }
}

fn field(
    name: &str,
    plain: Option<String>,
    encoded: Option<String>,
    min: usize,
    max: usize,
) -> Result<Bytes, Problem> {
    let bytes = join(plain.as_deref(), encoded.as_deref()).ok_or_else(|| {
        let detail = format!("give either {name} or {name}_base64");
        Problem::new(Code::INVALID_BODY, detail)
    })?;
    if !(min..=max).contains(&bytes.len()) {
        let detail = format!("{name} has {min} to {max} bytes, not {}", bytes.len());
        return Err(Problem::new(Code::INVALID_BODY, detail));
    }
    Ok(bytes.into())
}

fn tag(text: Option<String>) -> Result<Option<Tag>, Problem> {
    text.map(|text| evidence::parse_tag(&text).ok_or_else(|| wrong("if_match"))).transpose()
}

fn condition(matches: Option<Tag>, none: Option<Tag>) -> Result<Option<Condition>, Problem> {
    match (matches, none) {
        (None, None) => Ok(None),
        (Some(Tag::Any), None) => Ok(Some(Condition::present())),
        (Some(Tag::Version(version)), None) => Ok(Some(Condition::version(version))),
        (None, Some(Tag::Any)) => Ok(Some(Condition::absent())),
        _ => Err(Problem::new(Code::INVALID_HEADER, "If-None-Match of a write is * and alone")),
    }
}

fn ttl(asked: Option<Duration>) -> Result<u64, Problem> {
    match asked {
        None => Ok(0),
        Some(ttl) if ttl.is_zero() => {
            Err(Problem::new(Code::INVALID_PARAMETER, "ttl: at least 1ms; leave it out for ever"))
        }
        Some(ttl) => Ok(millis(ttl)),
    }
}

fn wrong(name: &str) -> Problem {
    Problem::new(Code::INVALID_BODY, format!("{name} cannot be read"))
}

/// The first key after all keys with this prefix; empty if there is none.
fn successor(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            break;
        }
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_the_next_one_starts() {
        assert_eq!(successor(b"ab".to_vec()), b"ac");
        assert_eq!(successor(vec![b'a', 0xff]), b"b");
        assert_eq!(successor(vec![0xff, 0xff]), b"");
        assert_eq!(successor(Vec::new()), b"");
    }
}
