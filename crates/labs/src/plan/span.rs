//! Lengths of time in plans: `"0.2ms"`, `"250ms"`, `"1.5s"`, `"40us"`.

use kernel::Duration;
use serde::{Deserialize, Deserializer, de::Error};

/// Reads a length of time of at most an hour.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (value, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        _ => return None,
    };
    let value: f64 = value.parse().ok()?;
    let nanos = value * seconds * 1e9;
    (nanos <= 3.6e12).then(|| Duration::from_nanos(nanos.round() as u64))
}

/// `#[serde(with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom(format!("'{text}' is no time such as 250ms")))
}

/// In milliseconds.
#[must_use]
pub fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse("0.2ms"), Some(Duration::from_micros(200)));
        assert_eq!(parse("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(parse("40us"), Some(Duration::from_micros(40)));
        for bad in ["", "5", "ms", "-1s", "1h", "9999999s", "1.2.3s"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
