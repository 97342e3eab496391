//! Random commands in random batches; every read at every version is compared.

use std::{collections::BTreeMap, format, string::ToString, vec, vec::Vec};

use super::{
    super::{collect, space::parse_expiry},
    *,
};

type State = BTreeMap<Bytes, Stored>;

/// All states so far: the one after the command with index i stands at i.
struct Model {
    states: Vec<State>,
}

impl Model {
    fn now(&mut self) -> &mut State {
        self.states.last_mut().unwrap()
    }

    fn put(
        &mut self,
        at: Version,
        key: &Bytes,
        value: &Bytes,
        deadline: Option<Timestamp>,
    ) -> Stored {
        let old = self.now().get(key);
        let created = old.map_or(at, |old| old.created);
        let writes = old.map_or(0, |old| old.writes) + 1;
        let stored = Stored { version: at, created, writes, deadline, value: value.clone() };
        self.now().insert(key.clone(), stored.clone());
        stored
    }

    fn scan(&self, index: usize, range: &ScanRange) -> Vec<(Bytes, Stored)> {
        let inside = self.states[index].iter().filter(|(key, _)| range.contains(key));
        let mut pairs: Vec<_> = inside.map(|(k, v)| (k.clone(), v.clone())).collect();
        if range.reverse {
            pairs.reverse();
        }
        pairs
    }
}

fn random_range(rng: &mut Rng) -> ScanRange {
    use core::ops::Bound::{Excluded, Included, Unbounded};
    let mut bound = || match rng.below(3) {
        0 => Unbounded,
        1 => Included(random_key(rng)),
        _ => Excluded(random_key(rng)),
    };
    let (start, end) = (bound(), bound());
    ScanRange { start, end, reverse: rng.chance(0.5) }
}

/// A program's command: writes and reads mixed, reads compared at once.
fn random_command(rng: &mut Rng, model: &mut Model, view: &mut dyn View, context: &str) {
    let at = view.version();
    for _ in 0..rng.range(1, 4) {
        let key = random_key(rng);
        match rng.below(8) {
            0 | 1 => {
                let existed = model.now().remove(&key).is_some();
                assert_eq!(view.delete(&key).unwrap(), existed, "{context}");
            }
            2 => assert_eq!(view.get(&key).unwrap(), model.now().get(&key).cloned(), "{context}"),
            3 => {
                let (range, limit) = (random_range(rng), rng.below(6) as usize);
                let mut expected = model.scan(model.states.len() - 1, &range);
                expected.truncate(limit);
                let found: Result<Vec<_>, _> = view.scan(range).take(limit).collect();
                assert_eq!(found.unwrap(), expected, "{context}");
            }
            4 => {
                let upto = Timestamp(rng.below(30));
                let due =
                    model.now().iter().filter_map(|(key, stored)| Some((stored.deadline?, key)));
                let mut due: Vec<_> = due.filter(|(deadline, _)| *deadline <= upto).collect();
                due.sort();
                let due: Vec<Bytes> = due.into_iter().map(|(_, key)| key.clone()).collect();
                assert_eq!(view.expired(upto, usize::MAX).unwrap(), due, "{context}");
                assert_eq!(view.expired(upto, 1).unwrap(), due[..due.len().min(1)], "{context}");
            }
            _ => {
                let value = Bytes::from(rng.below(100).to_string());
                let deadline = rng.chance(0.4).then(|| Timestamp(rng.below(30)));
                let expected = model.put(at, &key, &value, deadline);
                view.put(&key, &value, deadline).unwrap();
                assert_eq!(view.get(&key).unwrap(), Some(expected), "{context}");
            }
        }
    }
}

/// Applies one random batch of commands.
fn random_batch(
    rng: &mut Rng,
    model: &mut Model,
    engine: &mut MemEngine,
    (digest, earliest): &mut (u64, Timestamp),
) {
    let mut pending = Pending::new(engine, SPACE, true, *digest).none_due_before(*earliest);
    for _ in 0..rng.range(1, 4) {
        let index = model.states.len() as u64;
        let state = model.now().clone();
        model.states.push(state);
        random_command(rng, model, &mut pending.view(version(index)), &format!("command {index}"));
    }
    (*digest, *earliest) = (pending.digest(), pending.earliest());
    let weight = |engine: &MemEngine| Reader::latest(engine, SPACE).weigh().unwrap() as i64;
    let (before, grown) = (weight(engine), pending.grown());
    let batch = pending.into_batch();
    engine.write(batch).unwrap();
    assert_eq!(weight(engine) - before, grown);
    let reader = Reader::latest(engine, SPACE);
    let first = reader.next_deadline(Timestamp::default()).unwrap();
    assert_eq!(reader.next_deadline(*earliest).unwrap(), first);
}

fn check(rng: &mut Rng, model: &Model, engine: &MemEngine, oldest: usize, context: &str) {
    for index in oldest..model.states.len() {
        let reader = Reader::at(engine, SPACE, version(index as u64));
        let context = format!("{context}, version {index}");
        for range in [ScanRange::all(), random_range(rng)] {
            let expected = model.scan(index, &range);
            assert_eq!(reader.scan(&range, usize::MAX).unwrap(), expected, "{context} {range:?}");
            assert_eq!(reader.count(&range, 3).unwrap(), expected.len().min(3), "{context}");
        }
        let any = random_key(rng);
        for key in model.states[index].keys().chain([&any]) {
            assert_eq!(
                reader.get(key).unwrap(),
                model.states[index].get(key).cloned(),
                "{context}"
            );
        }
    }
    let now = model.states.last().unwrap();
    assert_eq!(latest(engine), *now, "{context}");
    let expiry = table(engine, Table::Expiry);
    let found: Vec<_> = expiry.iter().map(|rest| parse_expiry(rest).unwrap()).collect();
    let due = now.iter().filter_map(|(key, stored)| Some((stored.deadline?, key.clone())));
    let mut expected: Vec<_> = due.collect();
    expected.sort();
    assert_eq!(found, expected, "{context}");
    let first = expected.first().map(|(deadline, _)| *deadline);
    assert_eq!(
        Reader::latest(engine, SPACE).next_deadline(Timestamp::default()).unwrap(),
        first,
        "{context}"
    );
}

#[test]
fn every_version_reads_as_it_was_until_it_is_collected() {
    let mut removed = 0;
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut engine = MemEngine::new();
        let mut model = Model { states: vec![State::new()] };
        let (mut oldest, mut place) = (0, None);
        let mut running = (0, Timestamp::default());
        for round in 0..20 {
            let context = format!("seed {seed}, round {round}");
            random_batch(&mut rng, &mut model, &mut engine, &mut running);
            if rng.chance(0.2) {
                let horizon = rng.range(oldest as u64, model.states.len() as u64 - 1);
                let at = version(horizon).timestamp;
                while version(oldest as u64).timestamp < at {
                    oldest += 1;
                }
                loop {
                    let mut batch = Batch::new();
                    let step = collect(&engine, SPACE, &mut batch, at, place, 3).unwrap();
                    place = step.place;
                    assert_eq!(batch.len(), step.removed * 2);
                    assert!(step.removed <= 3);
                    removed += step.removed;
                    engine.write(batch).unwrap();
                    if step.done {
                        break;
                    }
                }
            }
            check(&mut rng, &model, &engine, oldest, &context);
        }
        let (history, queue) =
            (table(&engine, Table::History), table(&engine, Table::HistoryQueue));
        assert_eq!(history.len(), queue.len());
    }
    assert!(removed > 100, "{removed}");
}

#[test]
fn collecting_everything_leaves_only_what_is_current() {
    let mut rng = Rng::new(1);
    let mut engine = MemEngine::new();
    let mut model = Model { states: vec![State::new()] };
    for _ in 0..30 {
        random_batch(&mut rng, &mut model, &mut engine, &mut (0, Timestamp::default()));
    }
    assert!(!table(&engine, Table::History).is_empty());
    let mut batch = Batch::new();
    let step = collect(&engine, SPACE, &mut batch, Timestamp(u64::MAX), None, usize::MAX).unwrap();
    assert!(step.done && step.removed > 0);
    engine.write(batch).unwrap();
    assert_eq!(table(&engine, Table::History), Vec::<Bytes>::new());
    assert_eq!(table(&engine, Table::HistoryQueue), Vec::<Bytes>::new());
    assert_eq!(latest(&engine), *model.now());
}

#[test]
fn the_digest_does_not_depend_on_how_commands_are_batched() {
    let run = |cuts: &[usize], history: bool, generation: u32| {
        let mut engine = MemEngine::new();
        let space = Space::new(ShardId(1), generation);
        let (mut digest, mut index, mut rng) = (0, 0, Rng::new(4));
        for cut in cuts {
            let mut pending = Pending::new(&engine, space, history, digest);
            for _ in 0..*cut {
                let mut view = pending.view(version(index));
                let (key, value) = (random_key(&mut rng), Bytes::from(index.to_string()));
                if rng.chance(0.3) {
                    view.delete(&key).unwrap();
                } else {
                    view.put(&key, &value, None).unwrap();
                }
                pending.kept(&key, &[]);
                index += 1;
            }
            pending.put_raw(Table::Meta, b"applied", Bytes::from(index.to_string()));
            digest = pending.digest();
            let batch = pending.into_batch();
            engine.write(batch).unwrap();
        }
        digest
    };
    let one = run(&[40], true, 0);
    assert_eq!(one, run(&[1, 9, 30], true, 3));
    assert_eq!(one, run(&[20, 20], false, 0));
    assert_ne!(one, run(&[39], true, 0));
}

#[test]
fn without_history_nothing_of_the_past_is_kept() {
    let mut engine = MemEngine::new();
    for index in 0..9 {
        let mut pending = Pending::new(&engine, SPACE, false, 0);
        let mut view = pending.view(version(index));
        view.put(b"k", &Bytes::from(index.to_string()), None).unwrap();
        view.delete(b"gone").unwrap();
        view.put(b"gone", &Bytes::new(), None).unwrap();
        let batch = pending.into_batch();
        engine.write(batch).unwrap();
    }
    assert_eq!(table(&engine, Table::History), Vec::<Bytes>::new());
    assert_eq!(latest(&engine)[&key("k")].writes, 9);
}

#[test]
fn raw_tables_see_the_batch_and_the_engine() {
    let mut engine = MemEngine::new();
    let mut pending = Pending::new(&engine, SPACE, true, 0);
    pending.put_raw(Table::OutcomePage, b"a", key("1"));
    pending.put_raw(Table::OutcomePage, b"b", key("1"));
    let batch = pending.into_batch();
    engine.write(batch).unwrap();
    let mut pending = Pending::new(&engine, SPACE, true, 0);
    pending.delete_raw(Table::OutcomePage, b"a");
    pending.put_raw(Table::OutcomePage, b"c", key("2"));
    pending.put_raw(Table::Meta, b"q", key("3"));
    assert_eq!(pending.get_raw(Table::OutcomePage, b"a").unwrap(), None);
    assert_eq!(pending.get_raw(Table::OutcomePage, b"b").unwrap(), Some(key("1")));
    let all = |range: ScanRange| pending.scan_raw(Table::OutcomePage, &range, 9).unwrap();
    assert_eq!(all(ScanRange::all()), [(key("b"), key("1")), (key("c"), key("2"))]);
    assert_eq!(all(ScanRange::all().reversed()), [(key("c"), key("2")), (key("b"), key("1"))]);
    assert_eq!(pending.scan_raw(Table::OutcomePage, &ScanRange::all(), 1).unwrap().len(), 1);
}

#[test]
fn a_write_that_nobody_could_read_leaves_no_history() {
    let mut engine = MemEngine::new();
    command(&mut engine, 1, |view| {
        view.put(b"k", &key("one"), None).unwrap();
        view.put(b"k", &key("two"), None).unwrap();
        view.delete(b"k").unwrap();
        view.put(b"k", &key("three"), None).unwrap();
    });
    assert_eq!(table(&engine, Table::History), Vec::<Bytes>::new());
    let stored = &latest(&engine)[&key("k")];
    assert_eq!((stored.writes, stored.created), (1, version(1)));
}
