//! Manifests, as far as the floors need them.

use toml::{Table, Value};

use crate::Tree;

/// A crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The name of its folder, which is what others call it.
    pub name: String,
    /// Where its manifest is.
    pub path: String,
    /// Which of our crates it needs to run.
    pub needs: Vec<String>,
    /// Which of our crates it needs to be built or tested.
    pub tests_need: Vec<String>,
    /// The packages of others that it needs for anything.
    pub outside: Vec<String>,
}

impl Manifest {
    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.path.trim_end_matches("/Cargo.toml")
    }
}

/// Every crate of the main workspace. What has a workspace of its own is not part of it, nor what
/// lies in its folder.
#[must_use]
pub fn manifests(tree: &Tree) -> Vec<Manifest> {
    let shared = tree.get("Cargo.toml").map(parse).unwrap_or_default();
    let shared = table(&shared, &["workspace", "dependencies"]);
    let parsed: Vec<(&str, Table)> =
        tree.ending("/Cargo.toml").map(|(path, text)| (path, parse(text))).collect();
    let others = parsed.iter().filter(|(_, manifest)| manifest.contains_key("workspace"));
    let others: Vec<&str> = others.map(|(path, _)| path.trim_end_matches("Cargo.toml")).collect();
    let elsewhere = |path: &str| others.iter().any(|folder| path.starts_with(folder));
    let members = parsed.iter().filter(|(path, _)| !elsewhere(path));
    members.map(|(path, manifest)| read(path, manifest, &shared)).collect()
}

fn read(path: &str, manifest: &Table, shared: &Table) -> Manifest {
    let folder = path.trim_end_matches("/Cargo.toml");
    let name = last(folder).to_owned();
    let path = path.to_owned();
    let (mut needs, mut tests_need, mut outside) = (Vec::new(), Vec::new(), Vec::new());
    let targets = table(manifest, &["target"]);
    let places = std::iter::once(manifest).chain(targets.values().filter_map(Value::as_table));
    for place in places {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let ours = if kind == "dependencies" { &mut needs } else { &mut tests_need };
            for dependency in dependencies(&table(place, &[kind]), shared) {
                match dependency {
                    Dependency::Ours(name) => ours.push(name),
                    Dependency::Outside(name) => outside.push(name),
                }
            }
        }
    }
    Manifest { name, path, needs, tests_need, outside }
}

/// One of ours, by its folder, or a package of others, whatever it is called here.
enum Dependency {
    Ours(String),
    Outside(String),
}

fn dependencies(listed: &Table, shared: &Table) -> Vec<Dependency> {
    let read = |(key, value): (&String, &Value)| {
        let inherited = value.get("workspace").is_some();
        let value = if inherited { shared.get(key).unwrap_or(value) } else { value };
        let text = |field| value.get(field).and_then(Value::as_str);
        match text("path") {
            Some(path) => Dependency::Ours(last(path).to_owned()),
            None => Dependency::Outside(text("package").unwrap_or(key).to_owned()),
        }
    };
    listed.iter().map(read).collect()
}

fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// A manifest that is no TOML stops cargo long before it comes here.
fn parse(text: &str) -> Table {
    text.parse().unwrap_or_default()
}

fn table(from: &Table, path: &[&str]) -> Table {
    let mut at = from.clone();
    for name in path {
        at = at.get(*name).and_then(Value::as_table).cloned().unwrap_or_default();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved_through_the_workspace() {
        let tree = Tree::of([
            (
                "Cargo.toml",
                "[workspace.dependencies]\n\
                 raft = { path = \"crates/raft\", package = \"ours-raft\" }\nserde = \"1\"",
            ),
            (
                "crates/a/Cargo.toml",
                "[dependencies]\nraft.workspace = true\nserde.workspace = true\n\
                 b = { path = \"../b\" }\nc = { package = \"real-c\", version = \"1\" }\n\
                 [dev-dependencies]\nd = \"1\"\nsim = { path = \"../sim\" }\n[target.'cfg(unix)'.dependencies]\ne = \"1\"",
            ),
            ("x/y/Cargo.toml", "[workspace]\n[dependencies]\nz = \"1\""),
            ("x/y/z/Cargo.toml", "[dependencies]\nz = \"1\""),
        ]);
        let found = manifests(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].folder()), ("a", "crates/a"));
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        assert_eq!(sorted(&found[0].needs), ["b", "raft"]);
        assert_eq!(found[0].tests_need, ["sim"]);
        assert_eq!(sorted(&found[0].outside), ["d", "e", "real-c", "serde"]);
    }
}
