//! What a watch wants.

use bytes::Bytes;
use layers::coordination::{ChangesRequest, EventType, Filter};

use crate::etcd::wire::WatchCreateRequest;

/// Why a watch is refused; the texts are etcd's.
const EMPTY_RANGE: &str = "mvcc: watcher range is empty";

/// What a watch wants. Held as long as the watch, so it holds no frame that a client sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// The client's number for it.
    pub id: i64,
    /// The first key.
    pub key: Box<[u8]>,
    /// Where the keys end.
    pub end: End,
    /// With what stood there before.
    pub previous: bool,
    /// Whether to be told now and then that nothing happened.
    pub progress: bool,
    /// Whether a response that is too long may be cut.
    pub fragment: bool,
    puts: bool,
    removals: bool,
}

/// Where the keys of a watch end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Behind the first key.
    One,
    /// Before this key.
    Before(Box<[u8]>),
    /// Nowhere.
    Never,
}

/// The first key of a request: as in etcd, no key is the smallest one.
pub fn first_key(request: &WatchCreateRequest) -> Bytes {
    if request.key.is_empty() { Bytes::from_static(&[0]) } else { request.key.clone() }
}

impl Spec {
    /// Reads a request.
    ///
    /// # Errors
    /// If there are no such keys.
    pub fn read(request: &WatchCreateRequest, id: i64) -> Result<Spec, &'static str> {
        let key: Box<[u8]> = first_key(request)[..].into();
        let end = match &request.range_end[..] {
            [] => End::One,
            [0] => End::Never,
            end if *end <= *key => return Err(EMPTY_RANGE),
            end => End::Before(end.into()),
        };
        let wants = |filter: Filter| !request.filters.contains(&(filter as i32));
        Ok(Spec {
            id,
            key,
            end,
            previous: request.prev_kv,
            progress: request.progress_notify,
            fragment: request.fragment,
            puts: wants(Filter::Noput),
            removals: wants(Filter::Nodelete),
        })
    }

    /// A watch of one key or a range, from inside the gateway.
    pub fn inside(key: Bytes, range_end: Bytes) -> Result<Spec, &'static str> {
        Spec::read(&WatchCreateRequest { key, range_end, ..WatchCreateRequest::default() }, 0)
    }

    /// Whether a key is watched.
    pub fn holds(&self, key: &[u8]) -> bool {
        match &self.end {
            End::One => *self.key == *key,
            End::Before(end) => *self.key <= *key && *key < **end,
            End::Never => *self.key <= *key,
        }
    }

    /// Whether an event of this kind is wanted.
    pub fn wants(&self, kind: i32) -> bool {
        if kind == EventType::Put as i32 { self.puts } else { self.removals }
    }

    /// What is asked to read changes for this watch alone.
    pub fn changes(&self, start_revision: i64, start_sub: u32) -> ChangesRequest {
        let mut filters = Vec::new();
        if !self.puts {
            filters.push(Filter::Noput as i32);
        }
        if !self.removals {
            filters.push(Filter::Nodelete as i32);
        }
        ChangesRequest {
            key: Bytes::copy_from_slice(&self.key),
            range_end: match &self.end {
                End::One => Bytes::new(),
                End::Before(end) => Bytes::copy_from_slice(end),
                End::Never => Bytes::from_static(&[0]),
            },
            start_revision,
            filters,
            prev_kv: self.previous,
            start_sub,
            limit: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &'static str, end: &'static str) -> Result<Spec, &'static str> {
        Spec::inside(key.into(), end.into())
    }

    #[test]
    fn ranges_are_etcds() {
        assert_eq!(read("a", "").unwrap().end, End::One);
        assert_eq!(read("a", "\0").unwrap().end, End::Never);
        assert_eq!(read("a", "b").unwrap().end, End::Before(b"b"[..].into()));
        assert_eq!(*read("", "\0").unwrap().key, [0]);
        assert_eq!(read("b", "a").unwrap_err(), EMPTY_RANGE);
        assert_eq!(read("b", "b").unwrap_err(), EMPTY_RANGE);
    }

    #[test]
    fn filters_hold_in_the_hub_and_in_what_is_read() {
        let filters = vec![Filter::Nodelete as i32];
        let request =
            WatchCreateRequest { key: "a".into(), filters, ..WatchCreateRequest::default() };
        let spec = Spec::read(&request, 7).unwrap();
        assert!(spec.wants(EventType::Put as i32) && !spec.wants(EventType::Delete as i32));
        let changes = spec.changes(9, 2);
        assert_eq!(changes.filters, [Filter::Nodelete as i32]);
        assert_eq!((changes.start_revision, changes.start_sub), (9, 2));
    }
}
