//! What the judges read: histories, and plans of the simulator.

use check::{
    Limits, Options,
    history::{self, ReadLimits},
};
use kernel::{Duration, Rng};
use sim::{Plan, nemesis, swarm};

use crate::{
    Fed, Memory, Target, draw,
    target::{as_it_is, same},
};

pub const TARGETS: [Target; 2] = [
    Target {
        name: "history",
        sample: history,
        mend: as_it_is,
        words: &[
            "\n",
            "\"",
            "{",
            "}",
            "[",
            "]",
            ",",
            "null",
            "\"invoke\"",
            "\"ok\"",
            "\"info\"",
            "\"txn\"",
            "18446744073709551616",
            "-1",
            "1e400",
            "\"append\"",
            "\"cas\"",
        ],
        feed: feed_history,
        memory: Memory { base: 8 << 20, per_byte: 4 << 10 },
    },
    Target {
        name: "plan",
        sample: plan,
        mend: as_it_is,
        words: &["\"", "{", "}", "[", "]", ",", "ns", "18446744073709551615", "-1", "\"fault\":"],
        feed: feed_plan,
        memory: Memory { base: 64 << 10, per_byte: 512 },
    },
];

fn history(rng: &mut Rng) -> Vec<u8> {
    let functions: &[&str] = match rng.below(5) {
        0 => &["read", "write", "cas", "delete"],
        1 => &["read", "add"],
        2 => &["read", "append"],
        3 => &["etcd"],
        _ => &["txn"],
    };
    let keyed = |function: &str| if function == "txn" { "" } else { "\"key\":\"x\"," };
    let mut open: Vec<Option<(String, String)>> = vec![None; 3];
    let mut lines = Vec::new();
    for time in 0..rng.range(1, 24) {
        let process = rng.below(3) as usize;
        let line = |kind: &str, function: &str, value: &str| {
            let key = keyed(function);
            format!(
                "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{function}\",{key}\
                 \"value\":{value},\"time\":{time}}}"
            )
        };
        match open[process].take() {
            None => {
                let function = draw::word(rng, functions);
                let value = value(rng, &function, false);
                lines.push(line("invoke", &function, &value));
                open[process] = Some((function, value));
            }
            Some((function, invoked)) => {
                let kind = draw::word(rng, &["ok", "ok", "ok", "fail", "info"]);
                let reads = kind == "ok" && ["read", "txn"].contains(&&*function);
                let value = match reads {
                    true => value(rng, &function, true),
                    false if kind == "ok" && function == "etcd" => etcd_answer(rng, &invoked),
                    false => invoked,
                };
                lines.push(line(&kind, &function, &value));
            }
        }
    }
    lines.join("\n").into_bytes()
}

fn value(rng: &mut Rng, function: &str, seen: bool) -> String {
    let number = draw::number(rng, 4);
    match function {
        "read" if !seen => "null".into(),
        "read" if rng.below(3) == 0 => format!("[1,{number}]"),
        "cas" => format!("[{},{number}]", rng.below(3)),
        "txn" if seen => format!("[[\"append\",\"x\",{number}],[\"r\",\"y\",[1,{number}]]]"),
        "txn" => format!("[[\"append\",\"x\",{number}],[\"r\",\"y\",null]]"),
        "delete" => "null".into(),
        "etcd" => etcd_ask(rng),
        _ => number.to_string(),
    }
}

/// A request to a keyspace with etcd's model.
fn etcd_ask(rng: &mut Rng) -> String {
    let (one, two) = (draw::number(rng, 6), draw::number(rng, 4));
    let asks = [
        format!(r#"{{"put":{{"key":"a","value":"{two}","lease":{two},"guard":["l",{one}]}}}}"#),
        format!(r#"{{"put":{{"key":"l/{two:x}","value":"{one}"}}}}"#),
        r#"{"delete":{"key":"a","end":"\u0000"}}"#.to_owned(),
        format!(
            r#"{{"txn":{{"compare":[{{"key":"a","is":">","to":{{"mod":{one}}}}}],
            "success":[{{"put":{{"key":"a","value":"{two}"}}}},{{"delete":{{"key":"b"}}}}],
            "failure":[{{"range":{{"key":"a"}}}}]}}}}"#
        ),
        format!(r#"{{"range":{{"key":"\u0000","end":"\u0000","revision":{one},"limit":{two}}}}}"#),
        format!(r#"{{"compact":{{"revision":{one}}}}}"#),
        format!(r#"{{"grant":{{"lease":{two},"ttl":{one}}}}}"#),
        format!(r#"{{"keep-alive":{{"leases":[{two},{one}]}}}}"#),
        format!(r#"{{"revoke":{{"lease":{two}}}}}"#),
        format!(r#"{{"time-to-live":{{"lease":{two}}}}}"#),
        format!(r#"{{"lock":{{"name":"l","lease":{two}}}}}"#),
        format!(r#"{{"campaign":{{"name":"l","lease":{two},"value":"{one}"}}}}"#),
        format!(r#"{{"unlock":{{"key":"l/{two:x}"}}}}"#),
        format!(r#"{{"resign":{{"key":"l/{two:x}","token":{one}}}}}"#),
        format!(r#"{{"proclaim":{{"key":"l/1","token":{one},"lease":{two},"value":"x"}}}}"#),
        r#"{"leader":{"name":"l"}}"#.to_owned(),
        format!(r#"{{"watch":{{"watcher":1,"key":"","end":"\u0000","from":[{one},{two}]}}}}"#),
    ];
    draw::word(rng, &asks.each_ref().map(String::as_str)).replace('\n', " ")
}

/// An answer to it.
fn etcd_answer(rng: &mut Rng, ask: &str) -> String {
    let (one, two) = (draw::number(rng, 6), draw::number(rng, 4));
    let kv = format!(
        r#"{{"key":"a","value":"{two}","create":{one},"mod":{one},"version":1,"lease":{two}}}"#
    );
    let asked = ask.split('"').nth(1).unwrap_or_default();
    match asked {
        _ if rng.below(8) == 0 => r#"{"refused":"lease-not-found"}"#.to_owned(),
        "put" => format!(r#"{{"put":{{"revision":{one},"prev":{kv}}}}}"#),
        "delete" => format!(r#"{{"delete":{{"revision":{one},"deleted":{two}}}}}"#),
        "txn" => format!(
            r#"{{"txn":{{"revision":{one},"succeeded":true,"steps":["put",{{"deleted":{two}}},
            {{"found":[{kv}]}}]}}}}"#
        )
        .replace('\n', " "),
        "range" => format!(r#"{{"range":{{"revision":{one},"kvs":[{kv}],"count":{two}}}}}"#),
        "keep-alive" => {
            format!(r#"{{"keep-alive":{{"revision":{one},"leases":[[{two},{one}]]}}}}"#)
        }
        "time-to-live" => {
            format!(r#"{{"time-to-live":{{"revision":{one},"ttl":{two},"granted":{one}}}}}"#)
        }
        "lock" | "campaign" => format!(
            r#"{{"place":{{"revision":{one},"key":"l/1","token":{two},"held":true,"behind":""}}}}"#
        ),
        "leader" => format!(r#"{{"leader":{{"revision":{one},"kv":{kv}}}}}"#),
        "watch" => format!(
            r#"{{"watch":{{"revision":{one},"events":[{{"kv":{kv}}}],"next":[{one},{two}],
            "compacted":{}}}}}"#,
            draw::number(rng, 2)
        )
        .replace('\n', " "),
        _ => format!(r#"{{"done":{{"revision":{one}}}}}"#),
    }
}

fn feed_history(bytes: &[u8]) -> Fed {
    let limits = ReadLimits { line_max: 4 << 10, ..ReadLimits::default() };
    let history = match history::read(bytes, &limits) {
        Ok(history) => history,
        Err(error) if error.code().starts_with("history-") => return Ok(false),
        Err(error) => return Err(format!("a refusal without a code: {error}")),
    };
    let limits = Limits { states_max: 2_000, bytes_max: 1 << 20, ..Limits::default() };
    for staleness in [None, Some(5)] {
        let options = Options { limits, staleness, ..Options::default() };
        let report = check::check(&history, &options);
        let _ = (report.to_string(), serde_json::to_string(&report));
    }
    Ok(true)
}

fn plan(rng: &mut Rng) -> Vec<u8> {
    let seed = rng.bits();
    let mut options = swarm::draw(seed);
    options.safety = Duration::from_secs(2);
    let mut plan = nemesis::plan(seed, options);
    plan.schedule.truncate(6);
    plan.to_json().into_bytes()
}

fn feed_plan(bytes: &[u8]) -> Fed {
    let text = String::from_utf8_lossy(bytes);
    let Ok(plan) = Plan::from_json(&text) else { return Ok(false) };
    same("plan", &Ok(plan.clone()), &Plan::from_json(&plan.to_json()))?;
    plan.schedule.iter().for_each(|strike| drop(strike.fault.to_string()));
    Ok(true)
}
