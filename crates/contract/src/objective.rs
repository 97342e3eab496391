//! What share of requests is to be answered, and how fast: the promise that is measured, not
//! enforced. What may be missed is a budget, and how fast it burns is what pages somebody.

use alloc::{format, string::String};

/// An objective. All three fields are exact, so that two who read it compute the same budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objective {
    /// Of a million requests, so many are to be answered.
    pub availability_ppm: u32,
    /// Of a hundred that are answered, 99 within so many microseconds; 0 for no such promise.
    pub latency_p99_us: u32,
    /// Over so many seconds.
    pub window_s: u32,
}

const DAY_S: u32 = 24 * 3600;

impl Objective {
    /// The shortest and the longest window, in seconds: shorter than a week, the slow alerts would
    /// look further back than the window; longer than a month, nobody remembers.
    pub const WINDOW_S: (u32, u32) = (7 * DAY_S, 30 * DAY_S);

    /// Reads `99.99%`: at most four digits after the point, below a hundred.
    #[must_use]
    pub fn parse_availability(text: &str) -> Option<u32> {
        let digits = text.strip_suffix('%')?.trim_end();
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten()
        };
        if part.len() > 4 {
            return None;
        }
        let shift = 10u32.pow(4 - u32::try_from(part.len()).ok()?);
        let ppm = number(whole)?.checked_mul(10_000)?.checked_add(number(part)? * shift)?;
        (ppm < 1_000_000 && ppm > 0).then_some(ppm)
    }

    /// Writes it.
    #[must_use]
    pub fn availability(&self) -> String {
        let (whole, part) = (self.availability_ppm / 10_000, self.availability_ppm % 10_000);
        let part = format!("{part:04}");
        let part = part.trim_end_matches('0');
        if part.is_empty() { format!("{whole}%") } else { format!("{whole}.{part}%") }
    }

    /// Whether it makes sense; the reason if it does not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (least, most) = Self::WINDOW_S;
        if !(least..=most).contains(&self.window_s) {
            let (least, most) = (least / DAY_S, most / DAY_S);
            return Err(format!("the window of an objective is {least} to {most} days"));
        }
        if !(500_000..1_000_000).contains(&self.availability_ppm) {
            return Err("availability is 50% to 99.9999%".into());
        }
        Ok(())
    }

    /// One sentence.
    pub(crate) fn explain(&self) -> String {
        let budget = u64::from(1_000_000 - self.availability_ppm) * u64::from(self.window_s);
        let latency = match self.latency_p99_us {
            0 => String::new(),
            us => format!(", 99% of them within {} ms", f64::from(us) / 1000.0),
        };
        format!(
            "{} of requests are answered{latency}, over {} days: an outage of {} s uses up what \
             may be missed",
            self.availability(),
            self.window_s / DAY_S,
            budget / 1_000_000,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_written_exactly() {
        for (text, ppm) in
            [("99.99%", 999_900), ("99%", 990_000), ("99.9999%", 999_999), ("99.5 %", 995_000)]
        {
            assert_eq!(Objective::parse_availability(text), Some(ppm), "{text}");
            let objective = Objective { availability_ppm: ppm, latency_p99_us: 0, window_s: 0 };
            assert_eq!(objective.availability(), text.replace(' ', ""));
        }
        for text in ["", "%", "99", "100%", "0%", "99.99999%", "-1%", "+9%", "9.%", "nine%"] {
            assert_eq!(Objective::parse_availability(text), None, "{text}");
        }
    }

    #[test]
    fn the_sentence_tells_the_budget() {
        let objective =
            Objective { availability_ppm: 999_900, latency_p99_us: 100_000, window_s: 30 * DAY_S };
        assert_eq!(objective.check(), Ok(()));
        let text = objective.explain();
        assert!(text.contains("99.99% of requests") && text.contains("259 s"), "{text}");
        assert!(Objective { window_s: DAY_S, ..objective }.check().is_err());
        assert!(Objective { availability_ppm: 1, ..objective }.check().is_err());
    }
}
