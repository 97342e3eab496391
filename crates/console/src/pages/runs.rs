//! Recorded runs: failures of the simulator and reports of labs, each a folder with `run.json` and
//! a page of its own, which is shown in a frame that is cut off from everything else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use askama::Template;
use serde::Deserialize;

use super::{Extra, Page, Tab, missing};
use crate::form;

/// Folders that are looked at, and of these shown.
const FOLDERS_MAX: usize = 2_000;
const RUNS_MAX: usize = 200;
/// How deep folders are looked for below the one that was named.
const DEPTH_MAX: usize = 2;
/// The longest file that is shown.
const BYTES_MAX: u64 = 16 << 20;
/// The file that makes a folder a run.
const MANIFEST: &str = "run.json";

/// A run in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Recorded {
    /// Where it is, below the folder of all runs, with `~` in the place of `/`.
    #[serde(skip)]
    pub folder: String,
    /// `failure`, `replay` or `lab`.
    pub kind: String,
    /// For people.
    pub title: String,
    /// What decided it.
    pub seed: u64,
    /// How it ended: `valid`, `failed`, `held` …
    pub verdict: String,
    /// When it was written, in seconds since 1970.
    pub time: u64,
    /// The file of its page.
    pub page: String,
}

#[derive(Template)]
#[template(path = "runs/list.html")]
struct List<'a> {
    rows: Vec<Row<'a>>,
    note: Option<&'a str>,
}

struct Row<'a> {
    run: &'a Recorded,
    time: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "runs/one.html")]
struct One<'a> {
    title: &'a str,
    file: String,
}

/// The list.
pub fn all(extra: &Extra) -> Page {
    let rows = extra.runs.iter().flatten().map(|run| Row {
        run,
        time: vigil::time::rfc3339(run.time * 1_000)
            .chars()
            .take(16)
            .collect::<String>()
            .replace('T', " "),
        tone: match run.verdict.as_str() {
            "valid" | "held" => "good",
            "failed" | "refuted" => "bad",
            _ => "warn",
        },
    });
    let list = List { rows: rows.collect(), note: extra.runs.as_ref().err().map(String::as_str) };
    Page::new(Tab::Runs, "Runs").with("runs", &list)
}

/// One run, in a frame.
pub fn one(folder: &str, extra: &Extra) -> Page {
    let found = extra.runs.iter().flatten().find(|run| run.folder == folder);
    match found {
        Some(run) => {
            let encoded = client::text::percent::encode_component(run.folder.as_bytes());
            let one = One { title: &run.title, file: format!("/runs/{encoded}/page") };
            Page::new(Tab::Runs, run.title.clone()).with("run", &one)
        }
        None => missing::page(Tab::Runs, &format!("There is no run {folder}.")),
    }
}

/// All runs below a folder, the newest first.
///
/// # Errors
/// Why there are none, for people.
pub fn list(root: Option<&PathBuf>) -> Result<Vec<Recorded>, String> {
    let Some(root) = root else {
        return Err("No folder of runs was named: start with --runs DIR.".into());
    };
    let mut runs = Vec::new();
    let mut left = FOLDERS_MAX;
    gather(root, "", DEPTH_MAX, &mut left, &mut runs);
    runs.sort_by(|a, b| (b.time, &b.folder).cmp(&(a.time, &a.folder)));
    runs.truncate(RUNS_MAX);
    if runs.is_empty() {
        return Err(format!("No run is recorded in {}.", root.display()));
    }
    Ok(runs)
}

fn gather(folder: &Path, name: &str, depth: usize, left: &mut usize, runs: &mut Vec<Recorded>) {
    if let Some(run) = read(folder, name) {
        runs.push(run);
        return;
    }
    if depth == 0 {
        return;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let Ok(below) = entry.file_name().into_string() else { continue };
        if is_folder && is_plain(&below) {
            let name = if name.is_empty() { below } else { format!("{name}~{below}") };
            gather(&entry.path(), &name, depth - 1, left, runs);
        }
    }
}

fn read(folder: &Path, name: &str) -> Option<Recorded> {
    let text = text_of(&folder.join(MANIFEST))?;
    let run: Recorded = serde_json::from_str(&text).ok()?;
    is_plain(&run.page).then(|| Recorded { folder: name.to_owned(), ..run })
}

/// The page of a run, for an address like `/runs/NAME/page`; `None` if it is none.
pub fn file(path: &str, root: Option<&PathBuf>) -> Option<String> {
    let name = path.strip_prefix("/runs/")?.strip_suffix("/page")?;
    let name = form::segment(name)?;
    let mut folder = root?.clone();
    for part in name.split('~').filter(|part| !part.is_empty()) {
        if !is_plain(part) {
            return None;
        }
        folder.push(part);
    }
    let run = read(&folder, &name)?;
    text_of(&folder.join(run.page))
}

fn text_of(path: &Path) -> Option<String> {
    let short = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= BYTES_MAX);
    if short { fs::read_to_string(path).ok() } else { None }
}

/// Whether a name is one of a file in this folder and nothing else.
fn is_plain(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= 200 && !name.starts_with('.');
    fits && !name.contains(['/', '\\', '~', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_leave_the_folder() {
        for name in ["..", ".", "", "a/b", "a\\b", "~", ".git", "a\0"] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("seed-7") && is_plain("report.html"));
        let root = PathBuf::from("/etc");
        for path in ["/runs/../page", "/runs/%2e%2e/page", "/runs/..~..~x/page", "/runs/a/passwd"] {
            assert_eq!(file(path, Some(&root)), None, "{path}");
        }
    }

    #[test]
    fn a_folder_with_a_manifest_is_a_run() {
        let root = std::env::temp_dir().join(format!("console-runs-{}", std::process::id()));
        let folder = root.join("sim-failures").join("seed-7");
        fs::create_dir_all(&folder).unwrap();
        let manifest = r#"{"format":1,"kind":"failure","title":"Seed 7","seed":7,
            "verdict":"failed","time":99,"page":"report.html"}"#;
        fs::write(folder.join(MANIFEST), manifest).unwrap();
        fs::write(folder.join("report.html"), "<p>run</p>").unwrap();
        let runs = list(Some(&root)).unwrap();
        assert_eq!((runs.len(), runs[0].folder.as_str()), (1, "sim-failures~seed-7"));
        let page = file("/runs/sim-failures~seed-7/page", Some(&root));
        assert_eq!(page.as_deref(), Some("<p>run</p>"));
        fs::remove_dir_all(&root).unwrap();
        assert!(list(Some(&root)).is_err());
    }
}
