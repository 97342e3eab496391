//! Responses with events that are encoded already.

use bytes::{Bytes, BytesMut};
use layers::coordination::limits::REQUEST_BYTES_MAX;
use prost::{
    Message,
    encoding::{decode_key, decode_varint},
};

use super::queue::Item;
use crate::etcd::{
    facts::Facts,
    grpc::{PREFIX, prefix},
    wire::WatchResponse,
};

/// A response takes more events until it has so many bytes.
const ENOUGH: usize = 1 << 20;
/// A response of a watch that allows it is cut above so many bytes, as in etcd.
const FRAGMENT: usize = REQUEST_BYTES_MAX + (512 << 10);

/// Events of one watch, of whole revisions.
#[derive(Debug)]
pub struct Events {
    id: i64,
    revision: i64,
    parts: Vec<Bytes>,
    bytes: usize,
}

impl Events {
    /// Events up to a revision.
    pub fn new(id: i64, revision: i64, events: Bytes) -> Events {
        Events { id, revision, bytes: events.len(), parts: vec![events] }
    }

    /// Whether an item may be added.
    pub fn takes(&self, item: &Item) -> bool {
        matches!(item, Item::Events { id, .. } if *id == self.id) && self.bytes < ENOUGH
    }

    /// Adds what comes next.
    pub fn add(&mut self, revision: i64, events: Bytes) {
        self.revision = revision;
        self.bytes += events.len();
        self.parts.push(events);
    }

    /// Writes the framed responses: one, unless it is long and may be cut.
    pub fn write(self, out: &mut BytesMut, facts: &Facts, may_cut: bool) {
        let parts = match may_cut && self.bytes > FRAGMENT {
            true => cut(&self.parts.concat().into()),
            false => vec![self.parts],
        };
        let last = parts.len() - 1;
        for (number, events) in parts.iter().enumerate() {
            let head = WatchResponse {
                header: Some(facts.header(self.revision)),
                watch_id: self.id,
                fragment: number < last,
                ..WatchResponse::default()
            };
            let length = head.encoded_len() + events.iter().map(Bytes::len).sum::<usize>();
            out.reserve(PREFIX + length);
            prefix(out, length);
            // There is room: the length was asked for.
            let _ = head.encode(out);
            events.iter().for_each(|events| out.extend_from_slice(events));
        }
    }
}

/// Cuts encoded events into parts of bounded length; an event stays whole.
fn cut(events: &Bytes) -> Vec<Vec<Bytes>> {
    let mut parts = Vec::new();
    let mut rest = events.clone();
    while !rest.is_empty() {
        let mut end = 0;
        while end < rest.len() {
            let mut here = rest.slice(end..);
            let whole = here.len();
            let length = decode_key(&mut here).ok().and_then(|_| decode_varint(&mut here).ok());
            // We encoded it ourselves.
            let length = length.map_or(here.len(), |length| length as usize).min(here.len());
            let event = whole - here.len() + length;
            if end > 0 && end + event > FRAGMENT {
                break;
            }
            end += event;
        }
        parts.push(vec![rest.split_to(end)]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::watch::events::encode;
    use layers::coordination::{Event, KeyValue};

    fn event(revision: i64, bytes: usize) -> Event {
        let kv =
            KeyValue { mod_revision: revision, value: vec![7; bytes].into(), ..Default::default() };
        Event { kv: Some(kv), ..Event::default() }
    }

    fn responses(all: Events, may_cut: bool) -> Vec<WatchResponse> {
        let mut out = BytesMut::new();
        all.write(&mut out, &Facts::default(), may_cut);
        let mut responses = Vec::new();
        while let Some(length) = out.get(1..PREFIX) {
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            let framed = out.split_to(PREFIX + length).freeze();
            responses.push(WatchResponse::decode(framed.slice(PREFIX..)).unwrap());
        }
        responses
    }

    #[test]
    fn events_of_a_watch_share_a_response() {
        let mut all = Events::new(3, 7, encode(&event(7, 1)));
        let next = |id| Item::Events { id, revision: 8, events: encode(&event(8, 2)) };
        assert!(all.takes(&next(3)) && !all.takes(&next(4)));
        all.add(8, encode(&event(8, 2)));
        let responses = responses(all, true);
        assert_eq!(responses.len(), 1);
        assert_eq!((responses[0].watch_id, responses[0].header.unwrap().revision), (3, 8));
        assert_eq!(responses[0].events, [event(7, 1), event(8, 2)]);
    }

    #[test]
    fn a_long_response_is_cut_between_events_if_that_was_asked_for() {
        let sent = [event(7, 1 << 20), event(7, 3 << 20), event(7, 10), event(7, 1 << 20)];
        let events: Bytes = sent.iter().map(encode).collect::<Vec<_>>().concat().into();
        let whole = responses(Events::new(0, 7, events.clone()), false);
        assert_eq!(whole[0].events, sent);
        let parts = responses(Events::new(0, 7, events), true);
        let marks: Vec<_> = parts.iter().map(|part| part.fragment).collect();
        assert_eq!(marks, [true, true, false]);
        assert_eq!(parts.into_iter().flat_map(|part| part.events).collect::<Vec<_>>(), sent);
    }
}
