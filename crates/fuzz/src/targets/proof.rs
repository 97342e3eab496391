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
    let functions: &[&str] = match rng.below(4) {
        0 => &["read", "write", "cas", "delete"],
        1 => &["read", "add"],
        2 => &["read", "append"],
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
                let value = if reads { value(rng, &function, true) } else { invoked };
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
        _ => number.to_string(),
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
