//! Pages of codes that never travel over HTTP: a server that does not start, a log line, a history
//! that cannot be read. They are part of the binary and served all the same.

macro_rules! pages {
    ($($name:literal,)*) => {
        /// Codes and their pages.
        const PAGES: &[(&str, &str)] = &[$(
            ($name, include_str!(concat!("../../../../docs/errors/", $name, ".md"))),
        )*];
    };
}

pages! {
    "config-unreadable",
    "config-wrong",
    "config-missing",
    "config-contradiction",
    "data-io",
    "data-locked",
    "data-foreign",
    "data-format",
    "data-newer",
    "data-older",
    "data-cluster",
    "data-node",
    "data-missing",
    "data-incarnation",
    "recover-alone",
    "recover-catalog",
    "recover-confirm",
    "recover-unfinished",
    "recover-write",
    "journal-disk",
    "journal-open",
    "engine-open",
    "engine-damaged",
    "engine-broken",
    "database-open",
    "listen",
    "thread",
    "journal-broken",
    "raft-committed-conflict",
    "diverged",
    "journal-damage",
    "memory-lost",
    "history-io",
    "history-json",
    "history-line-too-long",
    "history-shape",
    "history-double-invoke",
    "history-unpaired",
    "history-too-large",
    "history-empty",
    "snapshot-io",
    "snapshot-foreign",
    "snapshot-damaged",
    "snapshot-digest",
    "snapshot-limit",
    "snapshot-keyspace",
}

/// The page of a code of operation; `None` if it is none.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| *name == code).map(|(_, page)| *page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_what_to_do() {
        for (name, page) in PAGES {
            assert!(page.starts_with(&format!("# {name}\n")), "{name}");
            for part in ["## What it means", "## Causes", "## What to do"] {
                assert!(page.contains(part), "{name}: {part}");
            }
        }
    }
}
