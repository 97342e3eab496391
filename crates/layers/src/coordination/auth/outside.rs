//! What may come from whoever is not etcd's gateway, which alone knows who calls.

use alloc::string::ToString;

use bytes::Bytes;

use super::super::wire::{Act, Command, Query};
use crate::Rejected;

/// Whether a command of anybody may be proposed: it names no caller, and is none that only the node
/// itself decides.
///
/// # Errors
/// If it may not, or is no command.
pub fn command_of_anybody(bytes: &Bytes) -> Result<(), Rejected> {
    let command = Command::read(bytes)?;
    let of_the_node = matches!(command.act, Some(Act::LeaseExpire(_) | Act::LeaseCheckpoint(_)));
    if of_the_node { Err(Rejected(NODE.to_string())) } else { nameless(command.caller.is_none()) }
}

/// Whether a query of anybody may be asked: it names no caller.
///
/// # Errors
/// If it may not, or is no query.
pub fn query_of_anybody(bytes: &Bytes) -> Result<(), Rejected> {
    nameless(Query::read(bytes)?.caller.is_none())
}

const NODE: &str = "the time of leases is counted by the cluster alone";
const CALLER: &str = "who calls is said by the etcd gateway alone";

fn nameless(nameless: bool) -> Result<(), Rejected> {
    if nameless { Ok(()) } else { Err(Rejected(CALLER.to_string())) }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use prost::Message;

    use super::*;
    use crate::coordination::{
        Ask, Caller, LeaseExpireRequest, LeaseGrantRequest, StatusRequest, SweepRequest,
    };

    #[test]
    fn nobody_else_says_who_calls() {
        let command = |act, caller| {
            let command = Command { caller, ..Command::new(act) };
            command_of_anybody(&command.encode_to_vec().into()).is_ok()
        };
        let grant = || Act::LeaseGrant(LeaseGrantRequest { ttl: 9, id: 1 });
        assert!(command(grant(), None) && command(Act::Sweep(SweepRequest {}), None));
        assert!(!command(grant(), Some(Caller::user("root", 1))));
        assert!(!command(grant(), Some(Caller::node())));
        assert!(!command(Act::LeaseExpire(LeaseExpireRequest { overdue: Vec::new() }), None));
        let query = |caller| {
            let query = Query { caller, ..Query::from(Ask::Status(StatusRequest {})) };
            query_of_anybody(&query.encode_to_vec().into()).is_ok()
        };
        assert!(query(None) && !query(Some(Caller::node())));
        assert!(command_of_anybody(&Bytes::from_static(b"\xff")).is_err());
    }
}
