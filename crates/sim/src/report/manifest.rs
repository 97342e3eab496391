//! What a folder of a run holds: `run.json`, which the console and other programs read.
//!
//! ```json
//! {"format": 1, "kind": "failure", "name": "seed-7", "title": "…", "seed": 7,
//!  "verdict": "failed", "time": 1767323045, "page": "report.html",
//!  "files": [{"name": "report.html", "bytes": 81234}]}
//! ```

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// Name of the manifest in its folder.
pub const NAME: &str = "run.json";
/// Files of a folder; more are not listed.
pub const FILES_MAX: usize = 64;
/// Bytes of one file of a report: what is longer is cut, and says so.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// What a run was, and what it left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format: 1.
    pub format: u32,
    /// `failure`, `replay` or `lab`.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// What it is about, for people.
    pub title: String,
    /// The seed that decides it.
    pub seed: u64,
    /// `valid`, `failed` or `unknown`; of a lab `held`, `refuted` or `open`.
    pub verdict: String,
    /// When it was written, in seconds since 1970 (UTC); 0 if nobody said.
    pub time: u64,
    /// The page to open.
    pub page: String,
    /// The other files.
    pub files: Vec<File>,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name: no path.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
}

/// A folder that is being written.
pub(super) struct Folder<'a> {
    path: &'a Path,
    files: Vec<File>,
}

impl<'a> Folder<'a> {
    /// Makes it if it does not exist.
    pub(super) fn new(path: &'a Path) -> io::Result<Folder<'a>> {
        fs::create_dir_all(path)?;
        Ok(Folder { path, files: Vec::new() })
    }

    /// Writes a file, as far as its length is allowed.
    pub(super) fn write(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut content = content;
        let cut;
        if content.len() > FILE_BYTES_MAX {
            let note = format!("\n… cut here: {} bytes in all\n", content.len());
            cut = [&content[..FILE_BYTES_MAX], note.as_bytes()].concat();
            content = &cut;
        }
        fs::write(self.path.join(name), content)?;
        self.files.push(File { name: name.to_owned(), bytes: content.len() as u64 });
        Ok(())
    }

    /// Writes the manifest, last: a folder with a manifest is complete.
    pub(super) fn close(mut self, manifest: Manifest) -> io::Result<()> {
        self.files.truncate(FILES_MAX);
        let manifest = Manifest { format: 1, files: self.files, ..manifest };
        fs::write(self.path.join(NAME), manifest.to_json())
    }
}

impl Manifest {
    /// The manifest as it is written.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers only: this cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a manifest; what names files outside its folder, or is newer, is refused.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(text: &str) -> Result<Manifest, String> {
        let manifest: Manifest = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.format != 1 {
            return Err(format!("format {} is not known here: 1 is", manifest.format));
        }
        let bad = |name: &&String| !is_plain(name);
        let listed = manifest.files.iter().map(|file| &file.name);
        if let Some(name) = listed.chain([&manifest.page]).find(bad) {
            return Err(format!("'{name}' is not the name of a file of this folder"));
        }
        Ok(manifest)
    }
}

/// Whether a name stays inside its folder.
fn is_plain(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_lists_what_is_there_and_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let mut open = Folder::new(folder.path()).unwrap();
        open.write("report.html", b"hello").unwrap();
        open.write("big.log", &vec![b'x'; FILE_BYTES_MAX + 5]).unwrap();
        let page = "report.html".to_owned();
        open.close(Manifest { kind: "lab".into(), seed: u64::MAX, page, ..Manifest::default() })
            .unwrap();
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        let manifest = Manifest::from_json(&text).unwrap();
        assert_eq!(manifest.seed, u64::MAX);
        assert_eq!(manifest.files[0], File { name: "report.html".into(), bytes: 5 });
        let big = &manifest.files[1];
        assert_eq!(fs::metadata(folder.path().join("big.log")).unwrap().len(), big.bytes);
        assert!(big.bytes < FILE_BYTES_MAX as u64 + 100);
        for bad in ["../x", "/etc/x", "a/b", "", ".x", "a\\b"] {
            let text = text.replace("\"big.log\"", &serde_json::to_string(bad).unwrap());
            assert!(Manifest::from_json(&text).is_err(), "{bad}");
        }
        assert!(Manifest::from_json(&text.replace("\"format\": 1", "\"format\": 2")).is_err());
    }
}
