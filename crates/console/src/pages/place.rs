//! Where somebody is: a path and a query, read.

use super::{
    Extra, Page, chaos, events, events::Filter, keyspace, keyspaces, missing, overview, requests,
    runs, shard,
};
use crate::{
    form::{self, Form},
    picture::Picture,
};

/// The tabs, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// All nodes at a glance.
    Overview,
    /// Keyspaces and their shards.
    Keyspaces,
    /// Traced requests.
    Requests,
    /// What happened.
    Events,
    /// Faults.
    Chaos,
    /// Recorded runs.
    Runs,
}

impl Tab {
    /// All of them.
    pub const ALL: [Tab; 6] =
        [Tab::Overview, Tab::Keyspaces, Tab::Requests, Tab::Events, Tab::Chaos, Tab::Runs];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Keyspaces => "Keyspaces",
            Tab::Requests => "Requests",
            Tab::Events => "Events",
            Tab::Chaos => "Chaos",
            Tab::Runs => "Runs",
        }
    }

    /// Where it leads.
    pub fn path(self) -> &'static str {
        match self {
            Tab::Overview => "/",
            Tab::Keyspaces => "/keyspaces",
            Tab::Requests => "/requests",
            Tab::Events => "/events",
            Tab::Chaos => "/chaos",
            Tab::Runs => "/runs",
        }
    }
}

/// A page with all that its address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All nodes at a glance.
    Overview,
    /// All keyspaces.
    Keyspaces,
    /// One keyspace.
    Keyspace(String),
    /// One shard.
    Shard(String),
    /// Requests that were slow or recent.
    Requests,
    /// One request, by its trace.
    Request(String),
    /// What happened.
    Events(Filter),
    /// Faults.
    Chaos,
    /// Recorded runs.
    Runs,
    /// One run.
    Run(String),
    /// Nothing is there.
    Nowhere(String),
}

impl Place {
    /// Reads an address.
    pub fn parse(path: &str, form: &Form) -> Place {
        let nowhere = || Place::Nowhere(path.to_owned());
        let segments: Vec<Option<String>> = path.split('/').skip(1).map(form::segment).collect();
        let segments: Option<Vec<&str>> = segments.iter().map(Option::as_deref).collect();
        match segments.unwrap_or_default().as_slice() {
            [""] => Place::Overview,
            ["keyspaces"] => Place::Keyspaces,
            ["keyspaces", name] => Place::Keyspace((*name).to_owned()),
            ["shards", id] => Place::Shard((*id).to_owned()),
            ["requests"] => Place::Requests,
            ["requests", trace] => Place::Request((*trace).to_owned()),
            ["events"] => Place::Events(Filter::of(form)),
            ["chaos"] => Place::Chaos,
            ["runs"] => Place::Runs,
            ["runs", name] => Place::Run((*name).to_owned()),
            _ => nowhere(),
        }
    }

    /// Whether it shows what goes on around the nodes.
    pub fn shows_scene(&self) -> bool {
        matches!(self, Place::Chaos | Place::Events(_) | Place::Overview)
    }

    /// Renders it.
    pub fn render(&self, picture: &Picture, extra: &Extra) -> Page {
        match self {
            Place::Overview => overview::page(picture),
            Place::Keyspaces => keyspaces::page(picture),
            Place::Keyspace(name) => keyspace::page(picture, name, extra),
            Place::Shard(id) => shard::page(picture, id),
            Place::Requests => requests::all(extra),
            Place::Request(trace) => requests::one(trace, extra),
            Place::Events(filter) => events::page(picture, filter),
            Place::Chaos => chaos::page(picture),
            Place::Runs => runs::all(extra),
            Place::Run(name) => runs::one(name, extra),
            Place::Nowhere(path) => missing::page(Tab::Overview, &format!("Nothing is at {path}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_places() {
        let at = |path| Place::parse(path, &Form::default());
        assert_eq!(at("/"), Place::Overview);
        assert_eq!(at("/keyspaces/a%20b+c"), Place::Keyspace("a b+c".into()));
        assert_eq!(at("/shards/s2"), Place::Shard("s2".into()));
        for nowhere in ["", "/none", "/keyspaces/a/b", "/keyspaces/%ff", "//"] {
            assert!(matches!(at(nowhere), Place::Nowhere(_)), "{nowhere}");
        }
        for tab in Tab::ALL {
            assert!(!matches!(at(tab.path()), Place::Nowhere(_)), "{}", tab.path());
        }
    }
}
