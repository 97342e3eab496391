//! Damage, by kinds: what networks, disks and ill will do to bytes.

use kernel::Rng;

use crate::draw;

/// No input is longer, in bytes.
const LENGTH_MAX: usize = 64 << 10;

/// Damages an encoding a few times. `other` is another valid encoding, to splice with.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut Rng) {
    for _ in 0..rng.range(1, 4) {
        once(bytes, other, words, rng);
        bytes.truncate(LENGTH_MAX);
    }
}

fn once(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut Rng) {
    let at = rng.below(bytes.len() as u64) as usize;
    match rng.below(12) {
        0 => change(bytes, at, |byte, rng| byte ^ 1 << rng.below(8), rng),
        1 => change(bytes, at, |_, rng| rng.bits() as u8, rng),
        2 => change(
            bytes,
            at,
            |byte, rng| byte.wrapping_add(rng.below(9) as u8).wrapping_sub(4),
            rng,
        ),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(span(bytes.len(), rng))),
        5 => {
            let part = bytes[span(bytes.len(), rng)].to_vec();
            for _ in 0..rng.range(1, 3) {
                insert(bytes, at, &part);
            }
        }
        6 => insert(bytes, at, &other[span(other.len(), rng)]),
        7 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[span(other.len(), rng).start..]);
        }
        8 => overwrite(bytes, at, rng),
        9 => insert(bytes, at, &varint(rng)),
        10 => insert(bytes, at, &draw::noise(rng, 16)),
        _ => match rng.pick(words) {
            Some(word) => insert(bytes, at, word.as_bytes()),
            None => overwrite(bytes, at, rng),
        },
    }
}

fn change(bytes: &mut [u8], at: usize, to: impl Fn(u8, &mut Rng) -> u8, rng: &mut Rng) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = to(*byte, rng);
    }
}

/// A part of so many bytes; mostly a short one.
fn span(length: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.below(length as u64 + 1) as usize;
    let most = if draw::coin(rng) { length - start } else { (length - start).min(16) };
    start..start + rng.below(most as u64 + 1) as usize
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

/// Puts an extreme number in the place of a field: one, two, four or eight bytes, either order.
fn overwrite(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    let width = 1 << rng.below(4);
    let number = draw::extreme(rng);
    let field = if draw::coin(rng) {
        number.to_le_bytes()[..width].to_vec()
    } else {
        number.to_be_bytes()[8 - width..].to_vec()
    };
    for (byte, new) in bytes[at..].iter_mut().zip(field) {
        *byte = new;
    }
}

/// An extreme number as LEB128, which is how lengths are written inside messages.
fn varint(rng: &mut Rng) -> Vec<u8> {
    let mut number = draw::extreme(rng);
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_done_and_the_same_again() {
        let run = |seed| {
            let mut bytes = (0..64).collect::<Vec<u8>>();
            mutate(&mut bytes, &[1, 2, 3], &["word"], &mut Rng::new(seed));
            bytes
        };
        let runs: std::collections::BTreeSet<Vec<u8>> = (0..200).map(run).collect();
        assert!(runs.len() > 150, "{} different ones of 200", runs.len());
        assert!((0..200).all(|seed| run(seed) == run(seed)));
    }

    #[test]
    fn nothing_is_damaged_too() {
        for seed in 0..500 {
            let mut bytes = Vec::new();
            mutate(&mut bytes, &[], &[], &mut Rng::new(seed));
        }
    }
}
