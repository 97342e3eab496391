//! What Quorate answers otherwise on purpose. `docs/etcd.md` says the same to operators.

/// An answer that may differ: where the request and both answers contain these texts.
#[derive(Debug)]
pub struct Difference {
    /// What it is about.
    pub name: &'static str,
    /// Why.
    pub why: &'static str,
    /// Part of the request.
    pub request: &'static str,
    /// Part of etcd's answer.
    pub etcd: &'static str,
    /// Part of Quorate's answer.
    pub quorate: &'static str,
}

/// All of them.
pub const DOCUMENTED: &[Difference] = &[];

/// The difference that allows these answers to this request.
pub fn of(request: &str, etcd: &str, quorate: &str) -> Option<&'static Difference> {
    DOCUMENTED.iter().find(|known| {
        request.contains(known.request)
            && etcd.contains(known.etcd)
            && quorate.contains(known.quorate)
    })
}
