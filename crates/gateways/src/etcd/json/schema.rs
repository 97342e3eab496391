//! Which fields messages have, as data.

mod auth;
mod kv;
mod lease;
mod operate;
mod recipe;
mod watch;

pub use auth::*;
pub use kv::*;
pub use lease::*;
pub use operate::*;
pub use recipe::*;
pub use watch::*;

/// A message.
#[derive(Debug)]
pub struct Message {
    /// Its name.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Its number in protobuf.
    pub number: u32,
    /// Its name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it holds many.
    pub repeated: bool,
    /// The name of a choice of which it is one: at most one of them is set.
    pub choice: Option<&'static str>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A number of 32 bits without a sign.
    Uint32,
    /// A number of 64 bits.
    Int64,
    /// A number of 64 bits without a sign.
    Uint64,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
    /// One of these; the number of a name is its place.
    Enum(&'static [&'static str]),
    /// A message.
    Message(&'static Message),
}

/// Declares messages.
macro_rules! messages {
    ($($constant:ident = $name:literal {
        $($number:literal $field:ident: $kind:expr $(, $many:ident)? $(=> $choice:ident)?;)*
    })*) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub static $constant: $crate::etcd::json::schema::Message =
                $crate::etcd::json::schema::Message {
                    name: $name,
                    fields: &[$($crate::etcd::json::schema::Field {
                        number: $number,
                        name: stringify!($field),
                        kind: $kind,
                        repeated: $crate::etcd::json::schema::many!($($many)?),
                        choice: $crate::etcd::json::schema::choice!($($choice)?),
                    }),*],
                };
        )*
    };
}

/// Whether a field holds many.
macro_rules! many {
    () => {
        false
    };
    (many) => {
        true
    };
}

/// Of which choice a field is one.
macro_rules! choice {
    () => {
        None
    };
    ($choice:ident) => {
        Some(stringify!($choice))
    };
}

use {choice, many, messages};
