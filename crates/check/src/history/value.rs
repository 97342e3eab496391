//! Interned values: the checkers compare small numbers, never texts.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use serde_json::Value as Json;

/// The most letters of a value that a report shows.
const SHORT: usize = 40;

/// A value or key of a history, by its number in [`Values`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

impl ValueId {
    /// JSON null: absent, deleted, never written.
    pub const NULL: ValueId = ValueId(0);
    /// The number itself.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// A value that stands nowhere in the history's writes; equal to no interned value.
    pub const FOREIGN: ValueId = ValueId(u32::MAX);
}

/// A value: integers as such, everything else by its JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Datum {
    /// JSON null.
    Null,
    /// An integer.
    Int(i64),
    /// The compact JSON text of anything else, object fields sorted.
    Text(Arc<str>),
}

impl Datum {
    fn of(json: &Json) -> Datum {
        match json {
            Json::Null => Datum::Null,
            Json::Number(n) => n.as_i64().map_or_else(|| text(json), Datum::Int),
            _ => text(json),
        }
    }
}

fn text(json: &Json) -> Datum {
    Datum::Text(json.to_string().into())
}

// The hasher has no random state: the same file gives the same numbers.
type Table = HashMap<Datum, u32, BuildHasherDefault<DefaultHasher>>;

/// The table of interned values; number 0 is null.
#[derive(Clone, Debug)]
pub struct Values {
    data: Vec<Datum>,
    ids: Table,
    bytes: u64,
}

impl Default for Values {
    fn default() -> Values {
        let ids = Table::from_iter([(Datum::Null, 0)]);
        Values { data: vec![Datum::Null], ids, bytes: 0 }
    }
}

impl Values {
    /// The number of this value; a new one if it was never seen.
    pub fn intern(&mut self, json: &Json) -> ValueId {
        let datum = Datum::of(json);
        if let Some(&id) = self.ids.get(&datum) {
            return ValueId(id);
        }
        // The last number means "foreign"; a table that large is refused long before.
        let id = u32::try_from(self.data.len()).unwrap_or(u32::MAX - 1).min(u32::MAX - 1);
        self.bytes += 64 + if let Datum::Text(text) = &datum { text.len() as u64 } else { 0 };
        self.data.push(datum.clone());
        self.ids.insert(datum, id);
        ValueId(id)
    }

    /// The number of the value with this JSON text, or [`ValueId::FOREIGN`].
    #[must_use]
    pub fn find(&self, text: &str) -> ValueId {
        let id = self.ids.get(&Datum::Text(text.into()));
        id.map_or(ValueId::FOREIGN, |&id| ValueId(id))
    }

    /// The integer that this value is.
    #[must_use]
    pub fn int(&self, id: ValueId) -> Option<i64> {
        match self.data.get(id.0 as usize) {
            Some(Datum::Int(n)) => Some(*n),
            _ => None,
        }
    }

    /// The value as compact JSON.
    #[must_use]
    pub fn text(&self, id: ValueId) -> String {
        match self.data.get(id.0 as usize) {
            Some(Datum::Null) => "null".into(),
            Some(Datum::Int(n)) => n.to_string(),
            Some(Datum::Text(text)) => text.to_string(),
            None => "?".into(),
        }
    }

    /// The value as JSON, cut where it is long: for people.
    #[must_use]
    pub fn short(&self, id: ValueId) -> String {
        let text = self.text(id);
        match text.char_indices().nth(SHORT) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }

    /// About how much memory the table takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_share_a_number_and_different_types_do_not() {
        let mut values = Values::default();
        let one = values.intern(&json!(1));
        assert_eq!(one, values.intern(&json!(1)));
        assert_ne!(one, values.intern(&json!("1")));
        assert_eq!(values.intern(&Json::Null), ValueId::NULL);
        assert_eq!(values.int(one), Some(1));
        let object = values.intern(&json!({"b": 1, "a": 2}));
        assert_eq!(values.text(object), r#"{"a":2,"b":1}"#);
        assert_eq!(values.find("[1]"), ValueId::FOREIGN);
    }
}
