//! Pages: links lead somewhere, every error page belongs to a code that exists, every code has a
//! page, and proofs that a page names are there.

use crate::{Finding, Tree};

/// Relative links in Markdown that lead to no file.
#[must_use]
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            if fenced || fence {
                continue;
            }
            let dead = |target: &&str| !resolve(folder, target).is_some_and(|path| tree.has(&path));
            let report =
                |target| Finding::new(path, Some(number + 1), format!("{target}: no file"));
            findings.extend(links_of(line).map(|(_, target)| target).filter(dead).map(report));
        }
    }
    findings
}

/// The relative links of a line, `[text](target)`: text, and target without anchors and addresses.
fn links_of(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let texts = line.split("](").map(|part| part.rsplit('[').next().unwrap_or_default());
    let targets = line.split("](").skip(1).map(|rest| rest.split([')', ' ', '#']).next());
    let links = texts.zip(targets).filter_map(|(text, target)| Some((text, target?)));
    links.filter(|(_, target)| !target.is_empty() && !target.contains(':'))
}

/// The path from the root; `None` if it leaves the repository.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut path: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    if target.starts_with('/') {
        path.clear();
    }
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(path.pop()?),
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

/// The page that names what looks for each anomaly, and the list of planted bugs.
const PROOFS: &str = "docs/anomalies.md";
const BUGS: &str = "crates/kernel/src/bug.rs";

/// Functions and planted bugs that the page of proofs names and that are not there.
#[must_use]
pub fn proofs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in tree.get(PROOFS).unwrap_or_default().lines().enumerate() {
        let mut missing = |what| findings.push(Finding::new(PROOFS, Some(number + 1), what));
        for (name, target) in links_of(line) {
            let path = resolve("docs", target).filter(|path| path.ends_with(".rs"));
            let Some(path) = path else { continue };
            if !tree.get(&path).is_some_and(|source| source.contains(&format!("fn {name}("))) {
                missing(format!("{path} has no fn {name}"));
            }
        }
        for bug in line.split('`').skip(1).step_by(2).filter(|word| is_camel(word)) {
            if !tree.get(BUGS).is_some_and(|source| source.contains(&format!("Bug::{bug},"))) {
                missing(format!("{BUGS} has no {bug}"));
            }
        }
    }
    findings
}

fn is_camel(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Error pages whose code no source names: nobody will ever be sent there.
#[must_use]
pub fn errors(tree: &Tree) -> Vec<Finding> {
    let page = |path: &str| {
        let code = path.strip_prefix("docs/errors/")?.strip_suffix(".md")?;
        Some((path.to_owned(), format!("\"{code}\"")))
    };
    let named = |code: &str| tree.ending(".rs").any(|(_, text)| text.contains(code));
    let pages = tree.ending(".md").filter_map(|(path, _)| page(path));
    pages
        .filter(|(_, code)| !named(code))
        .map(|(path, code)| Finding::new(&path, None, format!("no source names {code}")))
        .collect()
}

/// Where sources write codes: in front of a message, and as the reason of a halt.
const CODED: [(&str, &str); 4] =
    [("\"[", "] "), (".halt(\"", "\""), ("{ code: \"", "\""), ("let code = \"", "\"")];

/// Codes of messages and halts that have no page. (Those of the HTTP gateway have one, or it would
/// not compile.)
#[must_use]
pub fn codes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        // What a test makes up is no code.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        if path.contains("tests") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let page = |code: &&str| format!("docs/errors/{code}.md");
            let found = CODED.iter().flat_map(|(before, after)| coded(line, before, after));
            let missing = found.filter(|code| !tree.has(&page(code)));
            findings.extend(missing.map(|code| {
                Finding::new(path, Some(number + 1), format!("{code}: write {}", page(&code)))
            }));
        }
    }
    findings
}

/// Words like `disk-full` between two marks.
fn coded<'a>(line: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    let shaped = |code: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        !code.is_empty() && code.chars().all(plain) && !code.starts_with('-')
    };
    line.split(before)
        .skip(1)
        .filter_map(move |rest| Some(rest.split_once(after)?.0))
        .filter(shaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let text = "[a](b.md) [c](../README.md#top) [d](https://x.org/) [e](#here)\n\
                    [f](gone.md \"title\")\n```\n[g](code.md)\n```\n[h](../../outside.md)";
        let tree = Tree::of([("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]);
        let places: Vec<_> = links(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["docs/a.md:2", "docs/a.md:6"]);
    }

    #[test]
    fn a_proof_that_is_not_there_is_found() {
        let page = "# A\n| `Torn`, `Lost` | [reads](../src/a.rs), [writes](../src/a.rs), lab [x](x.toml) |";
        let tree = Tree::of([
            (PROOFS, page),
            (BUGS, "(Bug::Torn, \"torn\"),"),
            ("src/a.rs", "fn reads() {}\nfn writes_twice() {}"),
        ]);
        let found: Vec<_> = proofs(&tree).into_iter().map(|finding| finding.to_string()).collect();
        assert_eq!(
            found,
            [
                "docs/anomalies.md:2: src/a.rs has no fn writes",
                "docs/anomalies.md:2: crates/kernel/src/bug.rs has no Lost",
            ]
        );
    }

    #[test]
    fn a_code_without_a_page_is_found() {
        let source = concat!(
            "#[error(\"[no-page] {0}\")]\nwarn!(\"[lost-key] gone\");\n",
            "core.halt(\"unpaged\", text);\nHaltReason { code: \"lost-key\", text }\n",
            "let code = \"forgotten\";\nlet a = \"[1, 2] is no code\";\n",
            "#[cfg(test)]\ncore.halt(\"made-up\", text);\n",
        );
        let tree = Tree::of([
            ("docs/errors/lost-key.md", ""),
            ("src/a.rs", source),
            ("tests/b.rs", "core.halt(\"made-up\", text);"),
        ]);
        let places: Vec<_> = codes(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["src/a.rs:1", "src/a.rs:3", "src/a.rs:5"]);
    }

    #[test]
    fn an_error_page_without_a_code_is_found() {
        let of = |source| Tree::of([("docs/errors/lost-key.md", ""), ("src/a.rs", source)]);
        assert!(errors(&of("const CODE: &str = \"lost-key\";")).is_empty());
        assert_eq!(errors(&of("const CODE: &str = \"key\"; // lost-key")).len(), 1);
    }
}
