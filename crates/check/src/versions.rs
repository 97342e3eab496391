//! The evidence itself: do the versions on the answers fit the values and the time?

use std::collections::BTreeMap;

use kernel::Version;

use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::{History, ValueId};
use crate::place::{places, touched};
use crate::sweep::{Item, Roles, inversions};
use crate::verdict::Judgement;

/// Judges the operations of one register, given by index, where any carries a version.
pub(crate) fn judge(history: &History, ops: &[usize], judgement: &mut Judgement) {
    let Some(places) = places(history, ops).filter(|places| places.exact) else { return };
    judgement.judging(places.items.len());
    // The value of each version, who had it first, and whether anybody wrote it so far.
    let mut value_of: BTreeMap<Version, (ValueId, usize, bool)> = BTreeMap::new();
    for item in &places.items {
        let op = &history.ops[item.op];
        let (Some(version), Some((_, value))) = (op.version, touched(history, op)) else {
            continue;
        };
        let known = value_of.entry(version).or_insert((value, item.op, false));
        let (first, witness, written) = *known;
        known.2 |= item.writes;
        if first != value || (written && item.writes) {
            let text = format!(
                "{} and {} both have version {version}",
                label(history, &history.ops[witness]),
                label(history, op)
            );
            let anomaly = Anomaly::SplitVersion;
            judgement.found(Counterexample::new(history, anomaly, text, &[witness], &[item.op]));
        }
    }
    let linearizable: Vec<Item> = places
        .items
        .into_iter()
        .filter(|item| {
            let op = &history.ops[item.op];
            op.linearizable() && op.version.is_some()
        })
        .collect();
    let writes = Roles { earlier: |item| item.writes, later: |item| item.writes };
    for (earlier, later) in inversions(&linearizable, writes) {
        let [before, after] = [earlier, later].map(|item| label(history, &history.ops[item.op]));
        let text = format!("{before} had completed before {after} began, but has a later version");
        let anomaly = Anomaly::VersionOrder;
        judgement.found(Counterexample::new(history, anomaly, text, &[earlier.op], &[later.op]));
    }
}
