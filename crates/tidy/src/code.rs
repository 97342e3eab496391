//! Rust source without its comments and literals, so that rules about code read code.

/// The source with comments, strings and characters blanked; lines stay where they are.
#[must_use]
pub fn code(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = blank_until(bytes, at);
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Lines (from 1) on which the word stands, not as a part of another.
pub fn lines_with<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.lines().enumerate().filter(move |(_, line)| has_word(line, word)).map(|(i, _)| i + 1)
}

/// Whether the word stands in the text, not as a part of another.
#[must_use]
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The end of the comment or literal that begins at `at`; `at` itself if none does.
fn blank_until(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let length = match rest {
        [b'/', b'/', ..] => find(rest, 2, b"\n"),
        [b'/', b'*', ..] => block(rest),
        [b'"', ..] => quoted(rest, b'"'),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', ..] => character(rest),
        [b'r', b'"' | b'#', ..] => raw(rest),
        _ => 0,
    };
    at + length
}

/// Where `needle` begins, from `from` on; the end if nowhere.
fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    let tail = bytes.get(from..).unwrap_or_default();
    tail.windows(needle.len()).position(|w| w == needle).map_or(bytes.len(), |i| from + i)
}

/// Block comments nest.
fn block(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// `'a'` is a character, `'a` a lifetime.
fn character(bytes: &[u8]) -> usize {
    let length = match bytes.get(1) {
        None => return 0,
        Some(0..0x80) => 1,
        Some(0xc0..0xe0) => 2,
        Some(0xe0..0xf0) => 3,
        Some(_) => 4,
    };
    if bytes.get(1 + length) == Some(&b'\'') { length + 2 } else { 0 }
}

/// `r#"…"#`; a raw identifier is none.
fn raw(bytes: &[u8]) -> usize {
    let marks = bytes[1..].iter().take_while(|b| **b == b'#').count();
    if bytes.get(1 + marks) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'#'; marks + 1];
    end[0] = b'"';
    (find(bytes, marks + 2, &end) + end.len()).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_code_is_not() {
        let kept = |source: &str| code(source).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(kept("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(kept(r#"a("b \" c") d"#), "a( ) d");
        assert_eq!(kept("a r#\"b \" c\"# d r#fn"), "a d r#fn");
        assert_eq!(
            kept(r"x('\'', 'é', '/') fn f<'a>(x: &'a str)"),
            "x( , , ) fn f<'a>(x: &'a str)"
        );
        assert_eq!(kept("a \"never ends"), "a");
        assert_eq!(code("a\n// b\nc").lines().count(), 3);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("std::thread::sleep(x)", "thread::sleep"));
        assert!(!has_word("my_thread::sleep(x)", "thread::sleep"));
        assert_eq!(lines_with("a\nab a\nba", "a").collect::<Vec<_>>(), [1, 2]);
    }
}
