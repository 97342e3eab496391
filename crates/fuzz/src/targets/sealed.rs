//! Repairs seals and lengths, so that what is behind them is reached.

use kernel::wire::{SEAL_LEN, crc32c};

/// Bytes before the seal of a frame.
const LENGTH: usize = 4;

/// Makes the checksum of sealed bytes right.
pub fn mend(bytes: &mut [u8]) {
    if let Some((head, rest)) = bytes.split_at_mut_checked(4) {
        head.copy_from_slice(&crc32c(rest).to_le_bytes());
    }
}

/// Makes the checksums of a stream of frames right; a length that points beyond the end is cut.
pub fn mend_frames(bytes: &mut [u8]) {
    let mut rest = bytes;
    while rest.len() >= LENGTH + SEAL_LEN {
        let (head, body) = rest.split_at_mut(LENGTH);
        let told = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let length = told.clamp(SEAL_LEN, body.len());
        head.copy_from_slice(&(length as u32).to_le_bytes());
        let (frame, next) = body.split_at_mut(length);
        let (seal, sealed) = frame.split_at_mut(4);
        seal.copy_from_slice(&crc32c(sealed).to_le_bytes());
        rest = next;
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The inverse of [`hex`]; what is no pair of digits ends it.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    };
    text.as_bytes().chunks(2).map_while(pair).collect()
}
