//! What the servers cost, as the kernel counts it.

use std::fs;

use serde::{Deserialize, Serialize};

/// Linux counts processor time for user space in hundredths of a second on every platform that
/// we run on (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time and memory of some processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time since they started, user and system, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

/// Sums over processes; those that do not exist count nothing.
#[must_use]
pub fn usage(pids: &[u32]) -> Usage {
    let mut sum = Usage::default();
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        sum.cpu_seconds += ticks(&stat).unwrap_or(0) as f64 / TICKS_PER_SECOND;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        sum.rss_bytes += resident(&status).unwrap_or(0);
    }
    sum
}

/// Fields 14 and 15 of `stat`; the name in field 2 may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks(""), None);
        assert_eq!(resident("Name:\tx\nVmRSS:\t   12 kB\n"), Some(12 << 10));
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(usage(&[std::process::id()]).rss_bytes > 0);
        assert_eq!(usage(&[u32::MAX]), Usage::default());
    }
}
