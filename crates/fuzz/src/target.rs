//! What a decoder under test is.

use kernel::Rng;

/// What a decoder made of an input: whether it took it, or which law it broke.
pub type Fed = Result<bool, String>;

/// What an input may make a decoder allocate: so much, and so much for each of its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Bytes, whatever the input.
    pub base: usize,
    /// Bytes for each byte of the input.
    pub per_byte: usize,
}

impl Memory {
    /// The most bytes for an input of this length.
    #[must_use]
    pub fn limit(self, length: usize) -> usize {
        self.base + self.per_byte * length
    }
}

/// A decoder, or several of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// A valid encoding.
    pub sample: fn(&mut Rng) -> Vec<u8>,
    /// Makes checksums and lengths right again after a mutation, as far as they can be found.
    pub mend: fn(&mut [u8]),
    /// Words of the language that mutations put in.
    pub words: &'static [&'static str],
    /// Decodes, and judges what came of it.
    pub feed: fn(&[u8]) -> Fed,
    /// What it may allocate.
    pub memory: Memory,
}

/// Nothing to mend: there is no checksum.
pub fn as_it_is(_: &mut [u8]) {}

/// The law of every codec: what decodes is what its own encoding decodes to.
///
/// # Errors
/// If it is not.
pub fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    first: &T,
    again: &T,
) -> Result<(), String> {
    if first == again {
        return Ok(());
    }
    Err(format!("{what}: decoded, encoded and decoded again it differs: {first:?} {again:?}"))
}
