//! Arbitrary bytes against a served socket: an error or silence, never a crash.

use crate::fake::{Fake, exchange, start};
use gateways::http::Limits;
use proptest::{prelude::*, test_runner::TestRunner};

const GOOD: &[u8] = b"PUT /v1/kv/default/a?timeout=1s HTTP/1.1\r\nhost: q\r\ncontent-length: 5\r\n\
    if-match: \"1-ff-7\"\r\nidempotency-key: order-17\r\nconnection: close\r\n\r\nhello";

/// Half of the cases are noise, half a good request with some bytes replaced.
fn cases() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..400);
    let near = proptest::collection::vec((0..GOOD.len(), any::<u8>()), 1..6).prop_map(|changes| {
        let mut bytes = GOOD.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![noise, near]
}

#[test]
fn the_gateway_outlives_any_bytes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let served = runtime.block_on(start(Fake::default(), Limits::default()));
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, ..Default::default() });
    let outcome = runner.run(&cases(), |bytes| {
        let answer = runtime.block_on(exchange(served.address, &bytes));
        prop_assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{}", answer);
        prop_assert!(!answer.contains("\"internal\""), "{}", answer);
        Ok(())
    });
    outcome.unwrap();
    let alive = b"GET /healthz HTTP/1.1\r\nhost: q\r\nconnection: close\r\n\r\n";
    assert!(runtime.block_on(exchange(served.address, alive)).starts_with("HTTP/1.1 200"));
    drop(served);
}
