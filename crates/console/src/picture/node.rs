//! A node in the picture.

use std::collections::BTreeMap;

use client::document::Node as Member;

use super::{Heard, Said};
use crate::facts::Vitals;

/// How long an answer counts as fresh, in milliseconds: a few periods of asking.
pub const FRESH_MS: u64 = 1_500;

/// A member and how it is.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name: `n1`.
    pub id: String,
    /// Where HTTP clients connect.
    pub http: String,
    /// Its zone; empty if it has none.
    pub zone: String,
    /// Its other labels: `rack=7`.
    pub labels: Vec<String>,
    /// Its process id.
    pub pid: Option<u32>,
    /// How it is.
    pub state: State,
    /// More about that, for people.
    pub detail: String,
    /// What it tells about itself; `Err` with the reason if it does not.
    pub vitals: Option<Result<Vitals, String>>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It answers.
    Live,
    /// It answers, and something is wrong.
    Troubled,
    /// It does not answer, and others hear of it.
    Unreachable,
    /// It does not answer, and nobody hears of it.
    Gone,
}

impl State {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Unknown => "not asked yet",
            State::Live => "live",
            State::Troubled => "troubled",
            State::Unreachable => "no answer",
            State::Gone => "gone",
        }
    }

    /// Of a badge: `good`, `warn`, `bad` or `none`.
    #[must_use]
    pub fn tone(self) -> &'static str {
        match self {
            State::Unknown => "none",
            State::Live => "good",
            State::Troubled => "warn",
            State::Unreachable | State::Gone => "bad",
        }
    }

    /// Whether it answers.
    #[must_use]
    pub fn answers(self) -> bool {
        matches!(self, State::Live | State::Troubled)
    }
}

impl Node {
    /// A member, with what was heard of it.
    pub fn of(member: &Member, heard: &BTreeMap<String, Heard>, now_ms: u64) -> Node {
        let own = heard.get(&member.id);
        let (state, detail) = state(member, own, heard, now_ms);
        let mut labels = member.labels.clone();
        let vitals = own.and_then(|own| match &own.vitals.said {
            Said::Nothing => None,
            Said::This(vitals) => Some(Ok(vitals.clone())),
            Said::Refused(reason) => Some(Err(reason.clone())),
        });
        Node {
            id: member.id.clone(),
            http: member.http.clone(),
            zone: labels.remove("zone").unwrap_or_default(),
            labels: labels.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
            pid: member.pid,
            state,
            detail,
            vitals,
        }
    }

    /// What it tells about itself, if it does.
    #[must_use]
    pub fn told(&self) -> Option<&Vitals> {
        self.vitals.as_ref()?.as_ref().ok()
    }
}

fn state(
    member: &Member,
    own: Option<&Heard>,
    heard: &BTreeMap<String, Heard>,
    now_ms: u64,
) -> (State, String) {
    let Some(own) = own else { return (State::Unknown, String::new()) };
    let age = now_ms.saturating_sub(own.cluster.at_ms);
    match &own.cluster.said {
        Said::Nothing => (State::Unknown, String::new()),
        Said::This(cluster) if age <= FRESH_MS => {
            let itself = cluster.nodes.iter().find(|node| node.id == member.id);
            let full = itself.is_some_and(|node| node.health == "disk-full");
            let vitals = own.vitals.now();
            let alarm = vitals.and_then(|vitals| vitals.alarms.first());
            match alarm {
                _ if full => (State::Troubled, "its disk is full: it refuses writes".into()),
                Some(alarm) => (State::Troubled, alarm.text.clone()),
                None => (State::Live, String::new()),
            }
        }
        Said::This(_) => (unheard(member, heard), format!("no answer for {} s", age / 1_000)),
        Said::Refused(reason) => (unheard(member, heard), reason.clone()),
    }
}

/// How a node is that does not answer us.
fn unheard(member: &Member, heard: &BTreeMap<String, Heard>) -> State {
    let others = heard.values().filter_map(|heard| heard.cluster.now());
    let mut by_others = others
        .filter(|cluster| cluster.node != member.id)
        .filter_map(|cluster| cluster.nodes.iter().find(|node| node.id == member.id)?.silent_ms);
    if by_others.any(|silent| silent < FRESH_MS) { State::Unreachable } else { State::Gone }
}
