//! The contract of a keyspace, as far as the engine can enforce it today.
//!
//! The check works like a type checker: a contract that cannot be kept is refused when it is
//! declared, with a code and the nearest contract that can.

use alloc::{format, string::String};
use core::fmt;

use crate::{Consistency, Level, Objective};

/// Which program interprets the keyspace's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// Keys and values.
    Kv,
    /// Named sums.
    Counter,
    /// etcd's model: revisions, transactions, leases, watches; locks and elections.
    Coordination,
}

/// Who must hold a write before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ack {
    /// A majority of the replicas.
    Majority,
}

/// On what a write is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// On stable storage (`fdatasync`).
    Disk,
}

impl Program {
    /// All of them.
    pub const ALL: [Program; 3] = [Program::Kv, Program::Counter, Program::Coordination];

    /// The name in contracts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Program::Kv => "kv",
            Program::Counter => "counter",
            Program::Coordination => "coordination",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Program> {
        Program::ALL.into_iter().find(|program| program.name() == name)
    }
}

impl Durability {
    /// The name in contracts and receipts.
    #[must_use]
    pub fn name(self) -> &'static str {
        "disk"
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Durability> {
        (name == Durability::Disk.name()).then_some(Durability::Disk)
    }
}

/// What a keyspace promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Who interprets commands.
    pub program: Program,
    /// Copies of each shard: 1, 3, 5 or 7.
    pub replicas: u32,
    /// The level of a read that does not ask for one.
    pub read: Consistency,
    /// How long what was overwritten stays readable, in seconds. Of a coordination keyspace 0 keeps
    /// every revision until somebody compacts it, of others 0 keeps none.
    pub history_s: u32,
    /// How long the outcome of a request stays known, in seconds.
    pub outcomes_s: u32,
    /// The most bytes of keys and what is stored under them; 0 for no bound.
    pub quota_bytes: u64,
    /// What is measured and paged for.
    pub objective: Option<Objective>,
}

/// Why a contract was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractError {
    /// Stable code, one page each.
    pub code: &'static str,
    /// The reason and the nearest contract that can be kept.
    pub text: String,
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for ContractError {}

impl Contract {
    /// The longest history and outcome windows, in seconds: 30 days.
    pub const WINDOW_MAX_S: u32 = 30 * 24 * 3600;

    /// The default contract of a program.
    #[must_use]
    pub fn new(program: Program) -> Contract {
        Contract {
            program,
            replicas: 3,
            read: Consistency::LINEARIZABLE,
            history_s: 0,
            outcomes_s: 600,
            quota_bytes: 0,
            objective: None,
        }
    }

    /// How long the versions of the store stay readable, in seconds. A coordination keyspace has
    /// revisions of its own and keeps no versions beside them.
    #[must_use]
    pub fn versions_s(&self) -> u32 {
        if self.program == Program::Coordination { 0 } else { self.history_s }
    }

    /// Checks the contract against itself and a cluster of this many nodes.
    ///
    /// # Errors
    /// With a code, the reason and the nearest contract that can be kept.
    pub fn check(&self, nodes: usize) -> Result<(), ContractError> {
        let refuse = |code, text| Err(ContractError { code, text });
        if !matches!(self.replicas, 1 | 3 | 5 | 7) {
            return refuse(
                "contract-replicas",
                format!(
                    "replicas = {} survives no more failures than one replica fewer: use 1, 3, 5 \
                     or 7",
                    self.replicas
                ),
            );
        }
        if self.replicas as usize > nodes {
            let nearest = [7, 5, 3, 1].into_iter().find(|n| *n <= nodes).unwrap_or(1);
            return refuse(
                "contract-placement",
                format!(
                    "{} replicas need {} nodes and the cluster has {nodes}: use replicas = \
                     {nearest}, or add nodes",
                    self.replicas, self.replicas
                ),
            );
        }
        if !matches!(self.read.level, Level::Linearizable | Level::Eventual) {
            return refuse(
                "contract-level",
                format!(
                    "read = \"{}\" is not available yet: use linearizable or eventual",
                    self.read
                ),
            );
        }
        if self.outcomes_s == 0 || self.outcomes_s.max(self.history_s) > Self::WINDOW_MAX_S {
            return refuse(
                "contract-window",
                format!("windows are 1 s (history: 0 s) to {} s", Self::WINDOW_MAX_S),
            );
        }
        let objective = self.objective.map_or(Ok(()), |objective| objective.check());
        objective.or_else(|text| refuse("contract-field", text))
    }

    /// The mechanism, the price and the behaviour in failures, one sentence a line.
    #[must_use]
    pub fn explain(&self) -> String {
        let majority = self.replicas / 2 + 1;
        let spare = self.replicas.saturating_sub(majority);
        format!(
            "writes: one Raft log; acknowledged when {majority} of {} replicas hold them on disk: \
             one round trip from the leader and one fsync, shared by all writes that wait\n\
             reads: {} by default; linearizable reads cost no disk and no round trip while the \
             leader's lease holds, one shared round trip otherwise; eventual reads cost none\n\
             failures: {spare} of {} replicas may be down, cut off or wiped; with more, writes and \
             linearizable reads answer 503 and eventual reads go on\n\
             retries: a request id takes effect once within {} s\n\
             history: {}\n\
             quota: {}\n\
             objective: {}",
            self.replicas,
            self.read,
            self.replicas,
            self.outcomes_s,
            match (self.program, self.history_s) {
                (Program::Coordination, 0) => {
                    "every revision stays readable until it is compacted".into()
                }
                (Program::Coordination, s) => format!(
                    "a revision stays readable for at least {s} s after the next one and is then \
                     compacted; a new leader begins to count anew"
                ),
                (_, 0) => "overwritten versions are not kept".into(),
                (_, s) => format!("overwritten versions stay readable for {s} s"),
            },
            match self.quota_bytes {
                0 => "none but the disk".into(),
                bytes => format!(
                    "from {bytes} bytes of keys and values on, writes that need room are refused \
                     until there is room again"
                ),
            },
            self.objective.map_or("none".into(), |objective| objective.explain()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_names() {
        for program in Program::ALL {
            assert_eq!(Program::parse(program.name()), Some(program));
        }
        assert_eq!(Program::parse("spreadsheet"), None);
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_nearest_that_can() {
        let contract = Contract::new(Program::Kv);
        assert_eq!(contract.check(3), Ok(()));
        let code = |contract: Contract, nodes| contract.check(nodes).unwrap_err();
        assert_eq!(code(Contract { replicas: 4, ..contract }, 5).code, "contract-replicas");
        let placement = code(Contract { replicas: 5, ..contract }, 4);
        assert_eq!(placement.code, "contract-placement");
        assert!(placement.text.contains("use replicas = 3"), "{placement}");
        let objective = Objective { availability_ppm: 999_000, latency_p99_us: 0, window_s: 3600 };
        let hour = Contract { objective: Some(objective), ..contract };
        assert_eq!(code(hour, 3).code, "contract-field");
        assert_eq!(code(Contract { outcomes_s: 0, ..contract }, 3).code, "contract-window");
        let own = Contract { history_s: 9, ..Contract::new(Program::Coordination) };
        assert_eq!((own.check(3), own.versions_s()), (Ok(()), 0));
        assert_eq!(Contract { history_s: 9, ..contract }.versions_s(), 9);
    }
}
