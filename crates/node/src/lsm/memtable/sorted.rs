//! Some keys in their order: what a node of the tree is searched by.
//!
//! ```text
//!   prefix   "/registry/pods/"            what all of them begin with, once
//!   heads    "default/" "kube-sys" …      the next eight bytes of each, as one number
//!   tails    "web-1\0\0\0" "tem/dns-" …   eight more, read only where heads are equal
//!   places    17         4                where the rest lies, read only where tails are, too
//! ```
//!
//! A search reads this node and seldom a key: a key is a cold line, and a plain ordered map reads
//! some ten of them. Graefe, *Modern B-Tree Techniques* (2011), 3.5 and 3.6: prefix truncation and
//! poor man's normalized keys. Heads alone are not enough: what keeps history ends in a version, so
//! that neighbours differ in their last bytes only.

use std::ops::Range;

use super::arena::{Arena, Place};

/// How many keys there is room for.
pub const FULL: usize = 64;
/// The longest prefix that is left out, in bytes.
const PREFIX_MAX: usize = 64;
/// All heads are made anew when the prefix becomes so many bytes longer: half a head.
const WORTH: usize = 4;

/// Keys in their order.
#[derive(Debug)]
pub struct Sorted {
    len: usize,
    prefix_len: usize,
    prefix: [u8; PREFIX_MAX],
    heads: [u64; FULL],
    tails: [u64; FULL],
    places: [Place; FULL],
}

impl Sorted {
    /// No keys.
    pub fn new() -> Sorted {
        Sorted {
            len: 0,
            prefix_len: 0,
            prefix: [0; PREFIX_MAX],
            heads: [0; FULL],
            tails: [0; FULL],
            places: [Place::default(); FULL],
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where they lie, in their order.
    pub fn places(&self) -> &[Place] {
        &self.places[..self.len]
    }

    /// Where a key stands, or where it would (`Err`).
    pub fn find(&self, key: &[u8], arena: &Arena) -> Result<usize, usize> {
        let rest = match key.split_at_checked(self.prefix_len) {
            Some((prefix, rest)) if prefix == &self.prefix[..self.prefix_len] => rest,
            _ if key < &self.prefix[..self.prefix_len] => return Err(0),
            _ => return Err(self.len),
        };
        let (head, tail) = words(rest);
        let heads = alike(&self.heads, 0..self.len, head);
        let tails = alike(&self.tails, heads, tail);
        let from = tails.start;
        let found = self.places[tails].binary_search_by(|place| arena.key(*place).cmp(key));
        found.map(|at| from + at).map_err(|at| from + at)
    }

    /// Inserts a key where [`Sorted::find`] says that it would stand. There must be room.
    pub fn insert(&mut self, at: usize, key: &[u8], place: Place, arena: &Arena) {
        if self.len == 0 {
            self.begin_with(key, PREFIX_MAX);
        }
        let shared = common(&self.prefix[..self.prefix_len], key);
        if shared < self.prefix_len {
            self.prefix_len = shared;
            self.renew(arena);
        }
        self.heads.copy_within(at..self.len, at + 1);
        self.tails.copy_within(at..self.len, at + 1);
        self.places.copy_within(at..self.len, at + 1);
        (self.heads[at], self.tails[at]) = words(&key[self.prefix_len..]);
        self.places[at] = place;
        self.len += 1;
    }

    /// The key at a position lies somewhere else now.
    pub fn move_to(&mut self, at: usize, place: Place) {
        self.places[at] = place;
    }

    /// Takes a key away.
    pub fn remove(&mut self, at: usize) {
        self.heads.copy_within(at + 1..self.len, at);
        self.tails.copy_within(at + 1..self.len, at);
        self.places.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Takes the last key away.
    pub fn pop(&mut self) -> Place {
        self.len = self.len.saturating_sub(1);
        self.places[self.len]
    }

    /// Gives away the keys from a position on.
    pub fn split_off(&mut self, at: usize, arena: &Arena) -> Sorted {
        let mut upper = Sorted { prefix: self.prefix, ..Sorted::new() };
        upper.prefix_len = self.prefix_len;
        upper.len = self.len - at;
        upper.heads[..upper.len].copy_from_slice(&self.heads[at..self.len]);
        upper.tails[..upper.len].copy_from_slice(&self.tails[at..self.len]);
        upper.places[..upper.len].copy_from_slice(&self.places[at..self.len]);
        self.len = at;
        self.tighten(arena);
        upper.tighten(arena);
        upper
    }

    /// Leaves more out, if fewer keys have much more in common.
    fn tighten(&mut self, arena: &Arena) {
        let [first, .., last] = self.places() else { return };
        let first = arena.key(*first);
        let shared = common(first, arena.key(*last)).min(PREFIX_MAX);
        if shared >= self.prefix_len + WORTH {
            self.begin_with(first, shared);
            self.renew(arena);
        }
    }

    fn begin_with(&mut self, key: &[u8], at_most: usize) {
        self.prefix_len = key.len().min(at_most);
        self.prefix[..self.prefix_len].copy_from_slice(&key[..self.prefix_len]);
    }

    fn renew(&mut self, arena: &Arena) {
        for at in 0..self.len {
            let key = arena.key(self.places[at]);
            (self.heads[at], self.tails[at]) = words(&key[self.prefix_len..]);
        }
    }
}

/// Which of these sorted words are equal to one: all are counted, not halved again and again, as
/// lines that do not depend on each other are fetched together.
fn alike(all: &[u64; FULL], among: Range<usize>, word: u64) -> Range<usize> {
    let words = &all[among.clone()];
    let from = among.start + words.iter().filter(|one| **one < word).count();
    from..from + words.iter().filter(|one| **one == word).count()
}

/// The first eight bytes, and eight more.
fn words(bytes: &[u8]) -> (u64, u64) {
    (word(bytes), word(bytes.get(8..).unwrap_or_default()))
}

/// The first eight bytes as a number of the same order; what is missing counts as zeros.
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(whole) => u64::from_be_bytes(*whole),
        None => {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(whole)
        }
    }
}

/// How many bytes two keys begin with alike.
fn common(one: &[u8], two: &[u8]) -> usize {
    one.iter().zip(two).take_while(|(one, two)| one == two).count()
}
