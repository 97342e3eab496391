//! Events, encoded once for all who get them.

use bytes::{Bytes, BytesMut};
use layers::coordination::Event;
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

/// The field of a response that holds events.
const EVENTS: u32 = 11;

/// An event and its encodings.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Put or removed.
    pub kind: i32,
    /// Which key.
    pub key: Bytes,
    /// The revision.
    pub revision: i64,
    plain: Bytes,
    /// With what stood there before, if it was read.
    previous: Option<Bytes>,
}

impl Encoded {
    /// Encodes an event; `previous` says whether what stood there before was asked for.
    pub fn new(mut event: Event, previous: bool) -> Encoded {
        let with = previous.then(|| encode(&event));
        let plain = match &with {
            Some(with) if event.prev_kv.is_none() => with.clone(),
            _ => {
                event.prev_kv = None;
                encode(&event)
            }
        };
        let kv = event.kv.unwrap_or_default();
        // A copy: the key as it came would hold all of its page.
        let key = Bytes::copy_from_slice(&kv.key);
        Encoded { kind: event.r#type, key, revision: kv.mod_revision, plain, previous: with }
    }

    /// The encoding for a watch; `None` if it wants what was not read.
    pub fn bytes(&self, previous: bool) -> Option<&Bytes> {
        if previous { self.previous.as_ref() } else { Some(&self.plain) }
    }

    /// What it weighs, in bytes.
    pub fn weight(&self) -> usize {
        self.key.len() + self.plain.len() + self.previous.as_ref().map_or(0, Bytes::len) + 96
    }
}

/// An event as a field of a response.
pub fn encode(event: &Event) -> Bytes {
    let length = event.encoded_len();
    let mut out = BytesMut::with_capacity(1 + encoded_len_varint(length as u64) + length);
    encode_key(EVENTS, WireType::LengthDelimited, &mut out);
    encode_varint(length as u64, &mut out);
    // There is room: the length was asked for.
    let _ = event.encode(&mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::wire::WatchResponse;
    use layers::coordination::KeyValue;

    fn decode(bytes: &Bytes) -> Vec<Event> {
        WatchResponse::decode(bytes.clone()).unwrap().events
    }

    #[test]
    fn encoded_events_are_the_events_of_a_response() {
        let kv = |revision| {
            let key = Bytes::from_static(b"k");
            Some(KeyValue { key, mod_revision: revision, ..KeyValue::default() })
        };
        let event = Event { r#type: 0, kv: kv(7), prev_kv: kv(5) };
        let plain = Event { prev_kv: None, ..event.clone() };
        let encoded = Encoded::new(event.clone(), true);
        assert_eq!((&encoded.key[..], encoded.revision), (&b"k"[..], 7));
        assert_eq!(decode(encoded.bytes(true).unwrap()), std::slice::from_ref(&event));
        assert_eq!(decode(encoded.bytes(false).unwrap()), std::slice::from_ref(&plain));
        let encoded = Encoded::new(event, false);
        assert_eq!(encoded.bytes(true), None);
        let twice = [&encoded.bytes(false).unwrap()[..]; 2].concat();
        assert_eq!(decode(&twice.into()), [plain.clone(), plain]);
    }
}
