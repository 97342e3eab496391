//! What a run measured: numbers under names.
//!
//! A name is a path, the unit is its ending: `kill.write_gap_ms`, `delay.2.throughput_per_s`. Texts
//! name a measure in braces and show it with its unit.

use std::collections::BTreeMap;

use sim::report::plot::number;

/// Numbers under names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures(BTreeMap<String, f64>);

/// Endings of names, and the unit that each stands for.
const UNITS: [(&str, &str); 6] =
    [("_ms", " ms"), ("_s", " s"), ("_per_s", "/s"), ("_bytes", " B"), ("_pct", " %"), ("_x", "×")];

impl Measures {
    /// Adds a number, or replaces it.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    /// A number; none if it was not measured.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied().filter(|value| value.is_finite())
    }

    /// Takes over all of another run, under a name of its own.
    pub fn add(&mut self, scope: &str, others: &Measures) {
        for (name, value) in &others.0 {
            self.set(format!("{scope}.{name}"), *value);
        }
    }

    /// All of them, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// A number with its unit.
    #[must_use]
    pub fn show(&self, name: &str) -> String {
        self.get(name).map_or_else(|| "not measured".to_owned(), |value| with_unit(name, value))
    }

    /// A text with every `{name}` replaced by what was measured.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            out.push_str(&self.show(name));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// A number with the unit of its name.
#[must_use]
pub fn with_unit(name: &str, value: f64) -> String {
    let unit = UNITS.iter().filter(|(end, _)| name.ends_with(end)).max_by_key(|(end, _)| end.len());
    format!("{}{}", number(value), unit.map_or("", |(_, unit)| unit))
}

/// The names in braces of a text.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The middle value, and the least and greatest, of some; none of nothing.
#[must_use]
pub fn spread(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    Some((percentile(&sorted, 0.5)?, *sorted.first()?, *sorted.last()?))
}

/// The value below which this part of the sorted values lies.
#[must_use]
pub fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_show_what_was_measured_with_its_unit() {
        let mut inner = Measures::default();
        inner.set("gap_ms", 412.4);
        inner.set("rate_per_s", 12_345.0);
        inner.set("n", 3.0);
        let mut all = Measures::default();
        all.add("kill", &inner);
        let text = all.fill("{kill.gap_ms} at {kill.rate_per_s}, {kill.n} of {x} {");
        assert_eq!(text, "412 ms at 12,345/s, 3 of not measured {");
        assert_eq!(names("a {b} c {d.e}").collect::<Vec<_>>(), ["b", "d.e"]);
    }

    #[test]
    fn the_middle_of_nothing_is_nothing() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 0.99), Some(4.0));
    }
}
