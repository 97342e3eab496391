//! The rules, over this repository.

use std::path::Path;

use tidy::{Floors, Tree};

#[test]
fn the_repository_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).expect("the repository can be read");
    let floors = Floors::read(tree.get("floors.toml").expect("floors.toml is there"));
    let floors = floors.expect("floors.toml can be read");
    let findings = tidy::all(&tree, &floors);
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_tree_holds_the_whole_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).expect("the repository can be read");
    for path in ["Cargo.toml", "crates/kernel/src/lib.rs", "apps/quorate/src/main.rs"] {
        assert!(tree.has(path), "{path}");
    }
    assert!(tree.ending(".rs").count() > 100);
}
