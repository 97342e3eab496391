//! Amounts with their unit, so that a limit cannot be passed where another is meant.

use core::fmt;

/// An amount of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `n` kibibytes.
    #[must_use]
    pub const fn kib(n: u64) -> Bytes {
        Bytes(n << 10)
    }

    /// `n` mebibytes.
    #[must_use]
    pub const fn mib(n: u64) -> Bytes {
        Bytes(n << 20)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 20 && n.is_multiple_of(1 << 20) => write!(f, "{} MiB", n >> 20),
            n if n >= 1 << 10 && n.is_multiple_of(1 << 10) => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{n} B"),
        }
    }
}

/// A bound on how many things wait and how many bytes they hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    items_max: u64,
    bytes_max: Bytes,
    items: u64,
    bytes: u64,
}

impl Gauge {
    /// An empty gauge with these bounds.
    #[must_use]
    pub const fn new(items_max: u64, bytes_max: Bytes) -> Gauge {
        Gauge { items_max, bytes_max, items: 0, bytes: 0 }
    }

    /// Takes room for one item; `false` (and nothing taken) if either bound would be passed.
    #[must_use]
    pub fn admit(&mut self, bytes: u64) -> bool {
        let fits = self.items < self.items_max && self.bytes + bytes <= self.bytes_max.0;
        if fits {
            self.items += 1;
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back the room of one item.
    pub fn release(&mut self, bytes: u64) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// How many items wait.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes they hold.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_bounds_both_items_and_bytes() {
        let mut gauge = Gauge::new(2, Bytes(10));
        assert!(gauge.admit(6));
        assert!(!gauge.admit(5), "too many bytes");
        assert!(gauge.admit(4));
        assert!(!gauge.admit(0), "too many items");
        gauge.release(6);
        assert_eq!((gauge.items(), gauge.bytes()), (1, 4));
        assert!(gauge.admit(6));
    }
}
