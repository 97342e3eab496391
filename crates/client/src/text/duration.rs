//! Durations as people write them: `250ms`, `30s`, `5m`, `2h`, `7d`.

use kernel::Duration;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a whole number with a unit; `None` for anything else and for what does not fit 64 bits
/// of milliseconds.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*millis).map(Duration::from_millis)
}

/// Writes a duration in the largest unit that loses nothing; below a millisecond is cut.
#[must_use]
pub fn format(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = |(_, unit): &&(&str, u64)| millis.is_multiple_of(*unit) && millis > 0;
    match UNITS.iter().rev().find(fits) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => "0ms".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_needs_a_unit_and_a_unit_a_number() {
        assert_eq!(parse("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse("1d"), Some(Duration::from_secs(86_400)));
        for bad in ["", "30", "s", "-1s", "1.5s", " 1s", "1w", "99999999999999999999s"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(format(Duration::from_secs(5_400)), "90m");
        assert_eq!(format(Duration::ZERO), "0ms");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis: u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_handled(text: String) {
            let _ = parse(&text);
        }
    }
}
