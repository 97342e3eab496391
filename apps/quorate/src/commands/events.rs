//! `quorate events`: what happened, on all nodes, in one list.

use std::collections::BTreeMap;

use clap::Args;
use kernel::Duration;
use serde::Serialize;
use vigil::{Event, Severity, event::Filter};

use crate::{
    all::All,
    ambient,
    cli::Global,
    exit::Failure,
    show::{self, or_dash},
};

/// Between two questions of `--follow`.
const PERIOD: Duration = Duration::from_millis(500);

/// Show what happened, on all nodes, by time.
#[derive(Debug, Args)]
pub struct Events {
    /// Only this kind: `election-won`, `snapshot-sent`, `chaos`, …
    #[arg(long)]
    kind: Option<String>,
    /// Only what is at least so bad: info, warning or alarm.
    #[arg(long, default_value = "info", value_parser = severity)]
    severity: Severity,
    /// The newest so many of every node.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on with what happens next, one line each, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
}

/// An event and where it happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Seen {
    node: String,
    #[serde(flatten)]
    event: Event,
}

impl Events {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let all = All::find(global).await?;
        let mut after = BTreeMap::new();
        let seen = self.gather(&all, &mut after).await;
        if !self.follow {
            return global.show().print(&seen, || table(&seen));
        }
        lines(global, &seen)?;
        loop {
            ambient::sleep(PERIOD).await;
            lines(global, &self.gather(&all, &mut after).await)?;
        }
    }

    /// What every node has to tell after what it told before, by time.
    async fn gather(&self, all: &All, after: &mut BTreeMap<String, u64>) -> Vec<Seen> {
        let answers = all
            .ask(|node, control| {
                let filter = Filter {
                    after: after.get(&node.id).copied().unwrap_or(0),
                    kind: self.kind.clone(),
                    severity: self.severity,
                    limit: self.limit.into(),
                };
                async move { control.events(&filter).await }
            })
            .await;
        let mut seen = Vec::new();
        for (node, answer) in answers {
            match answer {
                // A node that started on an empty directory counts anew.
                Ok(answer) if answer.next < after.get(&node).copied().unwrap_or(0) => {
                    after.remove(&node);
                }
                Ok(answer) => {
                    after.insert(node.clone(), answer.next);
                    seen.extend(answer.events.into_iter().map(|event| (node.clone(), event)));
                }
                Err(error) if !self.follow => eprintln!("{node}: {error}"),
                Err(_) => {}
            }
        }
        merge(seen)
    }
}

fn severity(name: &str) -> Result<Severity, String> {
    Severity::parse(name).ok_or_else(|| "say info, warning or alarm".into())
}

/// By time, and of one node in its order.
fn merge(seen: Vec<(String, Event)>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = seen.into_iter().map(|(node, event)| Seen { node, event }).collect();
    seen.sort_by(|a, b| {
        let key = |seen: &Seen| (seen.event.time.clone(), seen.node.clone(), seen.event.id);
        key(a).cmp(&key(b))
    });
    seen
}

fn table(seen: &[Seen]) -> String {
    let mut table = show::table(&["time", "node", "start", "what", "where", "term", "event"]);
    for Seen { node, event } in seen {
        table.add_row(vec![
            clock(event).into(),
            node.as_str().into(),
            or_dash(start(event)).into(),
            show::state_as(&event.kind, event.severity.name()),
            place(event).into(),
            or_dash(event.term).into(),
            event.text.as_str().into(),
        ]);
    }
    table.to_string()
}

fn lines(global: &Global, seen: &[Seen]) -> Result<(), Failure> {
    for one in seen {
        let text = if global.json {
            serde_json::to_string(one).map_err(|e| Failure::new(e.to_string()))?
        } else {
            let Seen { node, event } = one;
            let start = start(event).map_or_else(|| "-".into(), |start| format!("#{start}"));
            let (kind, place) = (&event.kind, place(event));
            format!("{} {node} {start:<3} {kind:<20} {place:<14} {}", clock(event), event.text)
        };
        show::line(&text)?;
    }
    Ok(())
}

/// The time of day without the day.
fn clock(event: &Event) -> &str {
    event.time.get(11..23).unwrap_or(&event.time)
}

/// In which start of its node, if the node knows.
fn start(event: &Event) -> Option<u64> {
    Some(event.start).filter(|start| *start > 0)
}

fn place(event: &Event) -> String {
    match (&event.keyspace, event.shard) {
        (Some(keyspace), Some(shard)) => format!("{keyspace} s{shard}"),
        (Some(keyspace), None) => keyspace.clone(),
        (None, Some(shard)) => format!("s{shard}"),
        (None, None) => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_all_nodes_are_one_list_by_time() {
        let event = |id, time: &str, kind: &str| Event {
            id,
            start: if id < 8 { 41 } else { 42 },
            time: format!("2026-03-01T12:00:{time}Z"),
            keyspace: Some("carts".into()),
            ..Event::new(kind, Severity::Info, "it happened").shard(3)
        };
        let seen = merge(vec![
            ("n1".into(), event(7, "02.000", "late")),
            ("n1".into(), event(8, "02.000", "later")),
            ("n2".into(), event(1, "01.000", "early")),
        ]);
        let kinds: Vec<&str> = seen.iter().map(|seen| seen.event.kind.as_str()).collect();
        assert_eq!(kinds, ["early", "late", "later"]);
        let text = table(&seen);
        assert!(text.contains("12:00:01.000") && text.contains("carts s3"), "{text}");
        let starts: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        assert_eq!(
            starts,
            ["start", "41", "41", "42"],
            "a restart lies between the last two: {text}"
        );
        let json = serde_json::to_value(&seen[0]).unwrap();
        assert_eq!((&json["node"], &json["kind"]), (&"n2".into(), &"early".into()));
        assert_eq!(json["start"], 41);
    }

    #[test]
    fn an_event_of_an_unknown_start_has_a_dash() {
        let event = Event::new("late", Severity::Info, "it happened");
        let text = table(&merge(vec![("n1".into(), event)]));
        assert!(text.lines().any(|line| line.contains("n1") && line.contains(" - ")), "{text}");
    }
}
