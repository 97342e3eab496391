//! What was collected.

use alloc::{string::String, vec::Vec};

use crate::{Event, Events, Vitals, health::SILENT_MS, time, vitals::Peer};

/// What was collected of all nodes of a cluster, at about one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
    /// Every member.
    pub nodes: Vec<Seen>,
}

/// One node, as it was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Which: `n1`.
    pub node: String,
    /// Where its clients connect.
    pub http: String,
    /// How it is; `None` if it did not answer.
    pub vitals: Option<Vitals>,
    /// What happened on it.
    pub events: Option<Events>,
}

/// Who is silent for so long is not heard.
const CUT_MS: u64 = 4_000;
/// Events of so long ago still tell of a trouble.
const LATELY_MS: u64 = 10 * 60 * 1000;

impl Scene {
    /// The nodes that answered, with their vitals.
    pub(super) fn answered(&self) -> impl Iterator<Item = (&str, &Vitals)> {
        self.nodes.iter().filter_map(|seen| Some((seen.node.as_str(), seen.vitals.as_ref()?)))
    }

    /// How `by` finds `of`.
    pub(super) fn peer(&self, by: &str, of: &str) -> Option<&Peer> {
        let seen = self.nodes.iter().find(|seen| seen.node == by)?;
        seen.vitals.as_ref()?.peers.iter().find(|peer| peer.node == of)
    }

    /// Whether `by` hears `of`; `None` if nobody can tell, or not yet: of a short silence a busy
    /// machine may be the reason.
    pub(super) fn hears(&self, by: &str, of: &str) -> Option<bool> {
        let told = self.peer(by, of)?.silence_ms;
        // Who has just started has heard nobody yet.
        let silence = told.unwrap_or_else(|| self.age_ms(by));
        if silence >= CUT_MS {
            return Some(false);
        }
        told.filter(|ms| *ms < SILENT_MS).map(|_| true)
    }

    /// For how long a node that answered has run, by its own clock.
    fn age_ms(&self, node: &str) -> u64 {
        let vitals = self.answered().find(|(other, _)| *other == node).map(|(_, vitals)| vitals);
        let run = vitals.and_then(|v| Some((time::parse(&v.now)?, time::parse(&v.started)?)));
        run.map_or(u64::MAX, |(now, started)| now.saturating_sub(started))
    }

    /// Who answered and hears, or does not hear, this node.
    pub(super) fn who(&self, hears: bool, of: &str) -> Vec<&str> {
        let all = self.answered().map(|(node, _)| node).filter(|node| *node != of);
        all.filter(|node| self.hears(node, of) == Some(hears)).collect()
    }

    /// The events of a node that are not old, of one kind, since it started: what was before may
    /// have ended with that process.
    pub(super) fn lately<'a>(
        &'a self,
        node: &str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Event> {
        let start = self.events(node).map_or(0, |events| events.start);
        self.across_starts(node, kind).filter(move |event| event.start == start)
    }

    /// The same, of earlier starts too.
    pub(super) fn across_starts<'a>(
        &'a self,
        node: &str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Event> {
        let fresh = move |event: &&Event| {
            let at = time::parse(&event.time).unwrap_or(self.now_ms);
            event.kind == kind && self.now_ms.saturating_sub(at) <= LATELY_MS
        };
        self.events(node).into_iter().flat_map(|events| &events.events).filter(fresh)
    }

    fn events(&self, node: &str) -> Option<&Events> {
        self.nodes.iter().find(|seen| seen.node == node)?.events.as_ref()
    }

    /// Where a node's clients connect.
    pub(super) fn http(&self, node: &str) -> &str {
        self.nodes.iter().find(|seen| seen.node == node).map_or("", |seen| &seen.http)
    }
}
