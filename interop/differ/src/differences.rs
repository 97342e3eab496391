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
    /// What else must hold of both answers.
    pub also: fn(&str, &str) -> bool,
}

/// All of them.
pub const DOCUMENTED: &[Difference] = &[
    Difference {
        name: "a candidate that lost its place is not elected",
        why: "etcd says that it leads once those before it are gone, with a key that is not there",
        request: "lost its place: Campaign",
        etcd: "CampaignResponse",
        quorate: "Unknown: election: not leader",
        also: |_, _| true,
    },
    Difference {
        name: "a lock call that lost its place does not take over somebody else's key",
        why: "etcd says that the lock is held if by now others have put that key again",
        request: "lost its place: Lock",
        etcd: "LockResponse",
        quorate: "Unknown: mutex: session is expired",
        also: |_, _| true,
    },
    Difference {
        name: "what sorts alike comes by key",
        why: "etcd's order of such keys is accidental in ranges of more than six keys",
        request: "RangeRequest",
        etcd: "KeyValue",
        quorate: "KeyValue",
        also: alike,
    },
];

/// The same keys, each with the same value, in another order.
fn alike(etcd: &str, quorate: &str) -> bool {
    let keys = |answer: &str| {
        let mut keys: Vec<_> = answer.split("KeyValue {").map(str::to_owned).collect();
        keys.iter_mut().for_each(|key| key.truncate(key.find('}').map_or(key.len(), |end| end)));
        keys.sort_unstable();
        keys
    };
    let (etcd, quorate) = (keys(etcd), keys(quorate));
    etcd.len() > 6 && etcd == quorate
}

/// The difference that allows these answers to this request.
pub fn of(request: &str, etcd: &str, quorate: &str) -> Option<&'static Difference> {
    DOCUMENTED.iter().find(|known| {
        request.contains(known.request)
            && etcd.contains(known.etcd)
            && quorate.contains(known.quorate)
            && (known.also)(etcd, quorate)
    })
}
