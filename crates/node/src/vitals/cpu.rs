//! What this process takes of the processors.

use std::fs;

use kernel::Instant;

/// Ticks of the system's clock per second, as Linux has it on every architecture we build for.
const TICKS: u64 = 100;

/// Measures from look to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    before: Option<(Instant, u64)>,
}

impl Cpu {
    /// Percent of one processor since the last look; 0 at the first, and where the system does not
    /// tell.
    pub fn look(&mut self, now: Instant) -> u64 {
        let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let Some(ticks) = ticks(&text) else { return 0 };
        let before = self.before.replace((now, ticks));
        before.map_or(0, |(then, before)| {
            let ms = u64::try_from(now.since(then).as_millis()).unwrap_or(u64::MAX).max(1);
            ticks.saturating_sub(before) * (100 * 1000 / TICKS) / ms
        })
    }
}

/// User and system time. The name of the command, in parentheses, may hold anything.
fn ticks(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Duration;

    #[test]
    fn times_are_found_behind_any_name() {
        let text = "7 (a) b 8) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0";
        assert_eq!(ticks(text), Some(150));
        assert_eq!(ticks("7 (a"), None);
        let now = Instant::ZERO + Duration::from_secs(10);
        let mut cpu = Cpu { before: Some((Instant::ZERO, 0)) };
        assert!(cpu.look(now) < 100_000);
    }
}
