//! Amounts of bytes as people write them: `512KiB`, `64MiB`, `8GiB`.

const UNITS: [(&str, u32); 5] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// Reads a whole number with a unit; `None` for anything else and for what does not fit 64 bits.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Writes an amount in the largest unit that loses nothing.
#[must_use]
pub fn format(bytes: u64) -> String {
    let fits = |(_, shift): &&(&str, u32)| bytes.is_multiple_of(1 << shift) && bytes > 0;
    match UNITS.iter().rev().find(fits) {
        Some((name, shift)) => format!("{}{name}", bytes >> shift),
        None => "0B".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_needs_a_unit_and_a_unit_a_number() {
        assert_eq!(parse("8GiB"), Some(8 << 30));
        assert_eq!((parse("0B"), format(0)), (Some(0), "0B".to_owned()));
        for bad in ["", "8", "GiB", "-1B", "1.5GiB", " 1B", "1GB", "99999999TiB"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: u64, text: String) {
            prop_assert_eq!(parse(&format(bytes)), Some(bytes));
            let _ = parse(&text);
        }
    }
}
