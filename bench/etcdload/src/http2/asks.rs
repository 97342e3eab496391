//! Heads of requests (HPACK, RFC 7541).
//!
//! Once the server knows the fields, a head is six places of its table, a byte each (section 6.1).
//! A head of places alone changes no table, so it means the same until another kind comes: it is
//! kept as it was written. A library's encoder says most fields in full each time, and the servers
//! that are measured would have to read them.

use std::collections::HashMap;

/// What a server remembers if it says nothing else, in bytes (RFC 9113, section 6.5.2).
pub const TABLE_BYTES: usize = 4_096;
/// What a field of the table counts beside its text, in bytes (section 4.1).
pub const FIELD_BYTES: usize = 32;
/// The first place behind the fixed table (appendix A).
pub const FIRST_PLACE: usize = 62;
/// `:method POST` and `:scheme http` of the fixed table.
const POST_HTTP: [u8; 2] = [0x83, 0x86];

/// Writes heads.
pub struct Asks {
    authority: String,
    /// What the server remembers, oldest first.
    table: Vec<(&'static str, String)>,
    table_bytes: usize,
    kept: HashMap<&'static str, Vec<u8>>,
}

impl Asks {
    pub fn new(authority: &str) -> Asks {
        let (authority, table, kept) = (authority.into(), Vec::new(), HashMap::new());
        Asks { authority, table, table_bytes: 0, kept }
    }

    /// Writes the head of a request for a path.
    pub fn put(&mut self, path: &'static str, out: &mut Vec<u8>) {
        if let Some(block) = self.kept.get(path) {
            out.extend_from_slice(block);
            return;
        }
        let mut block = POST_HTTP.to_vec();
        self.field(":path", path, &mut block);
        self.field(":authority", &self.authority.clone(), &mut block);
        self.field("content-type", "application/grpc", &mut block);
        self.field("te", "trailers", &mut block);
        out.extend_from_slice(&block);
        match block.iter().all(|byte| byte & 0x80 != 0) {
            true => drop(self.kept.insert(path, block)),
            false => self.kept.clear(),
        }
    }

    /// A field: its place, or its text, which the server remembers while there is room.
    fn field(&mut self, name: &'static str, value: &str, block: &mut Vec<u8>) {
        if let Some(at) = self.table.iter().position(|(n, v)| (*n, &v[..]) == (name, value)) {
            let place = FIRST_PLACE + self.table.len() - 1 - at;
            block.push(0x80 | place as u8);
            return;
        }
        let bytes = self.table_bytes + FIELD_BYTES + name.len() + value.len();
        // At most 64 places: each is one byte.
        let fits = bytes <= TABLE_BYTES && self.table.len() < 64;
        block.push(if fits { 0x40 } else { 0 });
        for text in [name, value] {
            assert!(text.len() < 127, "a length of one byte: {text}");
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
        if fits {
            self.table.push((name, value.into()));
            self.table_bytes = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use loona_hpack::Decoder;

    use super::*;

    #[test]
    fn a_head_is_the_same_whether_it_was_remembered_or_not() {
        let (mut asks, mut decoder) = (Asks::new("host:1"), Decoder::new());
        let mut lengths = Vec::new();
        for path in ["/a", "/a", "/a", "/b", "/a", "/b", "/b", "/a"] {
            let mut block = Vec::new();
            asks.put(path, &mut block);
            lengths.push(block.len());
            let fields = decoder.decode(&block).unwrap();
            let value = |name: &str| {
                let found = fields.iter().find(|(found, _)| found == name.as_bytes()).unwrap();
                String::from_utf8(found.1.clone()).unwrap()
            };
            assert_eq!(fields.len(), 6);
            assert_eq!((value(":path"), value(":authority")), (path.into(), "host:1".into()));
        }
        assert_eq!(lengths[1..3], [6, 6], "a head that was said before names places only");
        assert_eq!(lengths[4..], [6; 4]);
    }
}
