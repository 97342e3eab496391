//! Values with a unit in configuration: sizes, durations, ids and labels.

use std::{collections::BTreeMap, fmt, time::Duration};

use kernel::{ClusterId, NodeId};
use serde::{Deserialize, Deserializer, de};

/// An amount of bytes: `"64MiB"`, `"512KiB"`, `"2GiB"`, `"100B"` or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A length of time: `"250ms"`, `"10s"`, `"5m"`; at most [`TIME_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A node: `1`, `"1"` or `"n1"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(pub NodeId);

/// A cluster: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster(pub ClusterId);

/// Labels: `{ zone = "a" }` or `"zone=a,rack=7"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(pub BTreeMap<String, String>);

/// A year: more is a slip, and small multiples of it overflow nowhere.
const TIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Splits `"64 MiB"` into 64 and `MiB`.
fn amount(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, text[digits..].trim()))
}

fn size(text: &str) -> Option<u64> {
    let (count, unit) = amount(text)?;
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    count.checked_mul(1 << shift)
}

fn time(text: &str) -> Option<Duration> {
    let (count, unit) = amount(text)?;
    let time = match unit {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(count.checked_mul(60)?),
        _ => return None,
    };
    (time <= TIME_MAX).then_some(time)
}

fn labels(text: &str) -> Option<BTreeMap<String, String>> {
    let pair = |item: &str| {
        let (key, value) = item.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',').filter(|item| !item.trim().is_empty()).map(pair).collect()
}

/// Reads text or a number with one function; what it takes is named in errors.
struct Reader<T> {
    wanted: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> de::Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wanted)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let value = (self.read)(&number.to_string());
        value.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Size, D::Error> {
        let wanted = "a size such as \"64MiB\" (B, KiB, MiB, GiB)";
        d.deserialize_any(Reader { wanted, read: size }).map(Size)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Time, D::Error> {
        let wanted = "a time such as \"250ms\" (ms, s, m), at most a year";
        d.deserialize_any(Reader { wanted, read: time }).map(Time)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Node, D::Error> {
        let wanted = "a node number from 1";
        d.deserialize_any(Reader { wanted, read: NodeId::parse }).map(Node)
    }
}

impl<'de> Deserialize<'de> for Cluster {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Cluster, D::Error> {
        let wanted = "a cluster id of 32 hexadecimal digits";
        d.deserialize_str(Reader { wanted, read: ClusterId::parse }).map(Cluster)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Labels, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels such as \"zone=a,rack=7\" or a table of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Labels, E> {
                let value = labels(text).map(Labels);
                value.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    labels.insert(key, value);
                }
                Ok(Labels(labels))
            }
        }
        d.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_need_a_known_unit() {
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size(" 2 GiB "), Some(2 << 30));
        assert_eq!(size("17"), Some(17));
        assert_eq!(size("64MB"), None);
        assert_eq!(size("MiB"), None);
        assert_eq!(size("99999999999GiB"), None);
        assert_eq!(time("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(time("5m"), Some(Duration::from_secs(300)));
        assert_eq!(time("250"), None, "a time without a unit is a guess");
    }

    #[test]
    fn labels_are_pairs() {
        let found = labels("zone=a, rack=7,").unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("rack".to_owned(), "7".to_owned()), ("zone".to_owned(), "a".to_owned())]
        );
        assert_eq!(labels("zone"), None);
    }
}
