//! What one start leaves to the next.

use super::*;
use crate::ambient::Clock;
use vigil::Severity;

fn event(text: &str) -> Event {
    Event::new("election-won", Severity::Info, text).shard(4)
}

/// A start on a directory.
fn start(data: &Path) -> (History, Flight) {
    let (mut history, flight) = (History::open(data), Flight::new(Clock::start()));
    history.resume(&flight);
    (history, flight)
}

/// Texts and starts of everything that a recorder holds.
fn held(flight: &Flight) -> Vec<(String, u64)> {
    let (events, _) = flight.read(&Filter { limit: EVENTS_MAX, ..Filter::default() });
    assert!(events.windows(2).all(|two| two[0].id < two[1].id), "no id twice");
    events.into_iter().map(|event| (event.text, event.start)).collect()
}

/// A directory to which three events were left.
fn three() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, flight) = start(dir.path());
    ["one", "two", "three"].into_iter().for_each(|text| flight.record(event(text)));
    history.keep(&flight);
    let path = dir.path().join("events");
    (dir, path)
}

fn marks(marks: &[(&str, u64)]) -> Vec<(String, u64)> {
    marks.iter().map(|(text, start)| ((*text).to_owned(), *start)).collect()
}

#[test]
fn an_event_has_a_golden_encoding() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::open(dir.path());
    let time = "2026-01-01T00:00:00.000Z".to_owned();
    let event = Event { id: 7, start: 2, time, ..event("n1 leads").term(3) };
    history.append(std::slice::from_ref(&event)).unwrap();
    let bytes = fs::read(dir.path().join("events")).unwrap();
    let json = "{\"id\":7,\"start\":2,\"time\":\"2026-01-01T00:00:00.000Z\",\
                \"kind\":\"election-won\",\"severity\":\"info\",\"keyspace\":null,\"shard\":4,\
                \"term\":3,\"text\":\"n1 leads\",\"fields\":{}}";
    let head = [168, 0, 0, 0, 76, 239, 207, 165, 1, b'E', 0, 0, 0x0a, 157, 1];
    assert_eq!((&bytes[..15], std::str::from_utf8(&bytes[15..])), (&head[..], Ok(json)));
    assert_eq!(decode(&bytes), (vec![event], bytes.len() as u64, None));
}

#[test]
fn events_are_there_after_the_next_start_and_what_follows_is_added() {
    let (dir, _) = three();
    let (mut history, flight) = start(dir.path());
    flight.record(event("four"));
    history.keep(&flight);
    history.keep(&flight);
    flight.record(event("lost with the process"));
    let (_, flight) = start(dir.path());
    let expected = [("one", 1), ("two", 1), ("three", 1), ("four", 2)];
    assert_eq!((held(&flight), flight.start()), (marks(&expected), 3));
    assert_eq!(*flight.newest().borrow(), 2_000_000, "as far as ids were given, and further");
}

#[test]
fn whatever_ends_or_damages_a_file_what_is_before_it_is_read() {
    let (_dir, path) = three();
    let whole = fs::read(&path).unwrap();
    let (events, ..) = decode(&whole);
    let third = whole.len() / 3;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        for bytes in [&whole[..at], &damaged] {
            let (found, good, _) = decode(bytes);
            assert!(found.len() <= at / third + 1 && found == events[..found.len()], "at {at}");
            assert!(found.len() < 3 && good as usize <= at, "at {at}");
        }
    }
}

#[test]
fn a_torn_or_damaged_end_is_cut_off_and_what_comes_later_is_read() {
    let (dir, path) = three();
    let whole = fs::read(&path).unwrap();
    let torn = whole[..whole.len() - 1].to_vec();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let longer = [&whole[..], &[0]].concat();
    for (bytes, left) in [(torn, 2), (damaged, 2), (longer, 3), (vec![], 0), (vec![255; 9], 0)] {
        fs::write(&path, &bytes).unwrap();
        let (mut history, flight) = start(dir.path());
        let before = held(&flight);
        assert_eq!(before, marks(&[("one", 1), ("two", 1), ("three", 1)])[..left]);
        assert_eq!(fs::metadata(&path).unwrap().len(), history.size);
        flight.record(event("after"));
        history.keep(&flight);
        let after = held(&start(dir.path()).1);
        assert_eq!((&after[..left], after.len()), (&before[..], left + 1));
    }
}

#[test]
fn two_files_stay_within_their_bound_and_hold_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, flight) = start(dir.path());
    let length = |name: &str| fs::metadata(dir.path().join(name)).map_or(0, |found| found.len());
    for round in 0..60 {
        let text = format!("{round} {}", "x".repeat(50_000));
        flight.record(event(&text));
        flight.record(event(&"y".repeat(70_000)));
        history.keep(&flight);
        assert!(length("events") <= FILE_MAX && length("events.old") <= FILE_MAX);
    }
    assert!(length("events.old") > FILE_MAX / 2, "it was used");
    let (_, flight) = start(dir.path());
    let rounds: Vec<usize> = held(&flight)
        .iter()
        .map(|(text, _)| text.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(rounds.len() >= 20, "as much as one file holds");
    assert_eq!(rounds, (60 - rounds.len()..60).collect::<Vec<_>>(), "the newest, but the too long");
}

#[test]
fn what_a_newer_program_left_is_set_aside() {
    let (dir, path) = three();
    let mut newer = fs::read(&path).unwrap();
    Framing { version: 2, ..FRAMING }.put(KIND, &"{}".to_owned(), &mut newer);
    fs::write(&path, &newer).unwrap();
    let (mut history, flight) = start(dir.path());
    assert_eq!(held(&flight).len(), 3, "what it can read");
    flight.record(event("older"));
    history.keep(&flight);
    assert_eq!(fs::read(dir.path().join("events.newer")).unwrap(), newer);
    assert_eq!(held(&start(dir.path()).1), marks(&[("older", 2)]));
}

#[test]
fn what_cannot_be_written_is_written_later_and_nobody_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events");
    fs::create_dir(&path).unwrap();
    let (mut history, flight) = start(dir.path());
    flight.record(event("one"));
    history.keep(&flight);
    assert!(history.failing);
    fs::remove_dir(&path).unwrap();
    history.keep(&flight);
    assert!(!history.failing);
    // A write that failed half-way leaves something: the next one begins before it.
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"half an ev").unwrap();
    flight.record(event("two"));
    history.keep(&flight);
    assert_eq!(held(&start(dir.path()).1), marks(&[("one", 1), ("two", 1)]));
}
