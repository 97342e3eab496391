//! Pages: a header, elements of fixed length, and the keys and values that they point to.
//!
//! ```text
//!   page     id 8 │ kind 2 │ count 2 │ overflow 4 │ elements … │ keys and values …
//!   branch   position 4 │ key 4 │ child 8
//!   leaf     flags 4 │ position 4 │ key 4 │ value 4
//! ```
//!
//! Numbers are little-endian. A position counts from the element that holds it. A page that is
//! longer than the file's page size goes on over the `overflow` pages behind it.

use bytes::{BufMut, Bytes};

use super::Error;

/// Bytes of a page's header.
pub const HEADER: usize = 16;
/// Bytes of an element.
pub const ELEMENT: usize = 16;
/// A leaf's element whose value is a bucket.
pub const BUCKET: u32 = 1;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Keys and where their subtrees begin.
    Branch = 1,
    /// Keys and values.
    Leaf = 2,
    /// Where the newest root is.
    Meta = 4,
    /// Pages that are not used.
    Freelist = 16,
}

/// The header of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its number.
    pub id: u64,
    /// What it is, as a number.
    pub kind: u16,
    /// How many elements it has.
    pub count: u16,
    /// How many pages it takes more than one.
    pub overflow: u32,
}

impl Header {
    /// Reads the header of a page.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        Some(Header {
            id: u64_at(bytes, 0)?,
            kind: u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?),
            count: u16::from_le_bytes(bytes.get(10..12)?.try_into().ok()?),
            overflow: u32_at(bytes, 12)?,
        })
    }

    /// Writes the header of a page.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_u64_le(self.id);
        out.put_u16_le(self.kind);
        out.put_u16_le(self.count);
        out.put_u32_le(self.overflow);
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Whether the value is a bucket.
    pub bucket: bool,
    pub key: Bytes,
    pub value: Bytes,
}

/// A page of a tree.
#[derive(Clone, Debug)]
pub struct Page {
    header: Header,
    bytes: Bytes,
}

impl Page {
    /// Takes the bytes of a whole page. Its elements are looked at one by one.
    ///
    /// # Errors
    /// If they are no page of a tree.
    pub fn new(bytes: Bytes) -> Result<Page, Error> {
        let header = Header::parse(&bytes).ok_or(Error::Damaged { page: 0, what: "is cut off" })?;
        let page = Page { header, bytes };
        if header.kind != Kind::Branch as u16 && header.kind != Kind::Leaf as u16 {
            return Err(page.damaged("is neither branch nor leaf"));
        }
        Ok(page)
    }

    pub fn id(&self) -> u64 {
        self.header.id
    }

    pub fn is_leaf(&self) -> bool {
        self.header.kind == Kind::Leaf as u16
    }

    /// How many elements there are.
    pub fn count(&self) -> u16 {
        self.header.count
    }

    /// The children of a branch.
    ///
    /// # Errors
    /// If there are none, or not all are there.
    pub fn children(&self) -> Result<Vec<u64>, Error> {
        if self.count() == 0 {
            return Err(self.damaged("is a branch without children"));
        }
        let child = |at| u64_at(&self.bytes, HEADER + ELEMENT * usize::from(at) + 8);
        let children: Option<Vec<u64>> = (0..self.count()).map(child).collect();
        children.ok_or_else(|| self.damaged("lacks elements"))
    }

    /// The pair at a place of a leaf; none behind the last one.
    ///
    /// # Errors
    /// If it is not there in full.
    pub fn pair(&self, at: u16) -> Result<Option<Pair>, Error> {
        if at >= self.count() {
            return Ok(None);
        }
        let found = self.find(at).ok_or_else(|| self.damaged("an element points out of it"))?;
        Ok(Some(found))
    }

    fn find(&self, at: u16) -> Option<Pair> {
        let element = HEADER + ELEMENT * usize::from(at);
        let number = |nth: usize| u32_at(&self.bytes, element + 4 * nth);
        let start = element.checked_add(number(1)? as usize)?;
        let middle = start.checked_add(number(2)? as usize)?;
        let end = middle.checked_add(number(3)? as usize)?;
        if end > self.bytes.len() {
            return None;
        }
        let (key, value) = (self.bytes.slice(start..middle), self.bytes.slice(middle..end));
        Some(Pair { bucket: number(0)? & BUCKET != 0, key, value })
    }

    /// What is wrong with this page.
    pub fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { page: self.header.id, what }
    }
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_are_golden() {
        let leaf: &[u8] = &[
            7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 0, // page 7, leaf, 1 element, 3 more
            1, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, b'k', b'1', b'v',
        ];
        let header = Header { id: 7, kind: Kind::Leaf as u16, count: 1, overflow: 3 };
        let mut written = Vec::new();
        header.write(&mut written);
        assert_eq!((&written[..], Header::parse(leaf)), (&leaf[..16], Some(header)));
        let page = Page::new(Bytes::from_static(leaf)).unwrap();
        let (key, value) = (Bytes::from_static(b"k1"), Bytes::from_static(b"v"));
        assert_eq!(page.pair(0).unwrap(), Some(Pair { bucket: true, key, value }));
        assert_eq!(page.pair(1).unwrap(), None);
        let branch: &[u8] = &[
            9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, // page 9, branch, 1 element
            16, 0, 0, 0, 1, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, b'k',
        ];
        assert_eq!(Page::new(Bytes::from_static(branch)).unwrap().children().unwrap(), [261]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_handled(mut bytes in prop::collection::vec(any::<u8>(), 0..120), leaf: bool) {
            if let Some(kind) = bytes.get_mut(8..12) {
                kind.copy_from_slice(&[if leaf { 2 } else { 1 }, 0, 3, 0]);
            }
            let Ok(page) = Page::new(bytes.into()) else { return Ok(()) };
            let _ = (page.children(), page.pair(0), page.pair(2), page.pair(u16::MAX));
        }
    }
}
