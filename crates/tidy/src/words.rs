//! Words that must not be there.

use crate::{Finding, Tree, code};

/// Clocks, threads and their like: a crate touches them in its `ambient.rs` alone.
const AMBIENT: [&str; 4] = ["Instant::now", "SystemTime::now", "thread::spawn", "thread::sleep"];

/// Marks of unfinished work. In two pieces, so that this file does not contain them.
const LEFT_OVER: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

/// Folders of machines, which mean nothing elsewhere.
const MACHINES: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/")];

/// Unsafe code, outside the files that are listed.
#[must_use]
pub fn unsafe_code(tree: &Tree, listed: &[String]) -> Vec<Finding> {
    let what = "unsafe code: use a library that has done it well, or list the file with a reason";
    let sources = tree.ending(".rs").filter(|(path, _)| !listed.iter().any(|l| l == path));
    in_code(sources, &["unsafe"], |_| what.into())
}

/// Clocks and threads outside `ambient.rs`. Examples and benchmarks measure, and nobody depends on
/// them.
#[must_use]
pub fn ambient(tree: &Tree) -> Vec<Finding> {
    let free = ["/ambient.rs", "/examples/", "/benches/"];
    let covered = |path: &str| !free.iter().any(|part| path.contains(part));
    let sources = tree.ending(".rs").filter(|(path, _)| covered(path));
    in_code(sources, &AMBIENT, |word| format!("{word} belongs in the crate's ambient.rs"))
}

/// What was left over from writing, in any file.
#[must_use]
pub fn left_over(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in text.lines().enumerate() {
            let found = LEFT_OVER.iter().filter(|word| match word.strip_suffix("!(") {
                Some(name) => code::has_word(line, &format!("{name}!")) && line.contains(**word),
                None => code::has_word(line, word),
            });
            findings.extend(
                found.map(|w| Finding::new(path, Some(number + 1), format!("{w} is left over"))),
            );
        }
    }
    findings
}

/// Paths that exist on one machine only, in any file.
#[must_use]
pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    // Where a path goes on, its middle may have any name.
    let inside = |c: char| c.is_alphanumeric() || "._-~*/})$".contains(c);
    let begins = |line: &str, path: &str| {
        line.match_indices(path).any(|(at, _)| !line[..at].chars().next_back().is_some_and(inside))
    };
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in text.lines().enumerate() {
            let found = MACHINES.iter().filter(|machine| begins(line, machine));
            findings.extend(found.map(|machine| {
                Finding::new(path, Some(number + 1), format!("{machine} is on one machine only"))
            }));
        }
    }
    findings
}

fn in_code<'a>(
    sources: impl Iterator<Item = (&'a str, &'a str)>,
    words: &[&str],
    what: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources {
        let code = code::code(text);
        for word in words {
            let lines = code::lines_with(&code, word);
            findings.extend(lines.map(|line| Finding::new(path, Some(line), what(word))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_is_found_and_talk_of_it_is_not() {
        let files = [
            ("a.rs", "#![forbid(unsafe_code)]\n// unsafe\nfn f() { unsafe { g() } }"),
            ("b.rs", "unsafe fn g() {}"),
        ];
        let tree = Tree::of(files);
        assert_eq!(unsafe_code(&tree, &["b.rs".into()])[0].place, "a.rs:3");
        assert_eq!(unsafe_code(&tree, &[]).len(), 2);
    }

    #[test]
    fn clocks_are_read_in_one_place() {
        let text = "let t = std::time::Instant::now();";
        let free =
            [("a/src/ambient.rs", text), ("a/examples/e.rs", text), ("a/benches/b.rs", text)];
        assert!(ambient(&Tree::of(free)).is_empty());
        assert_eq!(ambient(&Tree::of([("a/src/b.rs", text)])).len(), 1);
    }

    #[test]
    fn each_mark_of_unfinished_work_is_found() {
        for word in LEFT_OVER {
            let text = format!("fine\n// {word} later");
            assert_eq!(left_over(&Tree::of([("a.md", text.as_str())])).len(), 1, "{word}");
            let part = format!("my_{word} {}", word.to_lowercase().replace('!', "_"));
            assert!(left_over(&Tree::of([("a.sh", part.as_str())])).is_empty(), "{part}");
        }
    }

    #[test]
    fn paths_of_one_machine_are_found_where_they_begin() {
        for machine in MACHINES {
            let text = format!("open(\"{machine}x\")");
            assert_eq!(machine_paths(&Tree::of([("a.rs", text.as_str())])).len(), 1, "{machine}");
            let inner = format!("src{machine}x and https://x.org{machine}");
            assert!(machine_paths(&Tree::of([("a.rs", inner.as_str())])).is_empty(), "{inner}");
        }
    }
}
