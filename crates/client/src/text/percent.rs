//! Percent-encoding of path segments and queries (RFC 3986, section 2.1).

use std::fmt::Write;

/// Encodes bytes for a path; unreserved characters and `/` stand for themselves.
#[must_use]
pub fn encode_path(bytes: &[u8]) -> String {
    encode(bytes, b"-._~/:@!$&'()*,;=")
}

/// Encodes bytes for one segment of a path or one side of a `name=value` of a query.
#[must_use]
pub fn encode_component(bytes: &[u8]) -> String {
    encode(bytes, b"-._~")
}

fn encode(bytes: &[u8], plain: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || plain.contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Decodes a path or a segment; `None` if a `%` is not followed by two hexadecimal digits.
#[must_use]
pub fn decode_path(text: &str) -> Option<Vec<u8>> {
    decode(text, false)
}

/// Decodes one side of a `name=value` of a query, where `+` is a space, as forms have it.
#[must_use]
pub fn decode_query(text: &str) -> Option<Vec<u8>> {
    decode(text, true)
}

fn decode(text: &str, plus_is_space: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' => {
                let (pair, tail) = tail.split_at_checked(2)?;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
                rest = tail;
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slashes_stay_in_paths_and_are_hidden_in_components() {
        assert_eq!(encode_path("a/b c?ä".as_bytes()), "a/b%20c%3F%C3%A4");
        assert_eq!(encode_component(b"a/b+c"), "a%2Fb%2Bc");
        assert_eq!(decode_path("a+b%2f"), Some(b"a+b/".to_vec()));
        assert_eq!(decode_query("a+b%2B"), Some(b"a b+".to_vec()));
    }

    #[test]
    fn a_cut_or_wrong_escape_is_refused() {
        for bad in ["%", "%2", "%zz", "%2%", "ok%"] {
            assert_eq!(decode_path(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive(bytes: Vec<u8>) {
            prop_assert_eq!(decode_path(&encode_path(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_query(&encode_component(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_handled(text: String) {
            let _ = (decode_path(&text), decode_query(&text));
        }
    }
}
