//! Writing trees: from the leaves up, one page after the other, in one pass.
//!
//! ```text
//!   pairs in order ─▶ leaf under way ─▶ full: written, its first key goes up ─▶ branch under way …
//! ```
//!
//! Of each level one page is held. When the pairs end, what is under way is written from the bottom
//! up, and the last page is the root. A page is filled before the next one begins; a pair that is
//! longer gets pages of its own. Every bucket gets a page, however small it is.

use std::{
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::FileExt,
};

use bytes::{BufMut, Bytes};

use super::{
    Error,
    meta::Meta,
    page::{BUCKET, ELEMENT, HEADER, Header, Kind},
};

/// Bytes of a page.
pub const PAGE: usize = 4 << 10;
/// Bytes that are written at a time.
const BUFFER: usize = 256 << 10;

/// A file whose pages are written in their order.
#[derive(Debug)]
pub struct Pages {
    out: BufWriter<File>,
    next: u64,
}

impl Pages {
    /// Leaves room for the two meta pages.
    pub fn new(file: File) -> Result<Pages, Error> {
        let mut out = BufWriter::with_capacity(BUFFER, file);
        out.write_all(&[0; 2 * PAGE])?;
        Ok(Pages { out, next: 2 })
    }

    fn write(&mut self, kind: Kind, elements: &[Element]) -> Result<u64, Error> {
        let length = HEADER + elements.iter().map(Element::length).sum::<usize>();
        let pages = length.div_ceil(PAGE);
        let (id, overflow) = (self.next, (pages - 1) as u32);
        let mut page = Vec::with_capacity(pages * PAGE);
        Header { id, kind: kind as u16, count: elements.len() as u16, overflow }.write(&mut page);
        // Where keys and values begin, counted from the element that is written next.
        let mut position = ELEMENT * elements.len();
        for element in elements {
            let lengths = (element.key.len() as u32, element.body.value().len() as u32);
            match &element.body {
                Body::Child(child) => {
                    page.put_u32_le(position as u32);
                    page.put_u32_le(lengths.0);
                    page.put_u64_le(*child);
                }
                Body::Value(_) | Body::Bucket(_) => {
                    page.put_u32_le(element.body.flags());
                    page.put_u32_le(position as u32);
                    page.put_u32_le(lengths.0);
                    page.put_u32_le(lengths.1);
                }
            }
            position = position + element.length() - 2 * ELEMENT;
        }
        for element in elements {
            page.extend_from_slice(&element.key);
            page.extend_from_slice(element.body.value());
        }
        page.resize(pages * PAGE, 0);
        self.out.write_all(&page)?;
        self.next += pages as u64;
        Ok(id)
    }

    /// Writes the buckets, by name, and then where they are; gives the file and its length.
    pub fn finish(mut self, buckets: &[(&'static [u8], u64)]) -> Result<(File, u64), Error> {
        let mut tree = Tree::default();
        for (name, root) in buckets {
            let value = [root.to_le_bytes(), [0; 8]].concat();
            let (key, body) = (Bytes::from_static(name), Body::Bucket(value.into()));
            tree.add(&mut self, 0, Element { key, body })?;
        }
        let root = tree.finish(&mut self)?;
        let freelist = self.write(Kind::Freelist, &[])?;
        let file = self.out.into_inner().map_err(|error| error.into_error())?;
        for transaction in [0, 1] {
            let page_size = PAGE as u32;
            let meta = Meta { page_size, root, freelist, pages: self.next, transaction };
            file.write_all_at(&meta.bytes(), transaction * PAGE as u64)?;
        }
        Ok((file, self.next * PAGE as u64))
    }
}

#[derive(Debug)]
struct Element {
    key: Bytes,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Value(Bytes),
    Bucket(Bytes),
    Child(u64),
}

impl Element {
    fn length(&self) -> usize {
        ELEMENT + self.key.len() + self.body.value().len()
    }
}

impl Body {
    fn value(&self) -> &[u8] {
        match self {
            Body::Value(value) | Body::Bucket(value) => value,
            Body::Child(_) => &[],
        }
    }

    fn flags(&self) -> u32 {
        if matches!(self, Body::Bucket(_)) { BUCKET } else { 0 }
    }
}

/// A tree under way: a page for each level, the leaves first.
#[derive(Debug, Default)]
pub struct Tree {
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    elements: Vec<Element>,
    length: usize,
}

impl Tree {
    /// Adds a pair. Keys ascend.
    pub fn push(&mut self, pages: &mut Pages, key: Bytes, value: Bytes) -> Result<(), Error> {
        self.add(pages, 0, Element { key, body: Body::Value(value) })
    }

    fn add(&mut self, pages: &mut Pages, at: usize, element: Element) -> Result<(), Error> {
        if self.levels.len() == at {
            self.levels.push(Level::default());
        }
        let level = &self.levels[at];
        if !level.elements.is_empty() && HEADER + level.length + element.length() > PAGE {
            self.flush(pages, at)?;
        }
        let level = &mut self.levels[at];
        level.length += element.length();
        level.elements.push(element);
        Ok(())
    }

    /// Writes what is under way of a level, and tells the level above.
    fn flush(&mut self, pages: &mut Pages, at: usize) -> Result<(), Error> {
        let Level { mut elements, .. } = std::mem::take(&mut self.levels[at]);
        let id = pages.write(kind(at), &elements)?;
        let first = Element { key: elements.swap_remove(0).key, body: Body::Child(id) };
        self.add(pages, at + 1, first)
    }

    /// Writes the rest; gives the page of the root.
    pub fn finish(mut self, pages: &mut Pages) -> Result<u64, Error> {
        let mut at = 0;
        while at + 1 < self.levels.len() {
            self.flush(pages, at)?;
            at += 1;
        }
        let root = self.levels.pop().unwrap_or_default();
        pages.write(kind(at), &root.elements)
    }
}

fn kind(level: usize) -> Kind {
    if level == 0 { Kind::Leaf } else { Kind::Branch }
}
