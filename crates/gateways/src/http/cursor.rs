//! Where the next page of a scan starts: opaque to clients, sealed, and of one incarnation.

use bytes::Bytes;
use kernel::{Incarnation, wire};

use super::{Problem, code::Code};

const FORMAT: u8 = 1;
const KIND: u8 = b'C';

/// The last key of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which history the page showed.
    pub incarnation: Incarnation,
    /// The last key of the page.
    pub after: Bytes,
}

impl Cursor {
    /// The text: hexadecimal, so that it needs no escape anywhere.
    pub fn text(&self) -> String {
        let mut body = self.incarnation.0.to_be_bytes().to_vec();
        body.extend_from_slice(&self.after);
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
        let sealed = wire::seal(FORMAT, KIND, &body);
        sealed.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
    }

    /// Reads what [`Cursor::text`] wrote.
    ///
    /// # Errors
    /// Of anything else.
    pub fn parse(text: &str) -> Result<Cursor, Problem> {
        Cursor::read(text)
            .ok_or_else(|| Problem::new(Code::INVALID_PARAMETER, "cursor: not one of a page"))
    }

    fn read(text: &str) -> Option<Cursor> {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some((hex(high)? << 4 | hex(low)?) as u8),
                _ => None,
            })
            .collect();
        let bytes = bytes?;
        let (_, body) = wire::unseal(FORMAT, KIND, &bytes).ok()?;
        let (incarnation, after) = body.split_first_chunk::<8>()?;
        Some(Cursor {
            incarnation: Incarnation(u64::from_be_bytes(*incarnation)),
            after: Bytes::copy_from_slice(after),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_is_golden() {
        let cursor = Cursor { incarnation: Incarnation(1), after: Bytes::from_static(b"key") };
        assert_eq!(cursor.text().len(), 2 * (8 + 8 + 3));
        assert!(cursor.text().ends_with("0143000000000000000000016b6579"), "{}", cursor.text());
        assert_eq!(Cursor::parse(&cursor.text()), Ok(cursor));
    }

    proptest! {
        #[test]
        fn any_key_survives_and_any_text_is_handled(after: Vec<u8>, text: String) {
            let cursor = Cursor { incarnation: Incarnation(7), after: after.into() };
            prop_assert_eq!(Cursor::parse(&cursor.text()), Ok(cursor));
            let _ = Cursor::parse(&text);
        }
    }
}
