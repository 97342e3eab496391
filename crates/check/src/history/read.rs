//! Reading a file: line by line, or element by element of one JSON array.

use std::io::{BufRead, Read};

use super::{Builder, Event, History, HistoryError, KeyShape};

/// What a reader accepts.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// The longest line, or array element, in bytes.
    pub line_max: usize,
    /// The most memory that the history may take, in bytes.
    pub bytes_max: u64,
    /// Where keys stand.
    pub keys: KeyShape,
}

impl Default for ReadLimits {
    fn default() -> ReadLimits {
        ReadLimits { line_max: 64 << 20, bytes_max: 3 << 30, keys: KeyShape::Auto }
    }
}

/// Reads a history: JSON lines, or one JSON array of the same objects.
pub fn read(mut source: impl BufRead, limits: &ReadLimits) -> Result<History, HistoryError> {
    let mut builder = Builder::new(limits.keys);
    let mut line = 1;
    let array = skip_to_first(&mut source, &mut line)? == Some(b'[');
    let mut text = Vec::new();
    loop {
        text.clear();
        let at = if array {
            element(&mut source, &mut text, &mut line, limits.line_max)?
        } else {
            one_line(&mut source, &mut text, &mut line, limits.line_max)?
        };
        let Some(at) = at else { break };
        let event: Event = serde_json::from_slice(&text)
            .map_err(|error| HistoryError::Json { line: at, reason: error.to_string() })?;
        builder.push(event, at)?;
        if builder.bytes() > limits.bytes_max {
            return Err(HistoryError::TooLarge { line: at, limit: limits.bytes_max });
        }
    }
    let history = builder.finish();
    if history.ops.is_empty() { Err(HistoryError::Empty) } else { Ok(history) }
}

/// Skips white space; the first other byte stays unread.
fn skip_to_first(source: &mut impl BufRead, line: &mut u64) -> std::io::Result<Option<u8>> {
    loop {
        let Some(&byte) = source.fill_buf()?.first() else { return Ok(None) };
        if !byte.is_ascii_whitespace() {
            return Ok(Some(byte));
        }
        *line += u64::from(byte == b'\n');
        source.consume(1);
    }
}

/// The next line that is not blank, and its number.
fn one_line(
    source: &mut impl BufRead,
    text: &mut Vec<u8>,
    line: &mut u64,
    line_max: usize,
) -> Result<Option<u64>, HistoryError> {
    loop {
        let read = source.by_ref().take(line_max as u64 + 1).read_until(b'\n', text)?;
        if read == 0 {
            return Ok(None);
        }
        let at = *line;
        if read > line_max {
            return Err(HistoryError::LineTooLong { line: at, limit: line_max });
        }
        *line += 1;
        if !text.trim_ascii().is_empty() {
            return Ok(Some(at));
        }
        text.clear();
    }
}

/// The next object of the array, and the line on which it begins.
fn element(
    source: &mut impl BufRead,
    text: &mut Vec<u8>,
    line: &mut u64,
    line_max: usize,
) -> Result<Option<u64>, HistoryError> {
    let mut start = 0;
    let (mut depth, mut quoted, mut escaped) = (0u64, false, false);
    loop {
        let Some(&byte) = source.fill_buf()?.first() else {
            let reason = "the array is cut off".to_owned();
            return Err(HistoryError::Json { line: *line, reason });
        };
        source.consume(1);
        *line += u64::from(byte == b'\n');
        if depth == 0 {
            match byte {
                b'{' => (depth, start) = (1, *line),
                b']' => return Ok(None),
                b'[' | b',' => continue,
                _ if byte.is_ascii_whitespace() => continue,
                _ => {
                    let reason = format!("expected an object, found {:?}", char::from(byte));
                    return Err(HistoryError::Json { line: *line, reason });
                }
            }
            text.push(byte);
            continue;
        }
        if text.len() >= line_max {
            return Err(HistoryError::LineTooLong { line: start, limit: line_max });
        }
        text.push(byte);
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(Some(start));
        }
    }
}
