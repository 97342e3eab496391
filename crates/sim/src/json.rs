//! How ids and times are written in plans: nodes as numbers, durations as `"250ms"`.

use kernel::{Duration, Instant, NodeId};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes a duration exactly, in the largest unit that divides it.
pub fn show(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        n if n % 1_000_000_000 == 0 => format!("{}s", n / 1_000_000_000),
        n if n % 1_000_000 == 0 => format!("{}ms", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{}us", n / 1_000),
        n => format!("{n}ns"),
    }
}

/// Reads what [`show`] writes.
pub fn read(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale).map(Duration::from_nanos)
}

fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    read(&text).ok_or_else(|| D::Error::custom(format!("not a duration such as 250ms: {text}")))
}

/// `#[serde(with)]` for durations.
pub mod duration {
    use super::*;

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&show(*value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        take(from)
    }
}

/// `#[serde(with)]` for optional durations.
pub mod maybe_duration {
    use super::*;

    pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_some(&show(*value)),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| read(&text).ok_or_else(|| D::Error::custom("not a duration")))
            .transpose()
    }
}

/// `#[serde(with)]` for instants: time since the start of the run.
pub mod instant {
    use super::*;

    pub fn serialize<S: Serializer>(value: &Instant, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&show(value.since(Instant::ZERO)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
        Ok(Instant::ZERO + take(from)?)
    }
}

/// `#[serde(with)]` for a node.
pub mod node {
    use super::*;

    pub fn serialize<S: Serializer>(value: &NodeId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NodeId, D::Error> {
        u64::deserialize(from).map(NodeId)
    }
}

/// `#[serde(with)]` for several nodes.
pub mod nodes {
    use super::*;

    pub fn serialize<S: Serializer>(value: &[NodeId], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(value.iter().map(|node| node.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<NodeId>, D::Error> {
        Ok(Vec::<u64>::deserialize(from)?.into_iter().map(NodeId).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_both_ways() {
        for nanos in [0, 1, 999, 1_000, 1_500_000, 2_000_000, 7_000_000_000, 7_000_000_001] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(read(&show(duration)), Some(duration));
        }
        assert_eq!(show(Duration::from_micros(1_500)), "1500us");
        for bad in ["", "5", "ms", "-1s", "1.5s", "99999999999999999999s", "18446744073709551615s"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
