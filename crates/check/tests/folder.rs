//! The folder of histories: every file shows what it is named after, and nothing worse.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use check::{Anomaly, Options, Report, Verdict, check_file, svg};

/// One line per bad history: which checker must find what.
const BAD: &[(&str, &str, Anomaly)] = {
    use Anomaly::*;
    const REGISTERS: &str = "linearizable registers";
    const COUNTERS: &str = "linearizable counters";
    const SETS: &str = "linearizable sets";
    const LISTS: &str = "strict lists";
    const REVISIONS: &str = "revisions";
    const WATCHES: &str = "watches";
    const MODEL: &str = "etcd's model";
    const LEASES: &str = "leases";
    const LOCKS: &str = "locks";
    const ELECTIONS: &str = "elections";
    &[
        ("both-cas-succeed", REGISTERS, LostUpdate),
        ("cas-against-a-replaced-value", REGISTERS, StaleRead),
        ("counter-goes-backwards", COUNTERS, NotLinearizable),
        ("deleted-value-comes-back", REGISTERS, StaleRead),
        ("etcd-compacted-and-readable", REVISIONS, WrongCompaction),
        ("etcd-compacted-by-nobody", REVISIONS, WrongCompaction),
        ("etcd-compaction-swallows-a-change", WATCHES, WatchMissed),
        ("etcd-election-key-reused", ELECTIONS, TwoHolders),
        ("etcd-future-that-is-past", REVISIONS, RevisionOrder),
        ("etcd-guard-behind-a-grant", LOCKS, StaleGuard),
        ("etcd-guard-of-a-former-holder", MODEL, StaleGuard),
        ("etcd-lease-comes-back", LEASES, LeaseReturned),
        ("etcd-lease-ends-early", LEASES, FalseExpiry),
        ("etcd-lease-takes-a-detached-key", MODEL, RemovedByNobody),
        ("etcd-lease-takes-half-of-its-keys", MODEL, RemovedByNobody),
        ("etcd-lease-takes-its-keys-early", LEASES, FalseExpiry),
        ("etcd-lease-with-too-little-time", LEASES, TimeMisstated),
        ("etcd-past-that-changed", MODEL, WrongState),
        ("etcd-put-applied-twice", MODEL, AppliedTwice),
        ("etcd-put-by-nobody", MODEL, Phantom),
        ("etcd-read-of-another-state", MODEL, WrongState),
        ("etcd-removed-by-nobody", MODEL, RemovedByNobody),
        ("etcd-revision-given-out-twice", REVISIONS, RevisionReused),
        ("etcd-stale-read", REVISIONS, RevisionOrder),
        ("etcd-token-goes-back", LOCKS, TwoHolders),
        ("etcd-two-lock-holders", MODEL, TwoHolders),
        ("etcd-txn-compares-an-old-state", MODEL, WrongState),
        ("etcd-watch-ahead-of-its-revision", WATCHES, WatchInvented),
        ("etcd-watch-compacted-too-far", WATCHES, WrongCompaction),
        ("etcd-watch-ends-too-early", WATCHES, WatchMissed),
        ("etcd-watch-loses-half-a-revision", WATCHES, WatchersDisagree),
        ("etcd-watch-of-a-few-keys-misses-one", WATCHES, WatchMissed),
        ("etcd-watch-one-revision-late", WATCHES, WatchMissed),
        ("etcd-watch-repeats-a-revision", WATCHES, WatchInvented),
        ("etcd-watch-shows-another-write", MODEL, WrongChange),
        ("etcd-write-before-what-was-read", REVISIONS, RevisionOrder),
        ("few-values-no-order", REGISTERS, StaleRead),
        ("increment-applied-twice", COUNTERS, DoubleIncrement),
        ("increment-lost", COUNTERS, LostIncrement),
        ("increment-retried-by-the-client", COUNTERS, DoubleIncrement),
        ("list-element-from-nowhere", LISTS, Phantom),
        ("list-element-lost", LISTS, LostElement),
        ("list-element-of-a-failed-append", LISTS, Aborted),
        ("list-element-twice", LISTS, DuplicateElement),
        ("list-forks", LISTS, IncompatibleOrder),
        ("list-order-against-real-time", LISTS, RealTimeOrder),
        ("list-stale-read", LISTS, StaleRead),
        ("lost-write", REGISTERS, StaleRead),
        ("non-monotonic-read", "monotonic reads", NonMonotonicRead),
        ("one-total-given-out-twice", COUNTERS, DuplicateTotal),
        ("one-version-two-values", "versions", SplitVersion),
        ("phantom-read", REGISTERS, Phantom),
        ("read-from-the-future", REGISTERS, Future),
        ("read-of-a-failed-write", REGISTERS, Aborted),
        ("session-misses-its-own-write", "read your writes", OwnWriteNotSeen),
        ("session-non-monotonic-read", "monotonic reads", NonMonotonicRead),
        ("session-returns-to-an-old-value", "monotonic reads", NonMonotonicRead),
        ("session-token-moves-to-another-process", "read your writes", OwnWriteNotSeen),
        ("session-write-before-what-it-read", "writes follow reads", WriteBeforeRead),
        ("session-writes-reordered", "monotonic writes", NonMonotonicWrite),
        ("set-element-from-nowhere", SETS, Phantom),
        ("set-element-lost", SETS, LostElement),
        ("set-element-of-a-failed-add", SETS, Aborted),
        ("set-element-twice", SETS, DuplicateElement),
        ("set-element-vanishes", SETS, LostElement),
        ("set-reads-disagree", SETS, LongFork),
        ("set-stale-read", SETS, StaleRead),
        ("split-brain", REGISTERS, FlipFlop),
        ("stale-read", REGISTERS, StaleRead),
        ("stale-read-keyed-by-tuple", REGISTERS, StaleRead),
        ("staler-than-the-bound", "bounded staleness", BoundExceeded),
        ("txn-lost-append", LISTS, LostElement),
        ("txn-misses-its-own-append", LISTS, Internal),
        ("txn-sees-half-of-another", LISTS, Intermediate),
        ("unknown-write-seen-and-gone", REGISTERS, FlipFlop),
        ("versions-against-real-time", "versions", VersionOrder),
    ]
};

fn folder(name: &str) -> BTreeMap<String, PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories").join(name);
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (stem(&path), path)).collect()
}

fn judge(path: &Path) -> Report {
    // A tenth of a second is far beyond the times of all histories but the one about staleness.
    let options = Options { staleness: Some(100_000_000), ..Options::default() };
    check_file(path, &options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn good_histories_are_valid() {
    let files = folder("good");
    assert!(files.len() > 20);
    for (name, path) in files {
        let mut report = judge(&path);
        // Staleness cannot be judged where values repeat without versions.
        report.judgements.retain(|judgement| judgement.checker != "bounded staleness");
        for judgement in &report.judgements {
            assert_eq!(judgement.verdict, Verdict::Valid, "{name}: {report}");
        }
        assert!(!report.judgements.is_empty(), "{name}: nothing was judged");
    }
}

#[test]
fn every_bad_history_shows_what_it_is_named_after() {
    let files = folder("bad");
    let named: Vec<&str> = BAD.iter().map(|(name, ..)| *name).collect();
    assert_eq!(named, files.keys().map(String::as_str).collect::<Vec<_>>());
    for (name, checker, anomaly) in BAD {
        let report = judge(&files[*name]);
        assert_eq!(report.verdict, Verdict::Invalid, "{name}: {report}");
        let judgement = report.judgements.iter().find(|j| j.checker == *checker);
        let judgement = judgement.unwrap_or_else(|| panic!("{name}: no {checker}: {report}"));
        assert!(judgement.shows(*anomaly), "{name}: {report}");
        let found = report.counterexample().unwrap();
        assert!(found.ops.iter().any(|op| op.guilty), "{name}: nobody is guilty: {report}");
        assert!(svg(found).ends_with("</svg>\n"), "{name}");
    }
}

#[test]
fn the_same_file_gives_the_same_report() {
    for path in folder("bad").values() {
        assert_eq!(judge(path).to_json(), judge(path).to_json());
        assert_eq!(judge(path).to_string(), judge(path).to_string());
    }
}
