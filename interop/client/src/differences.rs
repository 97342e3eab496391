//! What Quorate does otherwise on purpose: the case that shows it, and why. `docs/etcd.md` says
//! the same to operators.

const DOCUMENTED: &[(&str, &str)] = &[];

/// Why this case must not pass against Quorate.
pub fn of(case: &str) -> Option<&'static str> {
    DOCUMENTED.iter().find(|(name, _)| *name == case).map(|(_, why)| *why)
}
