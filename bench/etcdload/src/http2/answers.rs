//! Heads and ends of answers (HPACK, RFC 7541).
//!
//! Of all that a server says, three fields matter here. The others are stepped over unread, and
//! remembered as places only: servers say a new trace in each answer, and to decode it would cost
//! more than the answer.
//!
//! The table's size in bytes is never counted. A place is counted from the newest, and a server
//! names none that it has dropped: as many are kept as could ever fit.

use std::collections::VecDeque;

use loona_hpack::huffman::HuffmanDecoder;

use super::asks::{FIELD_BYTES, FIRST_PLACE, TABLE_BYTES};

/// `grpc-status` and `grpc-message` as they are coded (appendix B). There is one way to code a text,
/// so names are compared as they come.
const STATUS_CODED: &[u8] = &[0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
const MESSAGE_CODED: &[u8] = &[0x9a, 0xca, 0xc8, 0xb5, 0x25, 0x42, 0x07, 0x31, 0x7f];

const SHORT: &str = "a head that ends too soon";

/// What a call's head or end says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `:status`
    pub http: Option<String>,
    /// `grpc-status`: at the end of a call.
    pub status: Option<String>,
    /// `grpc-message`
    pub message: Option<String>,
}

/// Reads heads and ends.
pub struct Answers {
    /// What the server may name, newest first.
    table: VecDeque<Field>,
    /// Kept, since its own table takes longer to make than many texts to decode.
    decoder: HuffmanDecoder,
}

#[derive(Clone)]
struct Field {
    name: Name,
    /// Empty where the name does not matter.
    value: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Http,
    Status,
    Message,
    Other,
}

impl Answers {
    pub fn new() -> Answers {
        Answers { table: VecDeque::new(), decoder: HuffmanDecoder::new() }
    }

    /// Reads a block.
    pub fn read(&mut self, mut block: &[u8]) -> Result<Said, String> {
        let mut said = Said::default();
        while let Some(first) = block.first() {
            // Section 6: how the first byte begins tells what follows.
            let field = match first.leading_zeros() {
                0 => {
                    let place = number(&mut block, 7)?;
                    self.place(place)?
                }
                1 => {
                    let field = self.literal(&mut block, 6)?;
                    self.table.push_front(field.clone());
                    self.table.truncate(TABLE_BYTES / FIELD_BYTES);
                    field
                }
                2 => {
                    number(&mut block, 5)?;
                    continue;
                }
                _ => self.literal(&mut block, 4)?,
            };
            match field.name {
                Name::Http => said.http = Some(field.value),
                Name::Status => said.status = Some(field.value),
                Name::Message => said.message = Some(field.value),
                Name::Other => {}
            }
        }
        Ok(said)
    }

    /// A field that both sides know.
    fn place(&self, place: usize) -> Result<Field, String> {
        let Some(back) = place.checked_sub(FIRST_PLACE) else {
            // The fixed table: places 8 to 14 are `:status`, none is of gRPC.
            let statuses = ["200", "204", "206", "304", "400", "404", "500"];
            let status = place.checked_sub(8).and_then(|at| statuses.get(at));
            let name = if status.is_some() { Name::Http } else { Name::Other };
            return Ok(Field { name, value: status.copied().unwrap_or_default().into() });
        };
        self.table.get(back).cloned().ok_or_else(|| format!("place {place} of a table is empty"))
    }

    /// A field in text, or in text behind a name that both sides know.
    fn literal(&mut self, block: &mut &[u8], bits: u32) -> Result<Field, String> {
        let name = match number(block, bits)? {
            0 => text(block)?.name(),
            place => self.place(place)?.name,
        };
        let Text { coded, bytes } = text(block)?;
        let value = match (name, coded) {
            (Name::Other, _) => String::new(),
            (_, false) => String::from_utf8_lossy(bytes).into_owned(),
            (_, true) => {
                let value = self.decoder.decode(bytes).map_err(|error| format!("{error:?}"))?;
                String::from_utf8_lossy(&value).into_owned()
            }
        };
        Ok(Field { name, value })
    }
}

/// A text as it was sent.
struct Text<'a> {
    coded: bool,
    bytes: &'a [u8],
}

impl Text<'_> {
    /// Which name it is. `:status` has a place in the fixed table: nobody spells it.
    fn name(&self) -> Name {
        match (self.coded, self.bytes) {
            (true, STATUS_CODED) | (false, b"grpc-status") => Name::Status,
            (true, MESSAGE_CODED) | (false, b"grpc-message") => Name::Message,
            _ => Name::Other,
        }
    }
}

/// Section 5.2.
fn text<'a>(block: &mut &'a [u8]) -> Result<Text<'a>, String> {
    let coded = block.first().ok_or(SHORT)? & 0x80 != 0;
    let length = number(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length).ok_or(SHORT)?;
    *block = rest;
    Ok(Text { coded, bytes })
}

/// Section 5.1: a number in the last bits of a byte, and in bytes behind it if it is too large.
fn number(block: &mut &[u8], bits: u32) -> Result<usize, String> {
    let mut next = || {
        let (byte, rest) = block.split_first().ok_or(SHORT)?;
        *block = rest;
        Ok::<usize, String>(usize::from(*byte))
    };
    let most = (1 << bits) - 1;
    let mut number = next()? & most;
    if number < most {
        return Ok(number);
    }
    for shift in [0, 7, 14, 21] {
        let byte = next()?;
        number += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number that is too large".into())
}

#[cfg(test)]
mod tests {
    use loona_hpack::{Decoder, Encoder};

    use super::*;

    #[test]
    fn what_is_said_is_what_a_library_reads() {
        let (mut answers, mut library, mut encoder) =
            (Answers::new(), Decoder::new(), Encoder::new());
        for number in 0..1_000 {
            let trace = format!("{number:0100}");
            let (http, status) = (["200", "200", "503"][number % 3], (number % 17).to_string());
            let fields = [
                (":status", http),
                ("content-type", "application/grpc"),
                ("traceparent", &trace),
                ("grpc-status", &status),
                ("grpc-message", &trace[95..]),
            ];
            let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let block = encoder.encode(fields.into_iter().take(3 + number % 3));
            let said = answers.read(&block).unwrap();
            let read = library.decode(&block).unwrap();
            let of = |name: &str| {
                let found = read.iter().find(|(found, _)| found == name.as_bytes());
                found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
            };
            assert_eq!(said.http, of(":status"));
            assert_eq!((said.status, said.message), (of("grpc-status"), of("grpc-message")));
        }
    }

    #[test]
    fn names_are_coded_as_they_should_be() {
        let decoded = |bytes| HuffmanDecoder::new().decode(bytes).unwrap();
        assert_eq!(decoded(STATUS_CODED), b"grpc-status");
        assert_eq!(decoded(MESSAGE_CODED), b"grpc-message");
    }

    /// The blocks of RFC 7541, appendix C.6: coded texts, a table that drops its oldest.
    #[test]
    fn coded_texts_are_read_too() {
        let hex = |text: &str| -> Vec<u8> {
            let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(digit).collect()
        };
        let mut answers = Answers::new();
        let first = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d2\
                     9ad171863c78f0b97c8e9ae82ae43d3";
        for (block, http) in [(first, "302"), ("4883640effc1c0bf", "307")] {
            assert_eq!(answers.read(&hex(block)).unwrap().http.unwrap(), http);
        }
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let mut answers = Answers::new();
        for seed in 0..200_000u64 {
            let noise = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            let _ = answers.read(&noise[..(seed % 9) as usize]);
        }
        assert!(answers.table.len() <= TABLE_BYTES / FIELD_BYTES);
    }
}
