//! From JSON to protobuf.

use bytes::BufMut;
use client::text::base64;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::Value;

use super::schema::{Field, Kind, Message};
use crate::etcd::grpc::{Code, Status};

/// Reads a message.
///
/// # Errors
/// If a field is unknown, or holds something else.
pub fn read(message: &Message, value: &Value) -> Result<Vec<u8>, Status> {
    let wrong = |what: &str| {
        let text = format!("json: {what} in {}", message.name);
        Status::new(Code::InvalidArgument, text)
    };
    let Value::Object(fields) = value else { return Err(wrong("no object")) };
    let mut out = Vec::new();
    for (name, value) in fields {
        let Some(field) = message.fields.iter().find(|field| is_name(field.name, name)) else {
            return Err(wrong(&format!("unknown field {name:?}")));
        };
        match (field.repeated, value) {
            (_, Value::Null) => {}
            (false, value) => one(field, value, &mut out)?,
            (true, Value::Array(values)) => {
                values.iter().try_for_each(|value| one(field, value, &mut out))?;
            }
            (true, _) => return Err(wrong(&format!("{name:?} is no list"))),
        }
    }
    Ok(out)
}

/// Whether a name is a field's: as it is, or in the camel case that some clients write.
fn is_name(field: &str, name: &str) -> bool {
    if field == name {
        return true;
    }
    let mut letters = name.chars();
    let mut upper = false;
    for letter in field.chars() {
        if letter == '_' {
            upper = true;
            continue;
        }
        let wanted = if upper { letter.to_ascii_uppercase() } else { letter };
        if letters.next() != Some(wanted) {
            return false;
        }
        upper = false;
    }
    letters.next().is_none()
}

fn one(field: &Field, value: &Value, out: &mut Vec<u8>) -> Result<(), Status> {
    let wrong = || {
        let text = format!("json: {value} is no value for {:?}", field.name);
        Status::new(Code::InvalidArgument, text)
    };
    let number = match field.kind {
        Kind::Bool => u64::from(value.as_bool().ok_or_else(wrong)?),
        Kind::Uint32 => {
            u64::from(u32::try_from(unsigned(value).ok_or_else(wrong)?).map_err(|_| wrong())?)
        }
        Kind::Uint64 => unsigned(value).ok_or_else(wrong)?,
        Kind::Int64 => signed(value).ok_or_else(wrong)?.cast_unsigned(),
        Kind::Enum(names) => named(names, value).ok_or_else(wrong)?,
        Kind::Text => {
            let text = value.as_str().ok_or_else(wrong)?;
            bytes(field.number, text.as_bytes(), out);
            return Ok(());
        }
        Kind::Bytes => {
            let text = value.as_str().ok_or_else(wrong)?;
            bytes(field.number, &decoded(text).ok_or_else(wrong)?, out);
            return Ok(());
        }
        Kind::Message(message) => {
            bytes(field.number, &read(message, value)?, out);
            return Ok(());
        }
    };
    encode_key(field.number, WireType::Varint, out);
    encode_varint(number, out);
    Ok(())
}

fn bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

/// Base64 of either alphabet, with or without its end.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if let Some(bytes) = base64::decode(text) {
        return Some(bytes);
    }
    let mut text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    base64::decode(&text)
}

fn signed(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn unsigned(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// An enumeration by name, or by number as protobuf's JSON allows. A number without a name is for
/// the program to refuse.
fn named(names: &[&str], value: &Value) -> Option<u64> {
    let place = value.as_str().and_then(|name| names.iter().position(|known| *known == name));
    place.map(|place| place as u64).or_else(|| value.as_i64().map(i64::cast_unsigned))
}
