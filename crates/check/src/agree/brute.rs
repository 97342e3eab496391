//! Every order, one after the other: slow, and too simple to be wrong.

use crate::history::{Action, History, OPEN, Op};

/// Whether some order in agreement with real time explains all operations that succeeded, with
/// any of those of unknown outcome.
pub(super) fn explains<S: Clone>(
    history: &History,
    state: S,
    apply: &dyn Fn(&History, &S, &Op) -> Option<S>,
) -> bool {
    let open_read = |op: &&Op| !op.ok() && matches!(op.action, Action::Read(_));
    let left: Vec<Op> =
        history.ops.iter().filter(|op| !op.failed() && !open_read(op)).copied().collect();
    extend(history, &left, &state, apply)
}

fn extend<S: Clone>(
    history: &History,
    left: &[Op],
    state: &S,
    apply: &dyn Fn(&History, &S, &Op) -> Option<S>,
) -> bool {
    if left.iter().all(|op| op.end == OPEN) {
        return true;
    }
    let first_return = left.iter().map(|op| op.end).min().unwrap_or(OPEN);
    (0..left.len()).filter(|&at| left[at].start < first_return).any(|at| {
        let mut rest = left.to_vec();
        let op = rest.remove(at);
        apply(history, state, &op).is_some_and(|state| extend(history, &rest, &state, apply))
    })
}
