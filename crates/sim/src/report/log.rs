//! What nodes went through, line by line.

use std::fmt::Write;

use kernel::NodeId;

use crate::audit::{Record, Recorder, What};

/// The log of one node: its events and those that struck several nodes.
pub(super) fn log(recorder: &Recorder, node: NodeId) -> String {
    let mut text = String::new();
    for record in recorder.iter().filter(|r| r.node == node || r.node == NodeId::NONE) {
        let _ = writeln!(text, "{:>14} {}", record.at.to_string(), line(record));
    }
    text
}

pub(super) fn line(record: &Record) -> String {
    match &record.what {
        What::Sent { to, frame, bytes } => format!("send     #{frame} to {to}, {} B", bytes.len()),
        What::Delivered { from, frame } => format!("receive  #{frame} from {from}"),
        What::Dropped { from, frame, why } => format!("lost     #{frame} from {from}: {why:?}"),
        What::Timer(timer) => format!("timer    {}", timer.0),
        What::Done(work) => format!("done     work {work}"),
        What::Request(ticket) => format!("request  {}", ticket.0),
        What::Reply(ticket) => format!("reply    {}", ticket.0),
        What::Booted(boots) => format!("BOOT     {boots}"),
        What::Halted(reason) => format!("HALT     {reason}"),
        What::Crashed { power: true } => "CRASH    power lost".to_owned(),
        What::Crashed { power: false } => "CRASH    process killed".to_owned(),
        What::Wiped => "WIPED".to_owned(),
        What::Paused => "PAUSE".to_owned(),
        What::Resumed => "RESUME".to_owned(),
        What::Injected { fault, .. } => format!("FAULT    {fault}"),
        What::Healed(fault) => format!("HEALED   {fault}"),
        What::Log(text) => format!("log      {text}"),
        What::Role(role) => format!("ROLE     {role}"),
        What::State(state) => {
            let facts = state.facts.iter().map(|(name, value)| format!(" {name} {value}"));
            format!("state    {}{}", state.of, facts.collect::<String>())
        }
        What::Mark(text) => format!("MARK     {text}"),
    }
}
