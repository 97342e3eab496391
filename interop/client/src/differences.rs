//! What Quorate does otherwise on purpose: the case that shows it, and why. `docs/etcd.md` says
//! the same to operators.

const DOCUMENTED: &[(&str, &str)] = &[
    (
        "maintenance: a raised alarm stops puts until it is cleared",
        "alarms rise and clear by themselves",
    ),
    ("maintenance: a downgrade can be validated", "there is no older etcd to go back to"),
    ("cluster: members come and go", MEMBERS),
    ("cluster: members can be updated", MEMBERS),
];

const MEMBERS: &str = "members are changed by `quorate cluster add`, `remove` and `replace`";

/// Why this case must not pass against Quorate.
pub fn of(case: &str) -> Option<&'static str> {
    DOCUMENTED.iter().find(|(name, _)| *name == case).map(|(_, why)| *why)
}
