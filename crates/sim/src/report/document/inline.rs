//! The marks inside a line.

use super::super::drawing::escape;

/// A string from a run as text: its marks are characters like any other.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '`' | '[' | ']' | '\\' | '|') {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

/// A line as HTML.
pub(super) fn html(text: &str) -> String {
    let (mut out, mut rest, mut strong) = (String::new(), text, false);
    while let Some(at) = rest.find(['*', '`', '[', '\\']) {
        out.push_str(&escape(&rest[..at]));
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('\\') {
            let end = after.chars().next().map_or(0, char::len_utf8);
            out.push_str(&escape(&after[..end]));
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix("**") {
            strong = !strong;
            out.push_str(if strong { "<strong>" } else { "</strong>" });
            rest = after;
        } else if let Some((code, after)) = rest.strip_prefix('`').and_then(|r| r.split_once('`')) {
            out.push_str(&format!("<code>{}</code>", escape(code)));
            rest = after;
        } else if let Some((words, target, after)) = link(rest) {
            out.push_str(&format!("<a href=\"{}\">{}</a>", escape(target), escape(words)));
            rest = after;
        } else {
            let end = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&escape(&rest[..end]));
            rest = &rest[end..];
        }
    }
    out.push_str(&escape(rest));
    if strong {
        out.push_str("</strong>");
    }
    out
}

/// `[words](target)`, and what follows. A target that could run something is no link.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (words, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    let safe = !target.contains(':') || target.starts_with("https://");
    (safe && !words.contains('[')).then_some((words, target, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_elements_and_strings_of_a_run_do_not() {
        assert_eq!(
            html("a **b** `c<d` [e](f.svg)"),
            "a <strong>b</strong> <code>c&lt;d</code> <a href=\"f.svg\">e</a>"
        );
        for evil in ["**x**", "`x`", "[x](y)", "<i>", "a\\b", "[a](javascript:x)"] {
            let shown = html(&plain(evil));
            assert_eq!(shown, escape(evil), "{evil}");
        }
        assert_eq!(html("[a](javascript:x)"), "[a](javascript:x)");
        assert_eq!(html("an **open"), "an <strong>open</strong>");
        assert_eq!(html("5 * 3 `"), "5 * 3 `");
    }
}
