//! Requests with what they went through, as waterfalls across nodes.

use askama::Template;

use super::{Extra, Page, Tab, missing};
use crate::{
    draw::{Stretch, waterfall},
    facts::{Request, Span},
    say,
};

#[derive(Template)]
#[template(path = "requests/list.html")]
struct List<'a> {
    groups: Vec<(&'static str, &'static str, Vec<Row<'a>>)>,
    note: Option<String>,
}

struct Row<'a> {
    request: &'a Request,
    time: String,
    took: String,
    /// The stage that took longest.
    longest: Option<String>,
    bar: String,
}

#[derive(Template)]
#[template(path = "requests/one.html")]
struct One<'a> {
    request: &'a Request,
    took: String,
    nodes: Vec<&'a str>,
    rows: Vec<Stage<'a>>,
    half: String,
}

struct Stage<'a> {
    span: &'a Span,
    about: &'static str,
    start: String,
    took: String,
    share: String,
    bar: String,
}

/// The slowest and the latest requests.
pub fn all(extra: &Extra) -> Page {
    let rows = |requests: &'static str, about, all| (requests, about, all);
    let groups = vec![
        rows(
            "Slowest",
            "of the minutes that nodes remember",
            extra.slowest.iter().map(row).collect(),
        ),
        rows("Latest", "a sample", extra.recent.iter().map(row).collect()),
    ];
    let note = extra.silent.first().map(|(_, reason)| {
        let nodes: Vec<&str> = extra.silent.iter().map(|(node, _)| node.as_str()).collect();
        format!("Requests not answered by {}: {reason}.", nodes.join(", "))
    });
    Page::new(Tab::Requests, "Requests").with("requests", &List { groups, note })
}

fn row(request: &Request) -> Row<'_> {
    let longest = request.stages.iter().max_by_key(|span| span.took_us);
    let stages: Vec<Stretch> = request.stages.iter().map(stretch).collect();
    let label = format!("{} took {}", request.op, say::micros(request.took_us));
    Row {
        request,
        time: say::time_of(&request.started),
        took: say::micros(request.took_us),
        longest: longest.map(|span| format!("{} on {}", span.stage, span.node)),
        bar: waterfall(&label, &stages, request.took_us),
    }
}

fn stretch(span: &Span) -> Stretch {
    Stretch { class: class(&span.stage), start_us: span.start_us, took_us: span.took_us }
}

/// One request.
pub fn one(trace: &str, extra: &Extra) -> Page {
    let Some(request) = &extra.request else {
        let text = match extra.silent.first() {
            Some((node, reason)) => {
                format!("No node tells of the trace {trace} ({node}: {reason}).")
            }
            None => format!("No node remembers the trace {trace}."),
        };
        return missing::page(Tab::Requests, &text);
    };
    let end = |span: &Span| span.start_us.max(0).unsigned_abs().saturating_add(span.took_us);
    let whole = request.stages.iter().map(end).max().unwrap_or(0).max(request.took_us);
    let mut spans: Vec<&Span> = request.stages.iter().collect();
    spans.sort_by_key(|span| span.start_us);
    let mut nodes: Vec<&str> = Vec::new();
    for span in &spans {
        if !nodes.contains(&span.node.as_str()) {
            nodes.push(&span.node);
        }
    }
    let rows = spans.into_iter().map(|span| stage(span, whole, request.took_us)).collect();
    let (took, half) = (say::micros(request.took_us), say::micros(whole / 2));
    let title = match request.keyspace.as_str() {
        "" => capital(&request.op),
        keyspace => format!("{} of {keyspace}", capital(&request.op)),
    };
    Page::new(Tab::Requests, title).with("waterfall", &One { request, took, nodes, rows, half })
}

fn stage(span: &Span, whole: u64, of: u64) -> Stage<'_> {
    let label = format!(
        "{} on {}: from {} µs, for {}",
        span.stage,
        span.node,
        span.start_us,
        say::micros(span.took_us)
    );
    let start = say::micros(span.start_us.unsigned_abs());
    Stage {
        span,
        about: about(&span.stage),
        start: if span.start_us < 0 { format!("−{start}") } else { start },
        took: say::micros(span.took_us),
        share: format!("{} %", span.took_us.saturating_mul(100) / of.max(1)),
        bar: waterfall(&label, &[stretch(span)], whole),
    }
}

/// What a stage is, for people.
fn about(stage: &str) -> &'static str {
    match stage {
        "queue" => "waits for the process, or for a leader",
        "append" => "is written to the journal",
        "fsync" | "local" => "becomes durable on this disk",
        "replicate" => "travels to the others and back",
        "commit" => "until a majority of disks holds it",
        "apply" => "the program carries it out",
        "reply" => "the answer is written",
        "persist" => "becomes durable on this follower's disk",
        "learn" => "until this follower knows that it is committed",
        "served" => "is answered by this node for another",
        _ => "",
    }
}

/// A class of the style sheet for a stage; stages that it does not know share one.
fn class(stage: &str) -> &'static str {
    match stage {
        "queue" => "s-queue",
        "append" => "s-append",
        "fsync" | "local" | "persist" => "s-fsync",
        "replicate" | "commit" | "learn" => "s-replicate",
        "apply" => "s-apply",
        _ => "s-other",
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
