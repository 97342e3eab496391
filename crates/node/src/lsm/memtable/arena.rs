//! Keys and values, one behind the other in the order in which they came.
//!
//! ```text
//!   chunk 0   [ len │ room, born │ key len │ key │ value … ][ len │ …      1 MiB each
//!   chunk 1   [ …
//! ```
//!
//! A record is one piece of memory that lies beside its neighbours in time: to write it touches no
//! cold line, and to free a table frees chunks, not hundreds of thousands of pieces.

/// Bytes of a chunk; a record that is larger has one of its own.
const CHUNK: usize = 1 << 20;
/// Records begin at multiples of this: a place fits four bytes.
const UNIT: usize = 8;
const UNITS: usize = CHUNK / UNIT;
/// Lengths of the value, of the room for it and of the key.
const HEADER: usize = 4 + 4 + 2;
/// The length of a value that is not there: the key was removed.
const REMOVED: u32 = u32::MAX;
/// Beside the room: what is below has no such key.
const BORN: u32 = 1 << 31;

/// Where a record begins, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    fn chunk(self) -> usize {
        self.0 as usize / UNITS
    }

    fn offset(self) -> usize {
        self.0 as usize % UNITS * UNIT
    }
}

/// All records of a table.
#[derive(Debug, Default)]
pub struct Arena {
    chunks: Vec<Vec<u8>>,
    bytes: u64,
}

impl Arena {
    /// Bytes of all records.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a record; `None` for a key that is removed. `room` is how long a later value may be that
    /// takes this one's place; `born` says that what is below has no such key.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>, room: usize, born: bool) -> Place {
        let room = room.max(value.map_or(0, <[u8]>::len));
        let size = (HEADER + key.len() + room).next_multiple_of(UNIT);
        if self.chunks.last().is_none_or(|chunk| chunk.len() + size > CHUNK) {
            self.chunks.push(Vec::with_capacity(size.max(CHUNK)));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let (begin, end) = (chunk.len(), chunk.len() + size);
        chunk.extend_from_slice(&length(value).to_le_bytes());
        chunk.extend_from_slice(&(room as u32 | if born { BORN } else { 0 }).to_le_bytes());
        chunk.extend_from_slice(&(key.len() as u16).to_le_bytes());
        chunk.extend_from_slice(key);
        chunk.extend_from_slice(value.unwrap_or_default());
        chunk.resize(end, 0);
        self.bytes += size as u64;
        Place((number * UNITS + begin / UNIT) as u32)
    }

    /// Puts a value in the place of a record's own; whether there was room.
    pub fn set(&mut self, place: Place, value: Option<&[u8]>) -> bool {
        let record = &mut self.chunks[place.chunk()][place.offset()..];
        let (_, room, key) = header(record);
        let bytes = value.unwrap_or_default();
        let fits = bytes.len() <= (room & !BORN) as usize;
        if fits {
            record[..4].copy_from_slice(&length(value).to_le_bytes());
            record[HEADER + key..][..bytes.len()].copy_from_slice(bytes);
        }
        fits
    }

    /// Whether what is below has no such key.
    pub fn is_born(&self, place: Place) -> bool {
        header(&self.chunks[place.chunk()][place.offset()..]).1 & BORN > 0
    }

    /// The key of a record.
    pub fn key(&self, place: Place) -> &[u8] {
        self.record(place).0
    }

    /// A record: its key, and its value if it was not removed.
    pub fn record(&self, place: Place) -> (&[u8], Option<&[u8]>) {
        let record = &self.chunks[place.chunk()][place.offset()..];
        let (value, _, key) = header(record);
        let (key, rest) = record[HEADER..].split_at(key);
        (key, (value != REMOVED).then(|| &rest[..value as usize]))
    }
}

/// Keys have at most [`super::super::KEY_BYTES_MAX`] bytes, values far less than 2 GiB.
fn length(value: Option<&[u8]>) -> u32 {
    value.map_or(REMOVED, |value| value.len() as u32)
}

/// Lengths of the value, of its room (with [`BORN`]) and of the key.
fn header(record: &[u8]) -> (u32, u32, usize) {
    let [a, b, c, d, e, f, g, h, i, j] = *record.first_chunk::<HEADER>().unwrap_or(&[0; HEADER]);
    let key = u16::from_le_bytes([i, j]);
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), usize::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_what_there_is_room_for() {
        let mut arena = Arena::default();
        let place = arena.add(b"key", Some(b"value"), 0, true);
        let other = arena.add(b"other", None, 9, false);
        assert_eq!(arena.record(place), (&b"key"[..], Some(&b"value"[..])));
        assert_eq!(arena.record(other), (&b"other"[..], None));
        assert!(arena.set(place, Some(b"v")) && arena.set(other, Some(b"123456789")));
        assert_eq!(arena.record(place), (&b"key"[..], Some(&b"v"[..])));
        assert!(!arena.set(place, Some(b"longer")), "it was made for five bytes");
        assert!(arena.is_born(place) && !arena.is_born(other));
        assert!(arena.set(place, None) && arena.set(place, Some(b"VALUE")));
        assert_eq!(arena.record(place), (&b"key"[..], Some(&b"VALUE"[..])));
        assert_eq!(arena.record(other), (&b"other"[..], Some(&b"123456789"[..])));
    }

    #[test]
    fn records_of_any_size_find_a_place() {
        let mut arena = Arena::default();
        let sizes = [0, 1, CHUNK - HEADER - 1, CHUNK, 3 * CHUNK + 5, 7, CHUNK / 2, CHUNK / 2];
        let places: Vec<_> = sizes
            .iter()
            .map(|size| arena.add(b"k", Some(&vec![*size as u8; *size]), 0, false))
            .collect();
        for (size, place) in sizes.into_iter().zip(places) {
            assert_eq!(arena.record(place), (&b"k"[..], Some(&vec![size as u8; size][..])));
        }
    }
}
