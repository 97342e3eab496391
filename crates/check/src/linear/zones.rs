//! Registers whose every value is written once: an exact answer without a search.
//!
//! If a value names its write, each read names what it read. Then all operations on one value
//! (its write and its reads) must stand together, and so must a chain of values of which each
//! was set by compare-and-set from the one before. Such a *block* needs the time between the
//! first return in it and the last invocation in it:
//!
//! ```text
//!   block a   [ write a ]      [ read a ]        first return ├──────┤ last invocation: forward
//!   block b        [   write b        ]          last invocation ├──┤ first return:  backward
//! ```
//!
//! An order exists exactly if no operation of a block contradicts the block's own order, no two
//! forward zones overlap, and no backward zone lies inside a forward one (Gibbons and Korach,
//! "Testing shared memories", SIAM J. Comput. 1997, §4; the zones as in Golab, Li and Shah,
//! PODC 2011). That a chain behaves like one value follows in the same way: what must hold
//! between blocks is "some call of the one returns before some call of the other begins", and a
//! cycle of such relations always contains a cycle of two.

use std::collections::BTreeMap;

use super::model::{Call, RegisterAct};
use crate::history::ValueId;

/// What the zones say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Zones {
    /// An order exists.
    Order,
    /// None does; these calls (by index) already show it.
    Conflict(Vec<usize>),
    /// Some value is written twice: the method does not apply.
    NotUnique,
}

/// A call by index with one of its positions.
type Mark = (u64, usize);

/// The first return and the last invocation of a group of calls.
#[derive(Clone, Copy)]
struct Zone {
    first_return: Mark,
    last_start: Mark,
}

impl Zone {
    const EMPTY: Zone = Zone { first_return: (u64::MAX, NOBODY), last_start: (0, NOBODY) };

    fn merge(&mut self, other: Zone) {
        self.first_return = self.first_return.min(other.first_return);
        self.last_start = self.last_start.max(other.last_start);
    }

    fn add(&mut self, index: usize, call: &Call<RegisterAct>) {
        let (first_return, last_start) = ((call.end, index), (call.start, index));
        self.merge(Zone { first_return, last_start });
    }
}

const NOBODY: usize = usize::MAX;

/// Judges calls on one register.
pub(crate) fn judge(calls: &[Call<RegisterAct>]) -> Zones {
    let Some(writer) = writers(calls) else { return Zones::NotUnique };
    let evidence = evidence(calls, &writer);
    let blocks = Blocks::build(calls, &writer, &evidence);
    let Err(mut witness) = blocks.and_then(|blocks| blocks.compare()) else { return Zones::Order };
    // The initial null is nobody's call.
    witness.retain(|&call| call < calls.len());
    // A call of unknown outcome is a witness only together with who observed it.
    let mut at = 0;
    while let Some(&call) = witness.get(at) {
        if evidence[call] != call {
            witness.push(evidence[call]);
        }
        at += 1;
    }
    witness.sort_unstable();
    witness.dedup();
    Zones::Conflict(witness)
}

/// Value to the one call that writes it; `None` if there are two, or if one writes null.
fn writers(calls: &[Call<RegisterAct>]) -> Option<BTreeMap<ValueId, usize>> {
    let mut writer = BTreeMap::from([(ValueId::NULL, NOBODY)]);
    for (index, call) in calls.iter().enumerate() {
        if let Some(value) = call.act.produces()
            && writer.insert(value, index).is_some()
        {
            return None;
        }
    }
    Some(writer)
}

type Writer = BTreeMap<ValueId, usize>;

/// Why a call took place for sure: it has a known outcome (it is its own evidence), or another
/// call that took place observed it. [`NOBODY`] for calls of which this is not known.
fn evidence(calls: &[Call<RegisterAct>], writer: &Writer) -> Vec<usize> {
    let known = |(index, call): (usize, &Call<_>)| if call.open() { NOBODY } else { index };
    let mut evidence: Vec<usize> = calls.iter().enumerate().map(known).collect();
    let mut work: Vec<usize> =
        (0..calls.len()).filter(|&index| evidence[index] != NOBODY).collect();
    while let Some(index) = work.pop() {
        let source = calls[index].act.observes().and_then(|value| writer.get(&value));
        if let Some(&source) = source
            && source != NOBODY
            && evidence[source] == NOBODY
        {
            evidence[source] = index;
            work.push(source);
        }
    }
    evidence
}

/// A zone and the writes in it.
type Block = (Zone, Vec<usize>);

/// The blocks of a register.
struct Blocks {
    blocks: Vec<Block>,
}

impl Blocks {
    /// Groups the calls and checks each block's own order; the error is a witness.
    fn build(
        calls: &[Call<RegisterAct>],
        writer: &Writer,
        evidence: &[usize],
    ) -> Result<Blocks, Vec<usize>> {
        let sure = |index: usize| evidence[index] != NOBODY;
        // Per write its own zone and the compare-and-set that replaced its value; the last
        // place stands for the initial null.
        let initial = calls.len();
        let mut zones = vec![Zone::EMPTY; calls.len() + 1];
        let mut successor = vec![NOBODY; calls.len() + 1];
        zones[initial] = Zone { first_return: (0, NOBODY), last_start: (0, NOBODY) };
        let mut heads = vec![initial];
        for (index, call) in calls.iter().enumerate().filter(|&(index, _)| sure(index)) {
            if call.act.produces().is_some() {
                zones[index].add(index, call);
            }
            let Some(value) = call.act.observes() else {
                heads.push(index);
                continue;
            };
            let source = *writer.get(&value).ok_or_else(|| vec![index])?;
            let source = if source == NOBODY { initial } else { source };
            if source != initial && call.end < calls[source].start {
                return Err(vec![source, index]);
            }
            if call.act.produces().is_none() {
                zones[source].add(index, call);
            } else if successor[source] != NOBODY {
                return Err(vec![source, successor[source], index]);
            } else {
                successor[source] = index;
            }
        }
        Self::chain(&heads, &zones, &successor, initial).and_then(|(blocks, reached)| {
            let stray = |&index: &usize| {
                sure(index) && calls[index].act.produces().is_some() && !reached[index]
            };
            let strays: Vec<usize> = (0..calls.len()).filter(stray).collect();
            // Compare-and-sets that feed each other in a ring, reached from no write.
            if strays.is_empty() { Ok(Blocks { blocks }) } else { Err(strays) }
        })
    }

    /// Follows each chain from its first write.
    fn chain(
        heads: &[usize],
        zones: &[Zone],
        successor: &[usize],
        initial: usize,
    ) -> Result<(Vec<Block>, Vec<bool>), Vec<usize>> {
        let mut reached = vec![false; zones.len()];
        let mut blocks = Vec::with_capacity(heads.len());
        for &head in heads {
            let (mut block, mut links, mut at) = (Zone::EMPTY, Vec::new(), head);
            while at != NOBODY {
                if at != initial {
                    links.push(at);
                }
                let zone = zones[at];
                // Something that belongs later in the chain returned before something earlier
                // began.
                if zone.first_return.0 < block.last_start.0 {
                    links.extend([zone.first_return.1, block.last_start.1]);
                    return Err(links);
                }
                block.merge(zone);
                reached[at] = true;
                at = successor[at];
            }
            blocks.push((block, links));
        }
        Ok((blocks, reached))
    }

    /// Compares the zones of different blocks.
    fn compare(mut self) -> Result<(), Vec<usize>> {
        self.blocks.sort_by_key(|(zone, _)| zone.first_return);
        let forward = |zone: &Zone| zone.first_return.0 < zone.last_start.0;
        let (forwards, backwards): (Vec<_>, Vec<_>) =
            self.blocks.iter().partition(|(zone, _)| forward(zone));
        for pair in forwards.windows(2) {
            if pair[1].0.first_return.0 < pair[0].0.last_start.0 {
                return Err(witness(pair[0], pair[1]));
            }
        }
        for backward in backwards {
            // Forward zones do not overlap: only the last one that begins before can hold it.
            let begin = backward.0.last_start.0;
            let after = forwards.partition_point(|(zone, _)| zone.first_return.0 < begin);
            if let Some(around) = after.checked_sub(1).map(|at| forwards[at])
                && backward.0.first_return.0 < around.0.last_start.0
            {
                return Err(witness(around, backward));
            }
        }
        Ok(())
    }
}

fn witness(a: &Block, b: &Block) -> Vec<usize> {
    let marks = |zone: Zone| [zone.first_return.1, zone.last_start.1];
    let ends = marks(a.0).into_iter().chain(marks(b.0));
    ends.chain(a.1.iter().copied()).chain(b.1.iter().copied()).collect()
}
