//! What is read, and what is refused with which line.

use super::*;

fn parse(text: &str) -> Result<History, HistoryError> {
    read(text.as_bytes(), &ReadLimits::default())
}

/// The code and the line of the error that this text must give.
fn refused(text: &str) -> (&'static str, String) {
    let error = parse(text).expect_err(text);
    (error.code(), error.to_string())
}

const INVOKE: &str = r#"{"process":0,"type":"invoke","f":"write","value":1}"#;
const OK: &str = r#"{"process":0,"type":"ok","f":"write","value":1}"#;

#[test]
fn an_invocation_finds_its_completion() {
    let history = parse(&format!("{INVOKE}\n\n{OK}\n{INVOKE}\n")).unwrap();
    let [first, second] = &history.ops[..] else { panic!("two operations") };
    assert_eq!((first.line, first.start, first.end, first.outcome), (1, 1, 2, Outcome::Ok));
    assert_eq!((second.line, second.start, second.end), (4, 3, OPEN));
    assert_eq!(second.outcome, Outcome::Info);
}

#[test]
fn errors_name_the_line_and_have_a_code() {
    let (code, text) = refused(&format!("{INVOKE}\n{INVOKE}\n"));
    assert_eq!(code, "history-double-invoke");
    assert!(text.starts_with("line 2: process 0") && text.contains("of line 1"), "{text}");

    let (code, text) = refused(&format!("{INVOKE}\n{OK}\n{OK}\n"));
    assert_eq!((code, &text[..7]), ("history-unpaired", "line 3:"));

    let (code, text) = refused(&format!("{INVOKE}\nnot json\n"));
    assert_eq!((code, &text[..7]), ("history-json", "line 2:"));

    let strange = r#"{"process":0,"type":"invoke","f":"enqueue","value":1}"#;
    let (code, text) = refused(strange);
    assert_eq!(code, "history-shape");
    assert!(text.contains("known are read"), "{text}");

    assert_eq!(refused("").0, "history-empty");
    assert_eq!(refused("\n \n").0, "history-empty");
    assert_eq!(refused(r#"{"process":"n","type":"info","f":"kill"}"#).0, "history-empty");
    let cas = r#"{"process":0,"type":"invoke","f":"cas","value":3}"#;
    assert_eq!(refused(cas).0, "history-shape");
}

#[test]
fn limits_hold() {
    let long = ReadLimits { line_max: 40, ..ReadLimits::default() };
    let error = read(INVOKE.as_bytes(), &long).unwrap_err();
    assert_eq!(error.code(), "history-line-too-long");
    let array = format!("[{INVOKE}]");
    assert_eq!(read(array.as_bytes(), &long).unwrap_err().code(), "history-line-too-long");
    let small = ReadLimits { bytes_max: 10, ..ReadLimits::default() };
    assert_eq!(read(INVOKE.as_bytes(), &small).unwrap_err().code(), "history-too-large");
}

#[test]
fn an_array_reads_as_its_lines_do() {
    let lines = parse(&format!("{INVOKE}\n{OK}\n")).unwrap();
    for array in [format!("[{INVOKE},{OK}]"), format!("\n[\n{INVOKE},\n{OK}\n]\n")] {
        let array = parse(&array).unwrap();
        assert_eq!(array.ops[0].action, lines.ops[0].action);
        assert_eq!(array.ops[0].end, 2);
    }
    let text = r#"{"process":0,"type":"invoke","f":"write","value":"a ] \" } b"}"#;
    let history = parse(&format!("[{text}]")).unwrap();
    assert_eq!(history.ops.len(), 1);
    assert_eq!(refused(&format!("[{INVOKE}")).0, "history-json");
    assert_eq!(refused("[1]").0, "history-json");
}

#[test]
fn keys_stand_in_a_field_or_in_the_value() {
    let tuple = r#"{"process":0,"type":"invoke","f":"cas","value":["k",[1,2]]}"#;
    let history = parse(tuple).unwrap();
    assert_eq!(history.values.text(history.ops[0].key), "\"k\"");
    // Once the first line has a key in its value, all must.
    let plain = r#"{"process":1,"type":"invoke","f":"read","value":null}"#;
    let (code, text) = refused(&format!("{tuple}\n{plain}"));
    assert_eq!((code, &text[..7]), ("history-shape", "line 2:"));
    // A plain history may hold pairs as values.
    let pair = r#"{"process":1,"type":"ok","f":"read","value":[1,2]}"#;
    let history = parse(&format!("{plain}\n{pair}")).unwrap();
    assert!(matches!(history.ops[0].action, Action::Read(Seen::List(_))));
}

#[test]
fn evidence_is_read() {
    let lines = "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"level\":\"eventual\"}\n\
                 {\"process\":0,\"type\":\"ok\",\"f\":\"read\",\"value\":1,\"version\":\"1-a-2\"}";
    let history = parse(lines).unwrap();
    assert!(!history.ops[0].linearizable());
    assert_eq!(history.ops[0].version, kernel::Version::parse("1-a-2"));
    let (code, _) = refused(&lines.replace("1-a-2", "new"));
    assert_eq!(code, "history-shape");
}

#[test]
fn any_bytes_give_an_error_or_a_history() {
    let mut rng = kernel::Rng::new(5);
    let valid = format!("[{INVOKE},\n{OK}]\n");
    for _ in 0..3_000 {
        let mut bytes = valid.clone().into_bytes();
        for _ in 0..rng.range(1, 6) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = *rng.pick(b"{}[]\",:\\\n 09nulx\xff").unwrap();
        }
        if let Err(error) = read(&bytes[..], &ReadLimits::default()) {
            assert!(error.code().starts_with("history-"));
        }
    }
}
