//! The record of a change, and reading changes back: what watches are served from.
//!
//! A record names the key and holds what the change ended. What was put stands under the key still,
//! or with the change that ended it: its history says which. Only a value that ended in the revision
//! that made it, which nobody could ever read, is kept in its own record.

use alloc::format;

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use prost::Message;
use store::engine::EngineError;

use super::{
    error::Stop,
    keys::{self, Keys},
    limits::{CHANGES_BYTES_MAX, CHANGES_LOOKED_AT_MAX},
    look::{Look, Pages},
    meta::{Meta, decode},
    past,
    wire::{ChangesRequest, ChangesResponse, Event, EventType, Filter, KeyValue, ResponseHeader},
};

/// What happened at a place of a revision.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Change {
    /// Put or removed.
    #[prost(enumeration = "EventType", tag = "1")]
    pub kind: i32,
    /// Which key.
    #[prost(bytes = "bytes", tag = "2")]
    pub key: Bytes,
    /// What was put, if a later change of the same revision ended it.
    #[prost(message, optional, tag = "3")]
    pub ended: Option<KeyValue>,
    /// The record that stood there before the command, in its first change of the key.
    #[prost(bytes = "bytes", tag = "4")]
    pub before: Bytes,
}

/// Which kind of event it is that leaves this under a key.
pub(super) fn kind_of(now: Option<&KeyValue>) -> i32 {
    let kind = if now.is_some() { EventType::Put } else { EventType::Delete };
    kind as i32
}

impl Change {
    /// A change of a key under which nothing stood.
    pub(super) fn new(key: Bytes, now: Option<&KeyValue>, lasts: bool) -> Change {
        let (kind, ended) = (kind_of(now), now.filter(|_| !lasts).cloned());
        Change { kind, key, ended, before: Bytes::new() }
    }

    /// The same where this record stood.
    pub(super) fn over(self, before: Bytes) -> Change {
        Change { before, ..self }
    }

    fn event(
        self,
        look: &mut dyn Look,
        meta: &Meta,
        revision: i64,
        with_previous: bool,
    ) -> Result<Event, EngineError> {
        let key = self.key;
        let kv = match (self.kind == EventType::Put as i32, self.ended) {
            (false, _) => {
                KeyValue { key: key.clone(), mod_revision: revision, ..KeyValue::default() }
            }
            (true, Some(ended)) => KeyValue { key: key.clone(), ..ended },
            (true, None) => past::one_at(look, &key, revision)?.ok_or_else(|| {
                EngineError::Corrupt(format!("revision {revision} lost what it put"))
            })?,
        };
        // What stood before the first revision in reach is out of reach.
        let previous = with_previous && kv.create_revision != revision && revision > meta.compacted;
        let before = match previous {
            true if !self.before.is_empty() => Some(self.before),
            true => past::ended_at(look, &key, revision)?,
            false => None,
        };
        let prev_kv = before.map(|bytes| past::record(key, bytes)).transpose()?;
        Ok(Event { r#type: self.kind, kv: Some(kv), prev_kv })
    }
}

/// Reads a page of changes.
pub(super) fn changes(
    look: &mut dyn Look,
    meta: &Meta,
    request: &ChangesRequest,
) -> Result<ChangesResponse, Stop> {
    let start = request.start_revision.max(1);
    let mut page = ChangesResponse {
        header: ResponseHeader::at(meta.revision),
        next_revision: start,
        next_sub: request.start_sub,
        ..ChangesResponse::default()
    };
    if start < meta.compacted {
        page.compact_revision = meta.compacted;
        if start < meta.cut {
            page.incarnation = meta.incarnation;
        }
        return Ok(page);
    }
    let most = match request.limit {
        0 => CHANGES_LOOKED_AT_MAX,
        limit => limit.min(CHANGES_LOOKED_AT_MAX),
    };
    let unwanted = |kind| {
        let filter = if kind == EventType::Put as i32 { Filter::Noput } else { Filter::Nodelete };
        request.filters.contains(&(filter as i32))
    };
    let keys = Keys::new(&request.key, &request.range_end);
    let mut pages = Pages::new(keys::revisions_from(start, request.start_sub));
    let (mut looked_at, mut bytes) = (0, 0);
    while let Some((raw, _)) = pages.peek(look)? {
        let (revision, sub) = keys::parse_revision(raw)
            .ok_or_else(|| EngineError::Corrupt(format!("no place in a revision: {raw:02x?}")))?;
        if looked_at == most || bytes > CHANGES_BYTES_MAX {
            (page.next_revision, page.next_sub, page.more) = (revision, sub, true);
            if sub > 0 && planted(Bug::CutRevisionLost) {
                (page.next_revision, page.next_sub) = (revision + 1, 0);
            }
            return Ok(page);
        }
        let Some((_, record)) = pages.next(look)? else { break };
        let change: Change = decode(record)?;
        looked_at += 1;
        if keys.contains(&change.key) && !unwanted(change.kind) {
            let event = change.event(look, meta, revision, request.prev_kv)?;
            bytes += size(&event);
            page.events.push(event);
        }
    }
    let late = i64::from(planted(Bug::WatchOneLate));
    let after = meta.revision.saturating_add(1).saturating_add(late);
    if start < after {
        (page.next_revision, page.next_sub) = (after, 0);
    }
    Ok(page)
}

/// About how many bytes an event takes.
pub(super) fn size(event: &Event) -> usize {
    let kvs = event.kv.iter().chain(&event.prev_kv);
    kvs.map(|kv| kv.key.len() + kv.value.len() + 48).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::meta::encode;

    #[test]
    fn the_record_is_golden() {
        let key = Bytes::from_static(b"k");
        let kv = KeyValue { mod_revision: 3, ..KeyValue::default() };
        let put = Change::new(key.clone(), Some(&kv), true);
        assert_eq!(encode(&put), &[18, 1, b'k'][..]);
        assert_eq!(encode(&Change::new(key.clone(), None, true)), &[8, 1, 18, 1, b'k'][..]);
        let before = Change::new(key.clone(), None, true).over(encode(&kv));
        assert_eq!(encode(&before), &[8, 1, 18, 1, b'k', 34, 2, 24, 3][..]);
        let ended = Change::new(key, Some(&kv), false);
        assert_eq!(encode(&ended), &[18, 1, b'k', 26, 2, 24, 3][..]);
    }
}
