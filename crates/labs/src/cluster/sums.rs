//! The numbers of a run, from what clients saw and what was seen inside.

use check::{
    Options, Verdict,
    history::{History, Kind},
};
use kernel::{Duration, Instant};
use sim::audit::What;

use super::{
    client::Did,
    stage::{Calm, Stage},
};
use crate::{
    measure::{Measures, percentile},
    plan::{scenario::Does, span::ms},
};

/// All numbers of a run.
pub fn of(stage: &Stage<'_>, calm: &Calm) -> Measures {
    let mut sums = Measures::default();
    clients(&mut sums, stage, "", |_| true);
    for (group, plan) in stage.scenario.client.iter().enumerate() {
        clients(&mut sums, stage, &format!("{}.", plan.name), |did| did.group == group);
    }
    inside(&mut sums, stage);
    end(&mut sums, stage, calm);
    frames(&mut sums, stage);
    let scenario = stage.scenario;
    sums.set("nodes", scenario.nodes as f64);
    sums.set("majority", (scenario.nodes / 2 + 1) as f64);
    sums.set("election_timeout_ms", ms(scenario.election_timeout));
    sums.set("delay_ms", ms(scenario.delay));
    sums
}

/// What clients of one kind saw.
fn clients(sums: &mut Measures, stage: &Stage<'_>, scope: &str, mine: impl Fn(&Did) -> bool) {
    let all: Vec<&Did> = stage.done.iter().filter(|did| mine(did)).collect();
    let mut set = |name: &str, value: f64| sums.set(format!("{scope}{name}"), value);
    let count = |kind: Kind, from: Instant, to: Instant| {
        // A success counts where it was had: what begins with the last breath of a fault may be
        // carried out behind it.
        let ends = |did: &Did| if kind == Kind::Ok { did.to } else { did.from };
        let mine = |did: &&&Did| did.kind == kind && did.from >= from && ends(did) < to;
        all.iter().filter(mine).count() as f64
    };
    let forever = (Instant::ZERO, Instant::NEVER);
    for (kind, name) in [(Kind::Ok, "ok"), (Kind::Fail, "failed"), (Kind::Info, "unknown")] {
        set(name, count(kind, forever.0, forever.1));
        if let Some((from, to)) = stage.trouble() {
            set(&format!("{name}_during"), count(kind, from, to));
        }
    }
    set("asked", all.len() as f64);
    set("tries", all.iter().map(|did| did.tries).sum::<u64>() as f64);
    let took = |ok: bool| {
        let mut took: Vec<f64> = all
            .iter()
            .filter(|did| !ok || did.kind == Kind::Ok)
            .map(|did| ms(did.to.since(did.from)))
            .collect();
        took.sort_by(f64::total_cmp);
        took
    };
    let (good, every) = (took(true), took(false));
    for (part, name) in [(0.5, "p50_ms"), (0.99, "p99_ms"), (1.0, "max_ms")] {
        if let (Some(good), Some(every)) = (percentile(&good, part), percentile(&every, part)) {
            set(name, good);
            set(&format!("all_{name}"), every);
        }
    }
    if !good.is_empty() {
        set("mean_ms", good.iter().sum::<f64>() / good.len() as f64);
    }
    let (from, to) = stage.span;
    let seconds = to.since(from).as_nanos() as f64 / 1e9;
    let in_time = all.iter().filter(|did| did.kind == Kind::Ok && did.to <= to).count() as f64;
    set("throughput_per_s", in_time / seconds);
    set("gap_ms", ms(gap(&all, stage.span)));
    if let Some((struck, healed)) = stage.trouble() {
        let first = |from: Instant| {
            all.iter().filter(|did| did.kind == Kind::Ok && did.to > from).map(|did| did.to).min()
        };
        if let Some(at) = first(healed) {
            set("back_ms", ms(at.since(healed)));
        }
        if let Some(at) =
            all.iter().filter(|d| d.kind == Kind::Ok && d.from > struck).map(|d| d.to).min()
        {
            set("first_ok_ms", ms(at.since(struck)));
        }
    }
    let (stale, age) = stale(stage, &all);
    set("stale", stale);
    set("stale_ms", age);
}

/// The longest time in which nothing succeeded.
fn gap(all: &[&Did], (from, to): (Instant, Instant)) -> Duration {
    let mut ends: Vec<Instant> =
        all.iter().filter(|did| did.kind == Kind::Ok && did.to <= to).map(|did| did.to).collect();
    ends.sort_unstable();
    ends.push(to);
    let mut longest = Duration::ZERO;
    let mut last = from;
    for end in ends {
        longest = longest.max(end.since(last));
        last = end;
    }
    longest
}

/// Reads that show less than what had been acknowledged when they began, and by how much at most.
fn stale(stage: &Stage<'_>, all: &[&Did]) -> (f64, f64) {
    let (mut count, mut oldest) = (0, Duration::ZERO);
    for read in all.iter().filter(|did| did.does == Does::Read && did.kind == Kind::Ok) {
        let newer = stage.done.iter().filter(|did| {
            did.does == Does::Write
                && did.key == read.key
                && did.kind == Kind::Ok
                && did.value > read.value
                && did.to < read.from
        });
        if let Some(first) = newer.map(|did| did.to).min() {
            count += 1;
            oldest = oldest.max(read.from.since(first));
        }
    }
    (f64::from(count), ms(oldest))
}

/// What was seen inside.
fn inside(sums: &mut Measures, stage: &Stage<'_>) {
    let watch = &stage.watch;
    let since = |from: Instant| watch.won.iter().filter(move |won| won.at >= from);
    sums.set("leaders_per_term", watch.leaders_per_term() as f64);
    sums.set("elections", since(stage.span.0).count() as f64);
    let before =
        watch.won.iter().filter(|won| won.at < stage.span.0).map(|won| won.term).max().unwrap_or(0);
    sums.set("term_growth", watch.term().saturating_sub(before) as f64);
    let stood = watch.stood.iter().filter(|(_, term)| *term > before).count();
    sums.set("candidacies", stood as f64);
    sums.set("two_believe_ms", ms(watch.both));
    let Some((struck, healed)) = stage.trouble() else { return };
    let leader = watch.won.iter().rfind(|won| won.at < struck);
    if let Some(won) = since(struck).find(|won| leader.is_none_or(|old| won.term > old.term)) {
        sums.set("election_ms", ms(won.at.since(struck)));
        let terms = leader.map_or(1, |old| won.term - old.term);
        sums.set("rounds", terms as f64);
    }
    sums.set("elections_after_heal", since(healed).count() as f64);
    let asks = |is: &super::watch::Is| {
        matches!(is.role, Some(raft::Role::PreCandidate | raft::Role::Candidate))
    };
    if let Some((at, ..)) = watch.changes.iter().find(|(at, _, is)| *at > struck && asks(is)) {
        sums.set("detected_ms", ms(at.since(struck)));
    }
    let led = |node| leader.is_some_and(|old| old.node == node);
    let down = |(at, node, is): &&(Instant, kernel::NodeId, super::watch::Is)| {
        *at > struck && led(*node) && is.role != Some(raft::Role::Leader)
    };
    if let Some((at, ..)) = watch.changes.iter().find(down) {
        sums.set("stepped_down_ms", ms(at.since(struck)));
    }
    if let Some((side, at_cut)) = &stage.minority {
        let known =
            watch.changes.iter().filter(|(at, node, _)| *at <= healed && side.contains(node));
        let most = known.map(|(.., is)| is.commit).max().unwrap_or(0);
        sums.set("minority_commits", most.saturating_sub(*at_cut) as f64);
    }
}

/// What was left when all was healed.
fn end(sums: &mut Measures, stage: &Stage<'_>, calm: &Calm) {
    let last = |key: u64| {
        let mine = stage
            .done
            .iter()
            .filter(|did| did.does == Does::Write && did.key == key && did.kind == Kind::Ok);
        mine.map(|did| did.value).max().unwrap_or(0)
    };
    let lost =
        (0..).zip(&calm.looks).filter(|(key, look)| look.is_none_or(|value| value < last(*key)));
    sums.set("lost", lost.count() as f64);
    sums.set("agreed", f64::from(calm.agreed));
    if let Some(counted) = calm.counted {
        let adds = |kind: Option<Kind>| {
            let mine = stage.done.iter().filter(|did| did.does == Does::Add);
            mine.filter(|did| kind.is_none_or(|kind| did.kind == kind)).count() as f64
        };
        sums.set("counted", counted as f64);
        sums.set("counted_too_often", (counted as f64 - adds(None)).max(0.0));
        sums.set("counted_wrongly", (counted as f64 - adds(Some(Kind::Ok))).abs());
    }
    let verdict = History::from_events(stage.history.iter().cloned())
        .map(|history| check::check(&history, &Options::default()).verdict);
    match verdict {
        Ok(Verdict::Valid) => sums.set("valid", 1.0),
        Ok(Verdict::Invalid) => sums.set("valid", 0.0),
        Ok(Verdict::Unknown) | Err(_) => {}
    }
}

/// What went over the network, of runs that were recorded.
fn frames(sums: &mut Measures, stage: &Stage<'_>) {
    let Some(log) = stage.world.log().filter(|log| log.forgotten() == 0) else { return };
    let (mut count, mut total, mut lost, mut twice) = (0u64, 0u64, 0u64, 0u64);
    let mut delivered = std::collections::BTreeSet::new();
    for record in log.iter().filter(|record| record.at >= stage.span.0 && record.at <= stage.span.1)
    {
        match &record.what {
            What::Sent { bytes, .. } => {
                count += 1;
                total += bytes.len() as u64;
            }
            What::Dropped { .. } => lost += 1,
            What::Delivered { frame, .. } => twice += u64::from(!delivered.insert(*frame)),
            _ => {}
        }
    }
    let ok = stage.done.iter().filter(|did| did.kind == Kind::Ok).count().max(1) as f64;
    sums.set("frames", count as f64);
    sums.set("frames_lost", lost as f64);
    sums.set("frames_repeated", twice as f64);
    sums.set("sent_bytes", total as f64);
    sums.set("per_op_bytes", total as f64 / ok);
    sums.set("frames_per_op", count as f64 / ok);
}
