//! Imports, scene by scene.

use bytes::Bytes;
use contract::Program;
use layers::coordination::{limits::*, *};
use prost::Message;

use super::{Stage, act, ask};

fn kv(key: &'static str, create_revision: i64, mod_revision: i64, version: i64) -> KeyValue {
    let (key, value) = (Bytes::from_static(key.as_bytes()), Bytes::from_static(b"v"));
    KeyValue { key, create_revision, mod_revision, version, value, lease: 0 }
}

fn piece(at: u64, kvs: &[KeyValue], last: bool) -> ImportRequest {
    let source = Bytes::from_static(b"a file");
    ImportRequest { source, revision: 9, at, kvs: kvs.to_vec(), last, ..ImportRequest::default() }
}

fn import(stage: &mut Stage, request: ImportRequest) -> Result<(u64, bool), Error> {
    match act(stage, Act::Import(request))? {
        Outcome::Import(response) => Ok((response.done, response.finished)),
        other => panic!("{other:?}"),
    }
}

fn all_at(stage: &Stage, revision: i64) -> Result<RangeResponse, Error> {
    let (key, range_end) = (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
    let request = RangeRequest { key, range_end, revision, ..RangeRequest::default() };
    match ask(stage, Ask::Range(request))? {
        Answer::Range(response) => Ok(response),
        other => panic!("{other:?}"),
    }
}

fn put(stage: &mut Stage, key: &'static str) -> Result<i64, Error> {
    let key = Bytes::from_static(key.as_bytes());
    match act(stage, Act::Put(PutRequest { key, ..PutRequest::default() }))? {
        Outcome::Put(response) => Ok(response.header.unwrap().revision),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_keep_their_numbers_and_the_keyspace_goes_on_counting() {
    let mut stage = Stage::new();
    let kvs = [kv("a", 2, 5, 3), kv("b", 9, 9, 1)];
    assert_eq!(import(&mut stage, piece(0, &kvs, true)), Ok((2, true)));
    let all = all_at(&stage, 0).unwrap();
    assert_eq!((all.header, &all.kvs[..]), (ResponseHeader::at(9), &kvs[..]));
    assert_eq!(all_at(&stage, 9).unwrap().kvs, kvs);
    assert_eq!(all_at(&stage, 8), Err(Error::Compacted));
    assert_eq!(put(&mut stage, "a"), Ok(10));
    let a = &all_at(&stage, 0).unwrap().kvs[0];
    assert_eq!((a.create_revision, a.mod_revision, a.version), (2, 10, 4));
    assert_eq!(all_at(&stage, 9).unwrap().kvs, kvs);
}

#[test]
fn nothing_else_happens_until_the_last_piece_is_there() {
    let mut stage = Stage::new();
    assert_eq!(import(&mut stage, piece(0, &[kv("a", 2, 5, 3)], false)), Ok((1, false)));
    assert_eq!(put(&mut stage, "b"), Err(Error::Importing));
    assert_eq!(act(&mut stage, Act::Sweep(SweepRequest {})), Err(Error::Importing));
    assert_eq!(all_at(&stage, 0), Err(Error::Importing));
    let other = ImportRequest { source: Bytes::from_static(b"another"), ..piece(0, &[], false) };
    assert_eq!(import(&mut stage, other), Err(Error::Importing));
    match ask(&stage, Ask::Status(StatusRequest {})) {
        Ok(Answer::Status(status)) => assert!(status.importing),
        other => panic!("{other:?}"),
    }
    assert_eq!(import(&mut stage, piece(1, &[], true)), Ok((1, true)));
    assert_eq!(put(&mut stage, "b"), Ok(10));
}

#[test]
fn a_piece_may_come_again_and_none_may_be_left_out() {
    let mut stage = Stage::new();
    let kvs = [kv("a", 2, 5, 3), kv("b", 9, 9, 1), kv("c", 3, 3, 1)];
    let first = piece(0, &kvs[..2], false);
    assert_eq!(import(&mut stage, first.clone()), Ok((2, false)));
    assert_eq!(import(&mut stage, first), Ok((2, false)));
    assert_eq!(import(&mut stage, piece(0, &[], false)), Ok((2, false)), "where to go on");
    assert_eq!(import(&mut stage, piece(3, &[], true)), Err(Error::ImportOutOfPlace));
    assert_eq!(import(&mut stage, piece(1, &[], true)), Err(Error::ImportOutOfPlace));
    assert_eq!(import(&mut stage, piece(2, &kvs[..1], false)), Err(Error::ImportOutOfPlace));
    let last = piece(1, &kvs[1..], true);
    assert_eq!(import(&mut stage, last.clone()), Ok((3, true)));
    assert_eq!(put(&mut stage, "c"), Ok(10));
    assert_eq!(import(&mut stage, last), Ok((3, true)), "and changes nothing any more");
    assert_eq!(all_at(&stage, 0).unwrap().kvs[2].version, 2);
}

#[test]
fn only_an_empty_keyspace_takes_an_import() {
    let mut stage = Stage::new();
    put(&mut stage, "a").unwrap();
    assert_eq!(import(&mut stage, piece(0, &[], true)), Err(Error::NotEmpty));
    let mut stage = Stage::new();
    act(&mut stage, Act::LeaseGrant(LeaseGrantRequest { ttl: 9, id: 1 })).unwrap();
    assert_eq!(import(&mut stage, piece(0, &[], true)), Err(Error::NotEmpty));
}

#[test]
fn leases_come_first_and_end_their_keys() {
    let mut stage = Stage::new();
    let lease = LeaseRecord { id: 7, ttl: 60, remaining_ttl: 20, renewal: 5 };
    let leases = ImportRequest { leases: vec![lease], ..piece(0, &[], false) };
    assert_eq!(import(&mut stage, leases), Ok((1, false)));
    let key = KeyValue { lease: 7, ..kv("a", 2, 5, 3) };
    assert_eq!(import(&mut stage, piece(1, &[key], false)), Ok((2, false)));
    let late = LeaseRecord { id: 8, ..lease };
    let late = ImportRequest { leases: vec![late], ..piece(2, &[], false) };
    assert_eq!(import(&mut stage, late), Err(Error::ImportOutOfPlace));
    assert_eq!(import(&mut stage, piece(2, &[], true)), Ok((2, true)));
    let records = Ask::LeaseRecords(LeaseRecordsRequest { after: 0, limit: 9 });
    match ask(&stage, records) {
        Ok(Answer::LeaseRecords(page)) => {
            assert_eq!(page.leases, [LeaseRecord { renewal: 1, ..lease }]);
        }
        other => panic!("{other:?}"),
    }
    act(&mut stage, Act::LeaseRevoke(LeaseRevokeRequest { id: 7 })).unwrap();
    assert!(all_at(&stage, 0).unwrap().kvs.is_empty());
}

#[test]
fn what_no_keyspace_can_hold_is_refused() {
    for wrong in [kv("a", 1, 5, 3), kv("a", 6, 5, 3), kv("a", 2, 10, 3), kv("a", 2, 5, 0)] {
        let piece = piece(0, &[wrong], false);
        assert_eq!(import(&mut Stage::new(), piece), Err(Error::NotImportable));
    }
    let piece_at = |revision| ImportRequest { revision, ..piece(0, &[], true) };
    for revision in [0, IMPORT_REVISION_MAX + 1] {
        assert_eq!(import(&mut Stage::new(), piece_at(revision)), Err(Error::NotImportable));
    }
    let unnamed = ImportRequest { source: Bytes::new(), ..piece(0, &[], true) };
    assert_eq!(import(&mut Stage::new(), unnamed), Err(Error::NotImportable));
    let many = vec![kv("a", 2, 5, 3); IMPORT_ITEMS_MAX + 1];
    assert_eq!(import(&mut Stage::new(), piece(0, &many, true)), Err(Error::RequestTooLarge));
}

/// A value that a put can carry fits into a piece; a longer command of another kind does not pass.
#[test]
fn the_longest_value_of_a_put_can_be_imported() {
    let put = PutRequest { key: Bytes::from_static(b"k"), ..PutRequest::default() };
    let longest = |put: PutRequest| {
        let room = REQUEST_BYTES_MAX - Command::new(Act::Put(put.clone())).encoded_len() - 8;
        PutRequest { value: vec![0; room].into(), ..put }
    };
    let put = longest(put);
    assert!(layers::check(Program::Coordination, &encoded(Act::Put(put.clone()))).is_ok());
    let max = IMPORT_REVISION_MAX;
    let kv = KeyValue { value: put.value.clone(), lease: -1, ..kv("k", max, max, max) };
    let source = Bytes::from_static(&[b's'; IMPORT_SOURCE_BYTES_MAX]);
    let piece = ImportRequest { source, revision: max, ..piece(0, &[kv], true) };
    assert!(layers::check(Program::Coordination, &encoded(Act::Import(piece))).is_ok());
    let longer = PutRequest { value: [&put.value[..], &[0; 64]].concat().into(), ..put };
    assert!(layers::check(Program::Coordination, &encoded(Act::Put(longer))).is_err());
}

fn encoded(act: Act) -> Bytes {
    Command::new(act).encode_to_vec().into()
}
