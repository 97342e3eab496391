//! The files of the console: one style sheet, one script, one icon, part of the binary.
//!
//! Their names carry a hash of their content, so that browsers keep them for good and never use
//! those of another version.

use std::sync::OnceLock;

/// A file that never changes.
#[derive(Debug)]
pub struct Asset {
    /// Its path: `/assets/console.1f3c.css`.
    pub path: String,
    /// Its media type.
    pub media: &'static str,
    /// Its content.
    pub content: &'static str,
}

/// All files.
#[derive(Debug)]
pub struct Assets {
    /// How everything looks.
    pub style: Asset,
    /// What keeps pages alive.
    pub script: Asset,
    /// What stands in the tab.
    pub icon: Asset,
}

/// The files of this version.
pub fn assets() -> &'static Assets {
    static ASSETS: OnceLock<Assets> = OnceLock::new();
    ASSETS.get_or_init(|| Assets {
        style: asset("css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
        script: asset("js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
        icon: asset("svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    })
}

/// The file at a path.
pub fn find(path: &str) -> Option<&'static Asset> {
    let Assets { style, script, icon } = assets();
    [style, script, icon].into_iter().find(|asset| asset.path == path)
}

fn asset(ending: &str, media: &'static str, content: &'static str) -> Asset {
    let path = format!("/assets/console.{:016x}.{ending}", hash(content.as_bytes()));
    Asset { path, media, content }
}

/// FNV-1a, 64 bits: enough to tell versions of one file apart.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_content() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
        let found = find(&assets().style.path).unwrap();
        assert!(found.content.contains("prefers-color-scheme"));
        assert!(find("/assets/console.css").is_none());
    }

    #[test]
    fn everything_together_is_light() {
        let Assets { style, script, icon } = assets();
        let bytes: usize = [style, script, icon].iter().map(|asset| asset.content.len()).sum();
        assert!(bytes < 60_000, "{bytes} bytes: a page may weigh 150 kB with all it shows");
    }
}
