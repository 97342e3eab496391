//! Tokens: who logged in, at which auth revision, and until when; signed.
//!
//! ```text
//!   format 1 │ auth revision │ expires │ user … │ HMAC-SHA-256 of all before       in hexadecimal
//!     1 byte │ 8             │ 8       │        │ 32
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const FORMAT: u8 = 1;
/// Bytes of a signature.
const SIGNATURE: usize = 32;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who logged in.
    pub user: String,
    /// The auth revision at which the password was checked.
    pub revision: u64,
    /// When it expires, in seconds since 1970.
    pub expires_s: u64,
}

impl Token {
    /// The text that clients send back.
    #[must_use]
    pub fn sign(&self, key: &[u8]) -> Option<String> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&self.expires_s.to_be_bytes());
        bytes.extend_from_slice(self.user.as_bytes());
        let signature = signer(key)?.chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature);
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
        Some(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect())
    }

    /// Reads what [`Token::sign`] wrote with the same key; `None` of anything else.
    #[must_use]
    pub fn read(text: &[u8], key: &[u8]) -> Option<Token> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let bytes = text.chunks(2).map(|pair| match pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        });
        let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
        let (body, signature) = bytes.split_last_chunk::<SIGNATURE>()?;
        // Compares in the same time, wherever they differ.
        signer(key)?.chain_update(body).verify_slice(signature).ok()?;
        let (format, rest) = body.split_first()?;
        let (revision, rest) = rest.split_first_chunk::<8>()?;
        let (expires, user) = rest.split_first_chunk::<8>()?;
        (*format == FORMAT).then_some(Token {
            user: String::from_utf8(user.to_vec()).ok()?,
            revision: u64::from_be_bytes(*revision),
            expires_s: u64::from_be_bytes(*expires),
        })
    }
}

/// No key signs nothing: whoever knows no key yet must not take what anybody could have signed.
fn signer(key: &[u8]) -> Option<Hmac<Sha256>> {
    if key.is_empty() { None } else { Hmac::new_from_slice(key).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_golden() {
        let token = Token { user: "root".into(), revision: 7, expires_s: 300 };
        let text = token.sign(&[9; 32]).unwrap();
        assert_eq!(text[..42], *"010000000000000007000000000000012c726f6f74");
        assert_eq!(text[42..], *GOLDEN);
        assert_eq!(Token::read(text.as_bytes(), &[9; 32]), Some(token));
    }

    /// As another implementation computes it.
    const GOLDEN: &str = "e13a45d5dbb7d676461d73f3046e1591bc6b45e1a7aceb7e1d1fd17548a56b7c";

    #[test]
    fn another_key_or_none_reads_nothing() {
        let token = Token { user: "u".into(), revision: 1, expires_s: 1 };
        let text = token.sign(&[1; 32]).unwrap();
        assert_eq!(Token::read(text.as_bytes(), &[2; 32]), None);
        assert_eq!(Token::read(text.as_bytes(), &[]), None);
        assert_eq!(token.sign(&[]), None);
    }

    proptest! {
        #[test]
        fn any_change_is_noticed(user: String, at: prop::sample::Index, flip in 1u8..16) {
            let token = Token { user, revision: 3, expires_s: 4 };
            let mut text = token.sign(&[1; 32]).unwrap().into_bytes();
            prop_assert_eq!(Token::read(&text, &[1; 32]), Some(token));
            let at = at.index(text.len());
            let digit = char::from(text[at]).to_digit(16).unwrap() as u8 ^ flip;
            text[at] = b"0123456789abcdef"[usize::from(digit)];
            prop_assert_eq!(Token::read(&text, &[1; 32]), None);
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            prop_assert_eq!(Token::read(&bytes, &[1; 32]), None);
        }
    }
}
