//! Files that are made, and read back.

use std::collections::BTreeMap;

use bytes::Bytes;
use layers::coordination::{self, Answer, Ask, KeyValue, LeaseRecord, RangeResponse};
use layers::coordination::{LeaseRecordsResponse, ResponseHeader, StatusResponse};
use proptest::prelude::*;

use super::*;

fn directory() -> std::path::PathBuf {
    std::env::temp_dir()
}

fn bytes(download: &mut Download) -> Vec<u8> {
    let pieces = std::iter::from_fn(|| download.piece().unwrap());
    pieces.inspect(|piece| assert!(piece.len() <= PIECE)).flatten().collect()
}

fn make(revision: i64, kvs: &[KeyValue], leases: &[LeaseRecord]) -> Vec<u8> {
    let mut builder = Builder::new(revision, &directory()).unwrap();
    kvs.iter().for_each(|kv| builder.key(kv).unwrap());
    leases.iter().for_each(|lease| builder.lease(lease).unwrap());
    let mut download = builder.build().unwrap().finish().unwrap();
    let (length, made) = (download.length(), bytes(&mut download));
    assert_eq!((made.len() as u64, download.revision()), (length, revision));
    made
}

type Contents = (Survey, Vec<LeaseRecord>, Vec<KeyValue>);

fn read(file: &[u8]) -> Result<Contents, Error> {
    let snapshot = Snapshot::open(file)?;
    snapshot.verify(&mut |_| {})?;
    let (survey, mut keys) = snapshot.survey(&directory(), &mut |_| {})?;
    let (mut leases, mut all_leases, mut all_keys) = (snapshot.leases()?, Vec::new(), Vec::new());
    while let Some(lease) = leases.next(&snapshot)? {
        all_leases.push(lease);
    }
    while let Some(kv) = keys.next(&snapshot)? {
        all_keys.push(kv);
    }
    assert_eq!(keys.taken(), survey.revisions);
    Ok((survey, all_leases, all_keys))
}

fn kv(n: i64, value: usize) -> KeyValue {
    KeyValue {
        key: format!("key/{:05}", n * 7_919 % 10_007).into(),
        create_revision: n + 2,
        mod_revision: n + 2,
        version: 1,
        value: vec![n as u8; value].into(),
        lease: n % 3,
    }
}

#[test]
fn many_keys_make_a_tree_of_several_levels() {
    let kvs: Vec<KeyValue> = (0..10_007).map(|n| kv(n, 100)).collect();
    let lease = |id| LeaseRecord { id, ttl: 60, remaining_ttl: 60 - id, renewal: 0 };
    let file = make(20_000, &kvs, &[lease(2), lease(1)]);
    assert!(file.len() > 10_007 * 150 && file.len() % 4_096 == 32);
    let (survey, leases, mut found) = read(&file).unwrap();
    assert!(found.is_sorted_by_key(|kv| kv.key.clone()));
    found.sort_by_key(|kv| kv.mod_revision);
    assert!(found == kvs && leases == [lease(1), lease(2)]);
    assert_eq!((survey.revision, survey.compacted, survey.leases), (20_000, 20_000, 2));
    assert_eq!((survey.revisions, survey.pairs, survey.users), (10_007, 10_011, 0));
}

#[test]
fn a_long_value_takes_pages_of_its_own() {
    let kvs = [kv(1, 10), kv(2, 1 << 20), kv(3, 4_096), kv(4, 0)];
    assert_eq!(read(&make(9, &kvs, &[])).unwrap().2.len(), 4);
}

#[test]
fn a_file_is_golden() {
    let lease = LeaseRecord { id: 1, ttl: 60, remaining_ttl: 7, renewal: 0 };
    let file = make(9, &[kv(1, 3), kv(2, 5_000)], &[lease]);
    let digest: Vec<String> = file[file.len() - 32..].iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(digest.concat(), "6141e05e373a98020d73c5d4042a664ba6f2a1bad9790e911a114338ffaf5972");
    assert_eq!(read(&file).unwrap().0.hash, 272_073_049);
}

#[test]
fn an_empty_keyspace_has_a_file_too() {
    let (survey, leases, keys) = read(&make(1, &[], &[])).unwrap();
    assert_eq!((survey.revision, survey.compacted, survey.pairs), (1, 0, 0));
    assert!(leases.is_empty() && keys.is_empty());
}

#[test]
fn a_lease_that_only_keys_know_gets_the_shortest_time() {
    let (_, leases, _) = read(&make(9, &[kv(1, 1), kv(2, 1), kv(4, 1)], &[])).unwrap();
    let short = |id| LeaseRecord { id, ttl: 2, remaining_ttl: 2, renewal: 0 };
    assert_eq!(leases, [short(1), short(2)]);
}

#[test]
fn one_whole_meta_page_is_enough() {
    let mut file = make(9, &[kv(1, 1)], &[]);
    for broken in [0, 4_096] {
        let mut other = file.clone();
        other[broken + 20] ^= 1;
        let cut = &other[..other.len() - 32];
        assert_eq!(read(cut).unwrap().2, [kv(1, 1)]);
    }
    (file[20], file[4_096 + 20]) = (0, 0);
    assert_eq!(Snapshot::open(&file[..]).unwrap_err().code(), "snapshot-foreign");
}

#[test]
fn what_is_wrong_is_told_apart() {
    let code = |file: &[u8]| read(file).unwrap_err().code();
    let file = make(9, &[kv(1, 5_000)], &[]);
    assert_eq!(code(b""), "snapshot-foreign");
    assert_eq!(code(&file[..8_192]), "snapshot-foreign");
    let mut changed = file.clone();
    changed[9_000] ^= 1;
    assert_eq!(code(&changed), "snapshot-digest");
    let mut cut = file[..file.len() - 32].to_vec();
    cut[8_192] ^= 1;
    assert_eq!(code(&cut), "snapshot-damaged");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bytes_that_are_changed_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keys in 0i64..60,
    ) {
        let kvs: Vec<KeyValue> = (0..keys).map(|n| kv(n, 90)).collect();
        let mut file = make(99, &kvs, &[]);
        file.truncate(file.len() - 32);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        mend(&mut file[..]);
        mend(&mut file[4_096..]);
        if let Ok((survey, _, found)) = read(&file) {
            prop_assert!(found.len() as u64 <= survey.revisions);
        }
    }

    #[test]
    fn any_bytes_are_handled(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).is_err());
    }
}

/// A keyspace that was, and goes on changing while it is read.
struct Frozen {
    kvs: BTreeMap<Bytes, KeyValue>,
    leases: Vec<LeaseRecord>,
    room: usize,
}

impl Keyspace for Frozen {
    async fn ask(&self, ask: Ask) -> Result<Answer, Error> {
        let header = ResponseHeader::at(50);
        Ok(match ask {
            Ask::Status(_) => Answer::Status(StatusResponse { header, ..Default::default() }),
            Ask::Range(request) => {
                assert_eq!((request.revision, request.uncounted), (50, true));
                let limit = request.limit as usize;
                let behind = self.kvs.range(request.key..);
                let kvs: Vec<KeyValue> = behind.take(limit + 1).map(|(_, kv)| kv.clone()).collect();
                if kvs.iter().map(|kv| kv.value.len()).sum::<usize>() > self.room {
                    return Err(Error::Refused(coordination::Error::AnswerTooLarge));
                }
                let more = kvs.len() > limit;
                let kvs = kvs.into_iter().take(limit).collect();
                Answer::Range(RangeResponse { header, kvs, more, count: 0 })
            }
            Ask::LeaseRecords(request) => {
                let behind = self.leases.iter().filter(|lease| lease.id > request.after);
                let leases: Vec<_> = behind.copied().take(2).collect();
                let more = leases.last() != self.leases.last();
                Answer::LeaseRecords(LeaseRecordsResponse { header, leases, more })
            }
            other => panic!("{other:?}"),
        })
    }
}

#[tokio::test]
async fn a_keyspace_is_taken_page_by_page_whatever_its_values() {
    let lease = |id| LeaseRecord { id, ttl: 9, remaining_ttl: 9, renewal: 0 };
    let kvs = (0..500).map(|n| KeyValue { mod_revision: 50, ..kv(n % 48, (n as usize % 7) * 300) });
    let kvs = kvs.enumerate().map(|(n, kv)| KeyValue { key: format!("{n:04}").into(), ..kv });
    let kvs: BTreeMap<Bytes, KeyValue> = kvs.map(|kv| (kv.key.clone(), kv)).collect();
    let keyspace = Frozen { kvs, leases: (1..8).map(lease).collect(), room: 20_000 };
    let mut seen = 0;
    let mut download = take(&keyspace, &directory(), &mut |keys| seen = keys).await.unwrap();
    let (survey, leases, keys) = read(&bytes(&mut download)).unwrap();
    assert_eq!((survey.revision, leases, seen), (50, keyspace.leases, 500));
    assert!(keys.iter().eq(keyspace.kvs.values()));
    let refused = Frozen { room: 0, kvs: keyspace.kvs, leases: Vec::new() };
    let error = take(&refused, &directory(), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "snapshot-keyspace");
}
