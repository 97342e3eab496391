//! Figures in words: short, with a unit, always the same way.

/// A count: `950`, `12.3 k`, `4.5 M`.
pub fn count(value: u64) -> String {
    match value {
        0..10_000 => value.to_string(),
        10_000..1_000_000 => scaled(value as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => scaled(value as f64 / 1e6, "M"),
        _ => scaled(value as f64 / 1e9, "G"),
    }
}

/// Bytes: `512 B`, `1.5 MiB`.
pub fn bytes(value: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if value < 1 << 10 {
        return format!("{value} B");
    }
    let mut scaled_to = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled_to >= 1024.0 && unit + 1 < units.len() {
        (scaled_to, unit) = (scaled_to / 1024.0, unit + 1);
    }
    scaled(scaled_to, units[unit])
}

/// A duration in microseconds: `85 µs`, `1.2 ms`, `3.4 s`.
pub fn micros(value: u64) -> String {
    match value {
        0..1_000 => format!("{value} µs"),
        1_000..1_000_000 => scaled(value as f64 / 1e3, "ms"),
        _ => scaled(value as f64 / 1e6, "s"),
    }
}

/// A duration in milliseconds: `85 ms`, `1.2 s`, `4 min`, `3 h`, `2 d`.
pub fn millis(value: u64) -> String {
    match value {
        0..1_000 => format!("{value} ms"),
        1_000..120_000 => scaled(value as f64 / 1e3, "s"),
        120_000..7_200_000 => format!("{} min", value / 60_000),
        7_200_000..172_800_000 => format!("{} h", value / 3_600_000),
        _ => format!("{} d", value / 86_400_000),
    }
}

/// Since when: `just now`, `12 s ago`.
pub fn ago(value_ms: u64) -> String {
    match value_ms {
        0..1_000 => "just now".into(),
        _ => format!("{} ago", millis(value_ms / 1_000 * 1_000)),
    }
}

/// The time of day in UTC: `08:51:18.042`; of a moment in milliseconds since 1970.
pub fn clock(unix_ms: u64) -> String {
    let (seconds, millis) = (unix_ms / 1_000, unix_ms % 1_000);
    let (h, m, s) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{h:02}:{m:02}:{s:02}.{millis:03}")
}

/// The time of day of an RFC 3339 text, with its milliseconds; the text itself if it is none.
pub fn time_of(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((_, time)) => time.trim_end_matches('Z').chars().take(12).collect(),
        None => rfc3339.to_owned(),
    }
}

/// Three digits.
fn scaled(value: f64, unit: &str) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2} {unit}"),
        v if v < 100.0 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([count(9_999), count(12_345), count(4_500_000)], ["9999", "12.3 k", "4.50 M"]);
        assert_eq!([bytes(512), bytes(1_536), bytes(3 << 30)], ["512 B", "1.50 KiB", "3.00 GiB"]);
        assert_eq!([micros(85), micros(1_234), micros(2_500_000)], ["85 µs", "1.23 ms", "2.50 s"]);
        assert_eq!([millis(85), millis(61_000), millis(400_000)], ["85 ms", "61.0 s", "6 min"]);
        assert_eq!([ago(20), ago(12_345)], ["just now", "12.0 s ago"]);
        assert_eq!(clock(86_400_000 + 3_723_042), "01:02:03.042");
        assert_eq!(time_of("2026-11-26T08:51:18.042317Z"), "08:51:18.042");
        assert_eq!(time_of("yesterday"), "yesterday");
    }
}
