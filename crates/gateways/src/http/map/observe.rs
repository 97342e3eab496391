//! What a node is asked about itself.

use vigil::{Pick, Question, Severity, event::Filter};

use super::super::{Problem, code::Code, query::Query};
use super::Plan;

/// Events of one answer, and how many of them if nobody says.
const EVENTS: (u32, u32) = (1000, 200);
/// Seconds of vitals, likewise.
const SECONDS: (u32, u32) = (300, 60);
/// Requests of one answer, likewise.
const REQUESTS: (u32, u32) = (200, 20);

pub fn events(query: &mut Query) -> Result<Plan, Problem> {
    let severity = match query.text("severity")? {
        None => Severity::Info,
        Some(name) => Severity::parse(&name)
            .ok_or_else(|| wrong(format!("severity={name}: say info, warning or alarm")))?,
    };
    let filter = Filter {
        after: query.long("after")?.unwrap_or(0),
        kind: query.text("kind")?,
        severity,
        limit: bounded(query, "limit", EVENTS)? as usize,
    };
    Ok(Plan::Observe(Question::Events(filter)))
}

pub fn vitals(query: &mut Query) -> Result<Plan, Problem> {
    Ok(Plan::Observe(Question::Vitals(bounded(query, "seconds", SECONDS)?)))
}

pub fn traces(query: &mut Query) -> Result<Plan, Problem> {
    let slowest = bounded(query, "slowest", (REQUESTS.0, 0))?;
    let recent = bounded(query, "recent", (REQUESTS.0, 0))?;
    let pick = match (slowest, recent) {
        (0, 0) => Pick::Slowest(REQUESTS.1),
        (slowest, 0) => Pick::Slowest(slowest),
        (0, recent) => Pick::Recent(recent),
        _ => return Err(wrong("ask for the slowest or for the recent, not for both".into())),
    };
    Ok(Plan::Observe(Question::Traces(pick)))
}

/// Objectives; `here` leaves out what other nodes counted.
pub fn objectives(query: &mut Query) -> Result<Plan, Problem> {
    Ok(Plan::Observe(Question::Objectives { here: query.switch("here")? }))
}

/// One trace; `here` leaves out what other nodes know of it.
pub fn trace(query: &mut Query, trace: u128) -> Result<Plan, Problem> {
    let question = match query.switch("here")? {
        true => Question::Traces(Pick::Here(trace)),
        false => Question::Trace(trace),
    };
    Ok(Plan::Observe(question))
}

fn bounded(query: &mut Query, name: &str, (max, default): (u32, u32)) -> Result<u32, Problem> {
    match query.number(name)? {
        None => Ok(default),
        Some(number) if (1..=max).contains(&number) => Ok(number),
        Some(number) => Err(wrong(format!("{name}={number}: 1 to {max} make sense"))),
    }
}

fn wrong(detail: String) -> Problem {
    Problem::new(Code::INVALID_PARAMETER, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(map: fn(&mut Query) -> Result<Plan, Problem>, text: &str) -> Result<Plan, Problem> {
        let mut query = Query::parse(Some(text))?;
        let plan = map(&mut query)?;
        query.finish()?;
        Ok(plan)
    }

    #[test]
    fn questions_have_bounds_and_defaults() {
        let filter = Filter {
            after: 1 << 40,
            kind: Some("chaos".into()),
            severity: Severity::Alarm,
            limit: 200,
        };
        let asked = plan(events, "after=1099511627776&kind=chaos&severity=alarm").unwrap();
        assert_eq!(asked, Plan::Observe(Question::Events(filter)));
        assert_eq!(plan(vitals, "").unwrap(), Plan::Observe(Question::Vitals(60)));
        let slowest = Plan::Observe(Question::Traces(Pick::Slowest(20)));
        assert_eq!(plan(traces, "").unwrap(), slowest);
        let recent = Plan::Observe(Question::Traces(Pick::Recent(7)));
        assert_eq!(plan(traces, "recent=7").unwrap(), recent);
        for (map, text) in [
            (events as fn(&mut Query) -> _, "severity=bad"),
            (events, "limit=0"),
            (events, "limit=1001"),
            (events, "since=1"),
            (vitals, "seconds=301"),
            (traces, "slowest=1&recent=1"),
        ] {
            assert_eq!(plan(map, text).unwrap_err().code, Code::INVALID_PARAMETER, "{text}");
        }
    }
}
