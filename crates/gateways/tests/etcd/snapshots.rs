//! Downloads of snapshots.

use std::io::Write;

use gateways::etcd::{snapshot::Snapshot, wire::SnapshotResponse};
use layers::coordination::LeaderRequest;

use crate::{client::Client, fake::start, keys::set};

#[tokio::test]
async fn a_snapshot_comes_in_pieces_and_holds_what_there_is() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let value = "v".repeat(5_000);
    let mut revision = 0;
    for n in 0..100 {
        revision = set(&client, &format!("k{n:02}"), &value).await;
    }
    let mut stream = client.stream("/etcdserverpb.Maintenance/Snapshot").await;
    // Any message without fields.
    stream.say(&LeaderRequest::default());
    let (mut file, mut pieces, mut left) = (tempfile::tempfile().unwrap(), 0, u64::MAX);
    while let Ok(piece) = stream.next::<SnapshotResponse>().await {
        assert_eq!(piece.header.unwrap().revision, revision);
        assert!(piece.remaining_bytes < left || left == 0, "{left}");
        left = piece.remaining_bytes;
        file.write_all(&piece.blob).unwrap();
        pieces += 1;
    }
    assert!(pieces > 5 && left == 0, "{pieces} pieces, {left} left");
    let snapshot = Snapshot::open(file).unwrap();
    assert!(snapshot.is_sealed());
    snapshot.verify(&mut |_| {}).unwrap();
    let directory = std::env::temp_dir();
    let (survey, mut keys) = snapshot.survey(&directory, &mut |_| {}).unwrap();
    assert_eq!(survey.revision, revision);
    let mut found = 0;
    while let Some(kv) = keys.next(&snapshot).unwrap() {
        assert_eq!((kv.version, &kv.value[..]), (1, value.as_bytes()));
        found += 1;
    }
    assert_eq!(found, 100);
}
