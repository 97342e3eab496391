//! The few shapes that diagrams and plots need, written as SVG text.
//!
//! Colours are names (`assets/theme.css`), so that a drawing follows the reader's choice of light
//! or dark: by itself, when it is a file, and inside a page, which brings the styles.

use std::fmt::Write;

/// Colours by name, for light and dark.
pub(super) const THEME: &str = include_str!("assets/theme.css");
/// How the shapes of drawings look.
pub(super) const STYLE: &str = include_str!("assets/drawing.css");

/// A drawing that grows from back to front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    body: String,
    /// Width, then height, in pixels.
    size: (u32, u32),
}

/// Which side of its point a text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Drawing {
    /// An empty sheet.
    #[must_use]
    pub fn new() -> Drawing {
        Drawing::default()
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        );
    }

    /// A line through points.
    pub fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let mut text = String::new();
        for (x, y) in points {
            let _ = write!(text, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(self.body, r#"<polyline class="{class}" points="{}"/>"#, text.trim_end());
    }

    /// A filled rectangle.
    pub fn rect(&mut self, at: (f64, f64), size: (f64, f64), class: &str) {
        let ((x, y), (w, h)) = (at, size);
        let _ = writeln!(
            self.body,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}"/>"#
        );
    }

    /// A filled circle.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, class: &str) {
        let (x, y) = at;
        let _ = writeln!(
            self.body,
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#
        );
    }

    /// Words.
    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        self.words(at, anchor, class, "", text);
    }

    /// Words that go upwards.
    pub fn upright(&mut self, at: (f64, f64), class: &str, text: &str) {
        let turn = format!(r#" transform="rotate(-90 {:.1} {:.1})""#, at.0, at.1);
        self.words(at, Anchor::Middle, class, &turn, text);
    }

    fn words(&mut self, at: (f64, f64), anchor: Anchor, class: &str, turn: &str, text: &str) {
        let (x, y) = at;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}"{turn}>{}</text>"#,
            escape(text)
        );
    }

    /// Adds all of another drawing in front.
    pub fn add(&mut self, other: &Drawing) {
        self.body.push_str(&other.body);
    }

    /// Ends the drawing.
    #[must_use]
    pub fn sized(mut self, width: f64, height: f64) -> Drawing {
        self.size = (width.ceil() as u32, height.ceil() as u32);
        self
    }

    /// A document of its own.
    #[must_use]
    pub fn file(&self) -> String {
        let ((width, height), body) = (self.size, &self.body);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<style>{THEME}{STYLE}</style>\n{HEADS}\
             <rect width=\"100%\" height=\"100%\" class=\"sheet\"/>\n{body}</svg>\n"
        )
    }

    /// A part of a page that has the styles; `what` says what it shows to who cannot see it, `from`
    /// is where its top is cut off.
    #[must_use]
    pub(super) fn inline(&self, what: &str, from: f64) -> String {
        self.part(what, (from, f64::from(self.size.1)))
    }

    /// The part between two heights.
    pub(super) fn part(&self, what: &str, (from, to): (f64, f64)) -> String {
        let ((width, _), body, height) = (self.size, &self.body, to - from);
        format!(
            "<svg role=\"img\" aria-label=\"{}\" width=\"{width}\" height=\"{height:.0}\" \
             viewBox=\"0 {from:.0} {width} {height:.0}\">\n{HEADS}{body}</svg>\n",
            escape(what)
        )
    }
}

const HEADS: &str = "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
    markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"head\" \
    d=\"M0 1 L7 4 L0 7 z\"/></marker></defs>\n";

/// Text that stands in HTML, in SVG or in an attribute, and breaks out of neither.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_the_document() {
        let mut drawing = Drawing::new();
        drawing.text((1.0, 2.0), Anchor::End, "label", "<b> & </b>\u{0}");
        let text = drawing.sized(10.0, 10.0).file();
        assert!(text.contains("&lt;b&gt; &amp; &lt;/b&gt;\u{fffd}</text>"), "{text}");
        let inline = Drawing::new().inline("\"><script>", 0.0);
        assert!(inline.contains("aria-label=\"&quot;&gt;&lt;script&gt;\""), "{inline}");
    }
}
