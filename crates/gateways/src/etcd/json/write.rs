//! From protobuf to JSON.

use bytes::{Buf, Bytes};
use client::text::base64;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde_json::{Map, Value, json};

use super::schema::{Field, Kind, Message};

/// Writes a message; `None` if the bytes are none. What it does not have a name for is left out, as
/// are zeros.
#[must_use]
pub fn write(message: &Message, mut bytes: Bytes) -> Option<Value> {
    let mut object = Map::new();
    while bytes.has_remaining() {
        let (number, wire) = decode_key(&mut bytes).ok()?;
        let field = message.fields.iter().find(|field| field.number == number);
        let Some(field) = field.filter(|field| wire == wire_of(field.kind)) else {
            skip_field(wire, number, &mut bytes, DecodeContext::default()).ok()?;
            continue;
        };
        let value = one(field, &mut bytes)?;
        if field.repeated {
            if let Value::Array(list) = object.entry(field.name).or_insert_with(|| json!([])) {
                list.push(value);
            }
        } else if !is_zero(field.kind, &value) {
            object.insert(field.name.into(), value);
        }
    }
    Some(Value::Object(object))
}

fn wire_of(kind: Kind) -> WireType {
    match kind {
        Kind::Text | Kind::Bytes | Kind::Message(_) => WireType::LengthDelimited,
        _ => WireType::Varint,
    }
}

fn one(field: &Field, bytes: &mut Bytes) -> Option<Value> {
    let number = decode_varint(bytes).ok()?;
    let mut inside = Bytes::new();
    if wire_of(field.kind) == WireType::LengthDelimited {
        let length = usize::try_from(number).ok().filter(|length| *length <= bytes.remaining())?;
        inside = bytes.split_to(length);
    }
    Some(match field.kind {
        Kind::Bool => json!(number != 0),
        Kind::Uint32 => json!(number as u32),
        Kind::Uint64 => json!(number.to_string()),
        Kind::Int64 => json!(number.cast_signed().to_string()),
        Kind::Enum(names) => match usize::try_from(number).ok().and_then(|n| names.get(n)) {
            // The first is the one that is left out.
            Some(_) if number == 0 && !field.repeated => json!(0),
            Some(name) => json!(name),
            None => json!(number.cast_signed()),
        },
        Kind::Text => json!(String::from_utf8_lossy(&inside)),
        Kind::Bytes => json!(base64::encode(&inside)),
        Kind::Message(message) => write(message, inside)?,
    })
}

fn is_zero(kind: Kind, value: &Value) -> bool {
    match value {
        Value::String(text) if matches!(kind, Kind::Text) => text.is_empty(),
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty() || text == "0",
        _ => false,
    }
}
