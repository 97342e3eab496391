//! Judging what was found: what is kept, what was torn, what is damage.
//!
//! Every sound header says how far the log was durable when it was written; the greatest such
//! claim is the *proof*. The first bad record behind the proof is where the log is cut. Bad
//! records up to it are damage.
//!
//! ```text
//!   41   42   ??   44   45   ??   47      45 or 47 says that 43 was durable: it is damage.
//!             damage         └─ cut       Nobody says so of 46: the log ends with 45.
//! ```

use alloc::{collections::BTreeMap, vec::Vec};

use kernel::bug::{Bug, planted};

use super::{
    healed::Healed,
    record::{RecordKind, Span},
    segment::SegmentHeader,
    survey::{Found, Gap, Survey},
};

/// The log as it stands.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// In log order; not all are intact.
    pub(super) kept: Vec<Found>,
    /// Unknown holes.
    pub(super) gaps: Vec<Gap>,
    /// What was cut although its header was sound.
    pub(super) cut: Vec<Found>,
    /// Whether anything was torn.
    pub(super) torn: bool,
    /// The position of the next record.
    pub(super) next: u64,
    /// The greatest position that was certainly durable.
    pub(super) proof: u64,
    /// The same by the word of what is kept alone.
    pub(super) kept_proof: u64,
    /// Nothing before this position is needed.
    pub(super) floor: u64,
    /// Which unknown holes were healed.
    pub(super) healed: Healed,
    /// Where the kept records of each segment end.
    ends: BTreeMap<u64, u64>,
}

impl Verdict {
    /// Where the kept records of a segment end.
    pub(super) fn end_in(&self, segment: u64) -> u64 {
        self.ends.get(&segment).copied().unwrap_or(SegmentHeader::LEN as u64)
    }
}

/// Judges.
pub(super) fn judge(survey: &Survey) -> Verdict {
    let headers = || survey.files.iter().filter_map(|file| file.header);
    let proof = survey.proof();
    let (cut, floor) = first_torn(survey, proof);

    let mut kept = survey.found.clone();
    let behind = kept.partition_point(|found| cut.is_none_or(|cut| found.header.lsn < cut));
    let cut_records = kept.split_off(behind);
    if planted(Bug::TornTailAccepted) {
        kept.iter_mut().filter(|found| found.header.lsn > proof).for_each(|f| f.intact = true);
    }
    let next = cut.unwrap_or(survey.next);
    // Each marker names again what those before it named and is still of use.
    let mut told = survey.healed.iter().rev();
    let last = told.find(|(lsn, _)| cut.is_none_or(|cut| *lsn < cut));
    let healed = last.map_or_else(Healed::default, |(_, holes)| holes.clone());
    let begun = headers().filter(|header| header.first_lsn <= next).map(|header| header.durable);
    let kept_proof = begun.chain(kept.iter().map(|found| found.header.proof())).max();
    let ends = kept.iter().map(|found| (found.segment, found.end())).collect();
    let gaps = gaps(survey, next, floor, &healed);
    kept.retain(|found| found.header.lsn >= floor);
    Verdict {
        kept,
        gaps,
        cut: cut_records,
        torn: cut.is_some(),
        next,
        proof,
        kept_proof: kept_proof.unwrap_or(0),
        floor,
        healed,
        ends,
    }
}

/// What markers declare in their headers.
fn markers(found: &[Found]) -> impl Iterator<Item = Span> {
    let markers = found.iter().filter(|found| found.header.kind == RecordKind::Marker);
    markers.filter_map(|found| found.header.span)
}

/// Where the log has to be cut, if it has to, and what the floor is then.
fn first_torn(survey: &Survey, proof: u64) -> (Option<u64>, u64) {
    // A planted bug may trust too little or too much.
    let trusted = if planted(Bug::DamageAsTornTail) { 0 } else { proof };
    let bad = survey.found.iter().filter(|found| {
        !found.intact && found.header.lsn > trusted && !planted(Bug::TornTailAccepted)
    });
    let bad = bad.map(|found| found.header.lsn).min();
    let mut cut = None;
    // A cut may take the marker away that made the missing start look unneeded.
    loop {
        let floor = floor(survey, cut);
        let torn = all_gaps(survey, floor).filter(|gap| gap.last > trusted);
        let torn = torn.map(|gap| gap.first.max(trusted + 1)).chain(bad).min();
        if torn == cut {
            return (cut, floor);
        }
        cut = torn;
    }
}

fn floor(survey: &Survey, cut: Option<u64>) -> u64 {
    let kept = survey.found.partition_point(|f| cut.is_none_or(|cut| f.header.lsn < cut));
    let headers = survey.files.iter().filter_map(|file| file.header);
    let floors = markers(&survey.found[..kept]).map(|span| span.first);
    let floor = floors.chain(headers.map(|header| header.floor)).max().unwrap_or(1);
    floor.clamp(1, cut.unwrap_or(survey.next))
}

/// The gaps found, and before them the oldest segments if they are gone but still needed.
fn all_gaps(survey: &Survey, floor: u64) -> impl Iterator<Item = Gap> {
    let missing = survey.files.first().and_then(|file| {
        let first = survey.found.first().map(|found| found.header.lsn);
        let begin = file.header.map(|header| header.first_lsn).or(first)?;
        let (number, last) = (file.number, begin.saturating_sub(1));
        let gap = Gap { first: floor, last, segment: number, offset: 0, refused: false };
        (begin > floor).then_some(gap)
    });
    missing.into_iter().chain(survey.gaps.iter().copied())
}

/// What still matters of the holes before `next`.
fn gaps(survey: &Survey, next: u64, floor: u64, healed: &Healed) -> Vec<Gap> {
    let left = all_gaps(survey, floor).flat_map(|gap| {
        let left = healed.left_of(gap.first.max(floor), gap.last.min(next - 1));
        left.into_iter().map(move |(first, last)| Gap { first, last, ..gap })
    });
    left.collect()
}
