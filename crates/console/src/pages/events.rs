//! What happened: the flight recorders of all nodes and the log of what was done to them, merged.

use askama::Template;

use super::{Page, Tab, overview::name};
use crate::{
    facts::{Event, Severity},
    form::Form,
    picture::Picture,
    say,
    stage::Action,
};

/// Lines that a page shows.
const LINES_MAX: usize = 200;

/// Which events are shown; what is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this node.
    pub node: String,
    /// Of this kind.
    pub kind: String,
    /// At least as bad.
    pub severity: String,
    /// Of this shard: `s2`.
    pub shard: String,
    /// With these characters somewhere in the sentence.
    pub text: String,
}

/// An event, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When, as RFC 3339.
    pub stamp: String,
    /// The time of day.
    pub time: String,
    /// Where.
    pub node: String,
    /// In which start of the node, if that is known.
    pub start: Option<u64>,
    /// What.
    pub kind: String,
    /// How bad.
    pub severity: &'static str,
    /// Of which shard.
    pub shard: Option<String>,
    /// Its keyspace, for people.
    pub keyspace: String,
    /// In which term.
    pub term: Option<u64>,
    /// For people.
    pub text: String,
}

#[derive(Template)]
#[template(path = "events/filter.html")]
struct Controls<'a> {
    filter: &'a Filter,
    nodes: Vec<&'a str>,
    kinds: Vec<String>,
    query: String,
}

#[derive(Template)]
#[template(path = "events/list.html")]
struct List {
    lines: Vec<Line>,
    more: usize,
    note: Option<String>,
}

impl Filter {
    /// Reads a query.
    pub fn of(form: &Form) -> Filter {
        let get = |name| form.get(name).trim().to_owned();
        Filter {
            node: get("node"),
            kind: get("kind"),
            severity: get("severity"),
            shard: get("shard"),
            text: get("text"),
        }
    }

    fn passes(&self, line: &Line) -> bool {
        let same = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let bad = |name: &str| Severity::from(name.to_owned());
        same(&self.node, &line.node)
            && same(&self.kind, &line.kind)
            && same(&self.shard, line.shard.as_deref().unwrap_or_default())
            && bad(line.severity) >= bad(&self.severity)
            && line.text.to_lowercase().contains(&self.text.to_lowercase())
    }

    fn query(&self) -> String {
        let pairs = [
            ("node", &self.node),
            ("kind", &self.kind),
            ("severity", &self.severity),
            ("shard", &self.shard),
            ("text", &self.text),
        ];
        let encode = |text: &str| client::text::percent::encode_component(text.as_bytes());
        let given = pairs.iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }
}

/// The page.
pub fn page(picture: &Picture, filter: &Filter) -> Page {
    let all = lines(picture);
    let mut kinds: Vec<String> = all.iter().map(|line| line.kind.clone()).collect();
    kinds.push(filter.kind.clone());
    kinds.sort_unstable();
    kinds.dedup();
    kinds.retain(|kind| !kind.is_empty());
    let nodes = picture.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut lines: Vec<Line> = all.into_iter().filter(|line| filter.passes(line)).collect();
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    Page::new(Tab::Events, "Events")
        .with("filter", &Controls { filter, nodes, kinds, query: filter.query() })
        .with("events", &List { lines, more, note: silent(picture) })
}

/// Who answers and does not tell what happened.
pub fn silent(picture: &Picture) -> Option<String> {
    let (_, reason) = picture.no_events.first()?;
    let nodes: Vec<&str> = picture.no_events.iter().map(|(node, _)| node.as_str()).collect();
    Some(format!("Events not answered by {}: {reason}.", nodes.join(", ")))
}

/// Everything that is known to have happened, newest first.
pub fn lines(picture: &Picture) -> Vec<Line> {
    latest(picture, usize::MAX, |_| true)
}

/// The newest events for which something holds, and what was done, newest first.
pub fn latest(picture: &Picture, max: usize, holds: impl Fn(&Event) -> bool) -> Vec<Line> {
    let events = picture.events.iter().filter(|event| holds(event)).take(max);
    let mut lines: Vec<Line> = events.map(|event| of_event(event)).collect();
    for line in &mut lines {
        let shard = line.shard.as_deref().and_then(|id| picture.shard(id));
        line.keyspace = shard.map_or_else(String::new, |shard| name(&shard.keyspace).to_owned());
    }
    if let Some(Ok(scene)) = &picture.scene {
        lines.extend(scene.actions.iter().map(of_action));
    }
    lines.sort_by(|a, b| b.stamp.cmp(&a.stamp));
    lines.truncate(max);
    lines
}

fn of_event(event: &Event) -> Line {
    Line {
        stamp: event.time.clone(),
        time: say::time_of(&event.time),
        node: event.node.clone(),
        start: Some(event.start).filter(|start| *start > 0),
        kind: event.kind.clone(),
        severity: event.severity.name(),
        shard: event.shard.map(|shard| format!("s{shard}")),
        keyspace: String::new(),
        term: event.term,
        text: event.text.clone(),
    }
}

fn of_action(action: &Action) -> Line {
    let stamp = vigil::time::rfc3339(action.at_ms);
    Line {
        time: say::time_of(&stamp),
        stamp,
        node: action.node.clone(),
        start: None,
        kind: format!("chaos-{}", action.kind),
        severity: "warning",
        shard: None,
        keyspace: String::new(),
        term: None,
        text: action.text.clone(),
    }
}

/// The events that a filter lets through, as JSON, newest first.
pub fn export(picture: &Picture, form: &Form) -> String {
    let filter = Filter::of(form);
    let events = picture.events.iter().filter(|event| filter.passes(&of_event(event)));
    let scene = picture.scene.as_ref().and_then(|scene| scene.as_ref().ok());
    let actions = scene.into_iter().flat_map(|scene| &scene.actions);
    let actions: Vec<&Action> =
        actions.filter(|action| filter.passes(&of_action(action))).collect();
    let events: Vec<&Event> = events.map(|event| &**event).collect();
    let document = serde_json::json!({
        "cluster": picture.cluster,
        "exported": vigil::time::rfc3339(picture.now_ms),
        "events": events,
        "actions": actions,
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Scene;

    fn picture() -> Picture {
        let event = |id, time: &str, severity, shard| Event {
            node: "n1".into(),
            id,
            start: id + 40,
            time: time.into(),
            kind: "election-won".into(),
            severity,
            shard,
            text: format!("Event {id} <b>"),
            ..Event::default()
        };
        let action = Action {
            at_ms: 1_500,
            node: "n2".into(),
            kind: "kill".into(),
            text: "n2 was killed".into(),
            gap_ms: Some(400),
        };
        let scene = Scene { actions: vec![action], ..Scene::default() };
        Picture {
            events: vec![
                event(2, "1970-01-01T00:00:02.000Z", Severity::Alarm, Some(2)).into(),
                event(1, "1970-01-01T00:00:01.000Z", Severity::Info, None).into(),
            ],
            scene: Some(Ok(scene)),
            ..Picture::default()
        }
    }

    fn shown(query: &str) -> Vec<String> {
        let filter = Filter::of(&Form::read(query));
        let lines = lines(&picture()).into_iter().filter(|line| filter.passes(line));
        lines.map(|line| line.text).collect()
    }

    #[test]
    fn events_and_actions_are_one_story_and_can_be_filtered() {
        assert_eq!(shown(""), ["Event 2 <b>", "n2 was killed", "Event 1 <b>"]);
        assert_eq!(shown("severity=warning"), ["Event 2 <b>", "n2 was killed"]);
        assert_eq!(shown("node=n2"), ["n2 was killed"]);
        assert_eq!(shown("shard=s2"), ["Event 2 <b>"]);
        assert_eq!(shown("text=EVENT+1"), ["Event 1 <b>"]);
        assert_eq!(shown("kind=chaos-kill"), ["n2 was killed"]);
    }

    #[test]
    fn an_event_tells_in_which_start_of_its_node_it_happened() {
        let starts: Vec<Option<u64>> = lines(&picture()).iter().map(|line| line.start).collect();
        assert_eq!(starts, [Some(42), None, Some(41)], "what was done to a node has none");
        let unknown = of_event(&Event::default());
        assert_eq!(unknown.start, None);
        let list = List { lines: lines(&picture()), more: 0, note: None };
        let html = list.render().unwrap();
        let cells = html.matches("<td role=\"cell\" class=\"n\">42</td>").count();
        assert_eq!(cells, 1, "{html}");
        assert_eq!(export(&picture(), &Form::default()).matches("\"start\": 42").count(), 1);
    }

    #[test]
    fn the_export_holds_what_is_shown() {
        let json = export(&picture(), &Form::read("severity=alarm"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["events"].as_array().unwrap().len(), 1);
        assert_eq!(json["events"][0]["text"], "Event 2 <b>");
        assert_eq!(json["actions"].as_array().unwrap().len(), 0);
    }
}
