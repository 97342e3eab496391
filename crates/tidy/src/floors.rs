//! The floors of the house: who may know whom.
//!
//! ```text
//!   app     ┃  may use everything below
//!   hands   ┃  may name tokio, hyper …
//!   still   ┃  no_std: cannot even name a clock
//!           ▼  dependencies go down only
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Finding, Tree, code, manifest::manifests};

/// `floors.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// Every crate of the workspace.
    pub crates: BTreeMap<String, Place>,
    /// Crates from outside, and who alone may name them.
    pub outside: BTreeMap<String, Vec<String>>,
    /// Who may depend on proof crates outside tests.
    pub proof_users: Vec<String>,
    /// Files that may contain unsafe code.
    pub unsafe_files: Vec<String>,
}

/// Where a crate lives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Counted from the ground, 0.
    pub floor: u8,
    /// How it must behave.
    pub regime: Regime,
    /// What it may use on its own floor.
    #[serde(default)]
    pub sideways: Vec<String>,
}

/// How a crate must behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Regime {
    /// Touches nothing: `no_std` and no unsafe code.
    Still,
    /// May touch the world.
    Hands,
    /// Judges others.
    Proof,
    /// Stands on everything.
    App,
}

impl Floors {
    /// Reads `floors.toml`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Floors, String> {
        toml::from_str(text).map_err(|error| format!("floors.toml: {error}"))
    }

    fn regime(&self, name: &str) -> Option<Regime> {
        self.crates.get(name).map(|place| place.regime)
    }
}

/// Every crate has a floor, and every floor a crate.
#[must_use]
pub fn complete(tree: &Tree, floors: &Floors) -> Vec<Finding> {
    let manifests = manifests(tree);
    let homeless = manifests.iter().filter(|m| !floors.crates.contains_key(&m.name));
    let homeless = homeless.map(|m| Finding::new(&m.path, None, "has no floor in floors.toml"));
    let empty = floors.crates.keys().filter(|name| !manifests.iter().any(|m| m.name == **name));
    let empty = empty.map(|n| Finding::new("floors.toml", None, format!("there is no crate {n}")));
    homeless.chain(empty).collect()
}

/// Dependencies go to lower floors, or sideways where that is listed; proof is for tests.
#[must_use]
pub fn downwards(tree: &Tree, floors: &Floors) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let Some(place) = floors.crates.get(&manifest.name) else { continue };
        let listed = |name: &String| place.sideways.contains(name);
        let below = |name: &String| floors.crates[name].floor < place.floor || listed(name);
        let proof = |name: &String| floors.regime(name) == Some(Regime::Proof);
        let mut report = |what| findings.push(Finding::new(&manifest.path, None, what));
        for name in manifest.needs.iter().filter(|name| floors.crates.contains_key(*name)) {
            if !below(name) {
                report(format!("depends on {name}, which is not on a lower floor"));
            }
            if proof(name) && !floors.proof_users.contains(&manifest.name) {
                report(format!("depends on {name}, which is for tests"));
            }
        }
        for name in manifest.tests_need.iter().filter(|name| floors.crates.contains_key(*name)) {
            if !below(name) && !proof(name) {
                report(format!("its tests depend on {name}, which is not on a lower floor"));
            }
        }
    }
    findings
}

/// Only the crates listed name what is dangerous in others, in manifests and in code.
#[must_use]
pub fn outside(tree: &Tree, floors: &Floors) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let sources = format!("{}/", manifest.folder());
        let banned = floors.outside.iter().filter(|(_, users)| !users.contains(&manifest.name));
        for (name, _) in banned {
            let what = format!("names {name}; floors.toml says who may");
            if manifest.outside.contains(name) {
                findings.push(Finding::new(&manifest.path, None, what.clone()));
            }
            let word = name.replace('-', "_");
            for (path, text) in tree.ending(".rs").filter(|(path, _)| path.starts_with(&sources)) {
                let lines = code::code(text);
                let lines = code::lines_with(&lines, &word);
                findings.extend(lines.map(|line| Finding::new(path, Some(line), what.clone())));
            }
        }
    }
    findings
}

/// A still crate says so to the compiler, and lets the standard library in for tests only.
#[must_use]
pub fn still(tree: &Tree, floors: &Floors) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        if floors.regime(&manifest.name) != Some(Regime::Still) {
            continue;
        }
        let path = format!("{}/src/lib.rs", manifest.folder());
        let text = tree.get(&path).unwrap_or_default();
        for line in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !text.lines().any(|l| l == line) {
                findings.push(Finding::new(&path, None, format!("a still crate has {line}")));
            }
        }
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("extern crate std") && !before.starts_with("#[cfg(") {
                let what = "a still crate has the standard library in tests only";
                findings.push(Finding::new(&path, Some(number + 1), what));
            }
            before = line;
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &str = "
        proof_users = []\nunsafe_files = []
        [outside]\ntokio = ['hand']
        [crates.low]\nfloor = 0\nregime = 'still'
        [crates.judge]\nfloor = 0\nregime = 'proof'
        [crates.hand]\nfloor = 1\nregime = 'hands'
        [crates.other]\nfloor = 1\nregime = 'hands'";

    fn findings(
        rule: fn(&Tree, &Floors) -> Vec<Finding>,
        files: &[(&'static str, &'static str)],
    ) -> Vec<String> {
        let floors = Floors::read(FLOORS).unwrap();
        rule(&Tree::of(files.iter().copied()), &floors).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_crate_without_a_floor_and_a_floor_without_a_crate() {
        let found = findings(complete, &[("crates/new/Cargo.toml", "")]);
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found[0].contains("no floor") && found[1].contains("no crate hand"));
    }

    #[test]
    fn down_is_right_and_up_sideways_or_proof_is_not() {
        let of = |text| findings(downwards, &[("crates/hand/Cargo.toml", text)]);
        assert!(of("[dependencies]\nlow = { path = '../low' }\nserde = '1'").is_empty());
        assert!(of("[dev-dependencies]\njudge = { path = '../judge' }").is_empty());
        let sideways = of("[dependencies]\nother = { path = '../other' }");
        assert!(sideways[0].contains("depends on other"), "{sideways:?}");
        let proof = of("[dependencies]\njudge = { path = '../judge' }");
        assert!(proof[0].contains("for tests"), "{proof:?}");
        assert_eq!(of("[dev-dependencies]\nother = { path = '../other' }").len(), 1);
        assert!(of("[dependencies]\nraft-rs = { package = 'other', version = '1' }").is_empty());
        let up = "[dependencies]\nhand = { path = '../hand' }";
        assert_eq!(findings(downwards, &[("crates/low/Cargo.toml", up)]).len(), 1);
    }

    #[test]
    fn a_banned_crate_is_found_in_manifests_and_in_code() {
        let files = [
            ("crates/low/Cargo.toml", "[dependencies]\ntokio = '1'"),
            ("crates/low/src/a.rs", "// tokio is not for us\nuse tokio::spawn;"),
            ("crates/hand/Cargo.toml", "[dependencies]\ntokio = '1'"),
            ("crates/hand/src/a.rs", "use tokio::spawn;"),
        ];
        let found = findings(outside, &files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].starts_with("crates/low/src/a.rs:2"));
    }

    #[test]
    fn a_still_crate_that_does_not_say_so() {
        let of = |text| {
            findings(still, &[("crates/low/Cargo.toml", ""), ("crates/low/src/lib.rs", text)])
        };
        let good = "#![no_std]\n#![forbid(unsafe_code)]\n#[cfg(test)]\nextern crate std;\n";
        assert!(of(good).is_empty());
        assert_eq!(of("#![no_std]\n").len(), 1);
        assert_eq!(of("#![forbid(unsafe_code)]\n").len(), 1);
        assert_eq!(of("#![no_std]\n#![forbid(unsafe_code)]\nextern crate std;\n").len(), 1);
    }

    #[test]
    fn unknown_words_in_the_floors_are_refused() {
        assert!(Floors::read(&FLOORS.replace("'proof'", "'magic'")).is_err());
        assert!(Floors::read(&format!("{FLOORS}\nsidewise = []")).is_err());
    }
}
