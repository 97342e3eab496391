use super::*;
use bytes::Bytes;

fn call() -> Call {
    Call {
        number: 7,
        keyspace: "carts".into(),
        program: "kv".into(),
        timeout_ms: 1800,
        consistency: "eventual".into(),
        session: "e3".into(),
        request_id: Bytes::from_static(b"k1"),
        traceparent: String::new(),
        action: Some(Action::Mutate(Bytes::from_static(b"command"))),
    }
}

fn answer() -> Answer {
    let done = Done {
        body: Bytes::from_static(b"reply"),
        consistency: "linearizable".into(),
        staleness_plus_one: 1,
        replica: 3,
        acks: 2,
        durability: "disk".into(),
        incarnation: 1,
        ..Done::default()
    };
    let result = Some(Result::Done(done));
    Answer { number: 7, leader: "h:1".into(), result, ..Answer::default() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn frames_are_golden() {
    let mut frame = Vec::new();
    call().put(&mut frame);
    let call = "3300000092b2d9b2014300000807120563617274731a026b7620880e2a086576656e7475616c\
                320265333a026b314a07636f6d6d616e64";
    assert_eq!(hex(&frame), call);
    frame.clear();
    answer().put(&mut frame);
    let answer = "340000009b5790820141000008071203683a311a230a057265706c792a0c6c696e656172697a\
                  61626c6538014003480252046469736b5801";
    assert_eq!(hex(&frame), answer);
}

/// Readers of version 1 that know no trace skip its fields.
#[test]
fn a_trace_stands_behind_what_every_reader_knows() {
    let (mut plain, mut traced) = (Vec::new(), Vec::new());
    answer().put(&mut plain);
    answer().traced(0xf << 64 | 0xa1).put(&mut traced);
    assert!(hex(&traced).ends_with("5801290f0000000000000031a100000000000000"), "{}", hex(&traced));
    assert_eq!(traced.len(), plain.len() + 18);
    let read = Answer::take(&mut BytesMut::from(&traced[..])).unwrap().unwrap();
    assert_eq!(read.trace_id(), 0xf << 64 | 0xa1);
    let read = Answer::take(&mut BytesMut::from(&plain[..])).unwrap().unwrap();
    assert_eq!(read.trace_id(), 0);
}

#[test]
fn calls_and_answers_are_told_apart() {
    let mut frame = Vec::new();
    call().put(&mut frame);
    assert!(Answer::take(&mut BytesMut::from(&frame[..])).is_err());
    let mut stream = BytesMut::from(&frame[..]);
    assert_eq!(Call::announced(&stream), Ok(Some(frame.len())));
    assert_eq!(Call::take(&mut stream), Ok(Some(call())));
    assert_eq!(Call::take(&mut stream), Ok(None));
}
