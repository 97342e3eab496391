//! Messages in a stream of bytes.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::{Code, Status};

/// Bytes before a message: whether it is compressed, and its length.
pub const PREFIX: usize = 5;

/// A message with its prefix.
pub fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(PREFIX + length);
    prefix(&mut out, length);
    // There is room: the length was asked for.
    let _ = message.encode(&mut out);
    out.freeze()
}

/// Writes the prefix of a message of this length, in bytes.
pub fn prefix(out: &mut BytesMut, length: usize) {
    out.put_u8(0);
    // Answers are bounded far below 4 GiB.
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

/// Cuts messages out of the chunks of a stream. A message that lies in one chunk is not copied.
#[derive(Debug)]
pub struct Messages {
    whole: Bytes,
    parts: BytesMut,
    max: usize,
}

impl Messages {
    /// Messages of at most `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Messages {
        Messages { whole: Bytes::new(), parts: BytesMut::new(), max }
    }

    /// Adds a chunk.
    pub fn push(&mut self, chunk: Bytes) {
        if self.whole.is_empty() && self.parts.is_empty() {
            self.whole = chunk;
        } else {
            self.parts.extend_from_slice(&std::mem::take(&mut self.whole));
            self.parts.extend_from_slice(&chunk);
        }
    }

    /// The next message that is whole.
    ///
    /// # Errors
    /// If it is too long or compressed: nothing behind it can be understood.
    pub fn take(&mut self) -> Result<Option<Bytes>, Status> {
        let here = if self.parts.is_empty() { &self.whole[..] } else { &self.parts[..] };
        let Some((&[compressed, a, b, c, d], rest)) = here.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        if compressed != 0 {
            let text = "grpc: compressed messages are not supported: send them as they are";
            return Err(Status::new(Code::Unimplemented, text));
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > self.max {
            let max = self.max;
            let text = format!("grpc: received message larger than max ({length} vs. {max})");
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let end = PREFIX + length;
        let taken = match self.parts.is_empty() {
            true => self.whole.split_to(end),
            false => self.parts.split_to(end).freeze(),
        };
        Ok(Some(taken.slice(PREFIX..)))
    }

    /// Whether nothing is left over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.parts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(messages: &[Vec<u8>]) -> BytesMut {
        let mut out = BytesMut::new();
        for message in messages {
            prefix(&mut out, message.len());
            out.extend_from_slice(message);
        }
        out
    }

    #[test]
    fn the_prefix_is_golden_and_limits_hold() {
        assert_eq!(stream(&[vec![7, 8]])[..], [0, 0, 0, 0, 2, 7, 8]);
        let mut messages = Messages::new(1);
        messages.push(Bytes::from_static(&[0, 0, 0, 0, 2]));
        assert_eq!(messages.take().unwrap_err().code, Code::ResourceExhausted);
        let mut messages = Messages::new(1);
        messages.push(Bytes::from_static(&[1, 0, 0, 0, 0]));
        assert_eq!(messages.take().unwrap_err().code, Code::Unimplemented);
    }

    #[test]
    fn a_message_in_one_chunk_is_not_copied() {
        let chunk = stream(&[vec![7; 100]]).freeze();
        let mut messages = Messages::new(100);
        messages.push(chunk.clone());
        let message = messages.take().unwrap().unwrap();
        assert_eq!(message.as_ptr(), chunk[PREFIX..].as_ptr());
        assert!(messages.is_empty());
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_cut(
            sent: Vec<Vec<u8>>,
            cuts in proptest::collection::vec(1..40_usize, 0..60),
        ) {
            let mut bytes = stream(&sent).freeze();
            let mut messages = Messages::new(1 << 20);
            let mut came = Vec::new();
            let mut cuts = cuts.into_iter();
            while !bytes.is_empty() {
                let cut = cuts.next().unwrap_or(bytes.len()).min(bytes.len());
                messages.push(bytes.split_to(cut));
                while let Some(message) = messages.take().unwrap() {
                    came.push(message.to_vec());
                }
            }
            prop_assert_eq!(came, sent);
            prop_assert!(messages.is_empty());
        }

        #[test]
        fn any_bytes_are_handled(chunks: Vec<Vec<u8>>) {
            let mut messages = Messages::new(64);
            for chunk in chunks {
                messages.push(chunk.into());
                while let Ok(Some(message)) = messages.take() {
                    prop_assert!(message.len() <= 64);
                }
            }
        }
    }
}
