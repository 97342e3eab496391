//! Reading the trees of a file, page by page.
//!
//! ```text
//!   meta ─▶ root ─▶ buckets by name ─▶ branch ─▶ branch ─▶ leaf │ leaf │ leaf …
//! ```
//!
//! Nothing that the file says is believed: a page must lie in the file and say its own number, keys
//! must ascend, no walk sees more pages than the file has. So a file that is damaged, or made to do
//! harm, costs no more than one of its length. Memory holds one leaf and the way down to it.

use bytes::Bytes;

use super::{
    Error,
    meta::{META, Meta},
    page::{HEADER, Header, Page, Pair, u64_at},
    source::Source,
};

/// Sizes of pages that are looked for, in bytes.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 1 << 10..=1 << 16;
/// The longest page that is read, in bytes: it holds a value that is as long.
const PAGE_BYTES_MAX: u64 = 64 << 20;
/// The most branches on the way to a leaf. A tree of so many levels would fill no disk.
const DEPTH_MAX: usize = 32;
/// Bytes in front of the page that lies in the value of a small bucket.
const BUCKET_HEADER: usize = 16;

/// A file of trees.
#[derive(Debug)]
pub struct Trees<S> {
    source: S,
    page_size: u64,
    pages: u64,
    root: u64,
}

/// Where the tree of a bucket begins.
#[derive(Clone, Debug)]
pub enum Bucket {
    /// On a page of the file.
    Page(u64),
    /// In its own value, for small ones: the only page.
    Inline(Bytes),
}

/// Where a pair lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub page: u64,
    pub at: u16,
}

impl<S: Source> Trees<S> {
    /// Finds the newest root in the first `length` bytes.
    ///
    /// # Errors
    /// If there is none, or the file is shorter than it says.
    pub fn open(source: S, length: u64) -> Result<Trees<S>, Error> {
        let foreign = |what: &str| Error::Foreign(what.into());
        let meta =
            newest(&source, length)?.ok_or_else(|| foreign("it has no page that says so"))?;
        let page_size = u64::from(meta.page_size);
        if meta.pages.checked_mul(page_size).is_none_or(|end| end > length) {
            return Err(foreign("the file is shorter than it says: it was cut off"));
        }
        Ok(Trees { source, page_size, pages: meta.pages, root: meta.root })
    }

    pub fn source(&self) -> &S {
        &self.source
    }

    fn page(&self, id: u64) -> Result<Page, Error> {
        let damaged = |what| Error::Damaged { page: id, what };
        if id < 2 || id >= self.pages {
            return Err(damaged("is named and does not exist"));
        }
        let mut head = [0; HEADER];
        self.source.read(id * self.page_size, &mut head)?;
        let header = Header::parse(&head).filter(|header| header.id == id);
        let header = header.ok_or_else(|| damaged("says another number"))?;
        let pages = u64::from(header.overflow) + 1;
        if pages > self.pages - id {
            return Err(damaged("goes on behind the end"));
        }
        if pages * self.page_size > PAGE_BYTES_MAX {
            let most = PAGE_BYTES_MAX >> 20;
            return Err(Error::Limit(format!("page {id} is longer than {most} MiB")));
        }
        let mut bytes = vec![0; (pages * self.page_size) as usize];
        self.source.read(id * self.page_size, &mut bytes)?;
        Page::new(bytes.into())
    }

    /// All buckets, by name.
    pub fn buckets(&self) -> Buckets {
        Buckets(Walk::new(&Bucket::Page(self.root)))
    }

    /// The pair at a place of a bucket.
    ///
    /// # Errors
    /// If it is not there.
    pub fn at(&self, bucket: &Bucket, place: Place) -> Result<Pair, Error> {
        let page = match bucket {
            Bucket::Page(_) => self.page(place.page)?,
            Bucket::Inline(bytes) => Page::new(bytes.clone())?,
        };
        page.pair(place.at)?.ok_or_else(|| page.damaged("lacks an element"))
    }
}

/// The valid meta page of the highest transaction. Where the second one lies is only known from the
/// first one, or by looking everywhere.
fn newest<S: Source>(source: &S, length: u64) -> Result<Option<Meta>, Error> {
    let read = |at: u64| -> Result<Option<Meta>, Error> {
        let mut page = [0; META];
        if at + META as u64 > length {
            return Ok(None);
        }
        source.read(at, &mut page)?;
        Ok(Meta::parse(&page).filter(|meta| valid(meta.page_size)))
    };
    let mut newest = read(0)?;
    let mut size = *PAGE_SIZES.start();
    while PAGE_SIZES.contains(&size) {
        let second = read(size.into())?.filter(|meta| meta.page_size == size);
        newest = [newest, second].into_iter().flatten().max_by_key(|meta| meta.transaction);
        size *= 2;
    }
    Ok(newest)
}

fn valid(page_size: u32) -> bool {
    page_size.is_power_of_two() && PAGE_SIZES.contains(&page_size)
}

/// The buckets of a file.
#[derive(Debug)]
pub struct Buckets(Walk);

impl Buckets {
    /// The next bucket and its name.
    ///
    /// # Errors
    /// If the tree is damaged.
    pub fn next<S: Source>(&mut self, trees: &Trees<S>) -> Result<Option<(Bytes, Bucket)>, Error> {
        let Some((place, pair)) = self.0.next(trees)? else { return Ok(None) };
        let damaged = |what| Error::Damaged { page: place.page, what };
        if !pair.bucket {
            return Err(damaged("has a key where buckets are"));
        }
        let root = u64_at(&pair.value, 0).ok_or_else(|| damaged("has a bucket that is cut off"))?;
        let bucket = match root {
            0 => Bucket::Inline(pair.value.slice(BUCKET_HEADER.min(pair.value.len())..)),
            root => Bucket::Page(root),
        };
        Ok(Some((pair.key, bucket)))
    }
}

/// A walk through a tree, in the order of its keys.
#[derive(Debug)]
pub struct Walk {
    /// Children of the branches above that are still to be visited, the next one last.
    above: Vec<Vec<u64>>,
    leaf: Option<(Page, u16)>,
    /// Whether the leaf is the only page, in a value.
    inline: Option<Bytes>,
    last: Option<Bytes>,
    visited: u64,
}

impl Walk {
    pub fn new(bucket: &Bucket) -> Walk {
        let (above, inline) = match bucket {
            Bucket::Page(root) => (vec![vec![*root]], None),
            Bucket::Inline(bytes) => (Vec::new(), Some(bytes.clone())),
        };
        Walk { above, leaf: None, inline, last: None, visited: 0 }
    }

    /// The next pair.
    ///
    /// # Errors
    /// If the tree is damaged.
    pub fn next<S: Source>(&mut self, trees: &Trees<S>) -> Result<Option<(Place, Pair)>, Error> {
        loop {
            if let Some((page, next)) = &mut self.leaf {
                if let Some(pair) = page.pair(*next)? {
                    if self.last.as_ref().is_some_and(|last| *last >= pair.key) {
                        return Err(page.damaged("has keys out of order"));
                    }
                    self.last = Some(pair.key.clone());
                    let place = Place { page: page.id(), at: *next };
                    *next += 1;
                    return Ok(Some((place, pair)));
                }
                self.leaf = None;
            }
            if !self.descend(trees)? {
                return Ok(None);
            }
        }
    }

    /// Goes to the next page; false if there is none.
    fn descend<S: Source>(&mut self, trees: &Trees<S>) -> Result<bool, Error> {
        let page = match self.inline.take() {
            Some(bytes) => Page::new(bytes)?,
            None => {
                while self.above.last().is_some_and(Vec::is_empty) {
                    self.above.pop();
                }
                let Some(id) = self.above.last_mut().and_then(Vec::pop) else { return Ok(false) };
                trees.page(id)?
            }
        };
        self.visited += 1;
        if self.visited > trees.pages || self.above.len() > DEPTH_MAX {
            return Err(page.damaged("is part of a circle"));
        }
        if page.is_leaf() {
            self.leaf = Some((page, 0));
        } else {
            let mut children = page.children()?;
            children.reverse();
            self.above.push(children);
        }
        Ok(true)
    }
}
