use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

type Model = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn of(table: &Memtable, range: ScanRange) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    table.scan(range).map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
}

fn both(changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) -> (Memtable, Model) {
    let (mut table, mut model) = (Memtable::default(), Model::new());
    for (key, value) in changes {
        table.change(&key, value.as_deref());
        model.insert(key, value);
    }
    (table, model)
}

/// Every key, every edge between keys, in both directions.
fn alike(table: &Memtable, model: &Model) {
    let all: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(of(table, ScanRange::all()), all);
    assert!(of(table, ScanRange::all().reversed()).into_iter().rev().eq(all));
    for key in model.keys() {
        assert_eq!(table.get(key), Some(model[key].as_deref()), "{key:?}");
        let longer = [key, &b"\0"[..]].concat();
        assert_eq!(table.get(&longer), model.get(&longer).map(Option::as_deref));
    }
}

/// Keys as stores have them: long, alike at the beginning, counted at the end.
fn key(i: u64) -> Vec<u8> {
    [b"/registry/pods/".repeat(1 + i as usize % 7), i.to_be_bytes().to_vec()].concat()
}

#[test]
fn an_empty_table_knows_nothing() {
    let table = Memtable::default();
    assert_eq!((table.is_empty(), table.bytes(), table.get(b"key")), (true, 0, None));
    assert_eq!(of(&table, ScanRange::all()), []);
    assert_eq!(of(&table, ScanRange::prefix(Bytes::from_static(b"k")).reversed()), []);
}

#[test]
fn any_order_of_inserts_gives_the_same_map() {
    let odd = 2_654_435_761_u64;
    let orders: [&dyn Fn(u64) -> u64; 4] =
        [&|i| i, &|i| 20_000 - i, &|i| i.wrapping_mul(odd) % 20_000, &|i| i / 3 + (i % 3) * 10_000];
    for order in orders {
        let change = |i| (key(order(i)), (i % 5 > 0).then(|| vec![b'v'; i as usize % 50]));
        let (table, model) = both((0..20_000).map(change));
        alike(&table, &model);
        assert!(table.height >= 2, "some inner nodes were split: {}", table.height);
    }
}

#[test]
fn keys_below_all_others_come_late() {
    // The first child of an inner node has no key of its own that could be too great.
    let (table, model) = both((0..40_000).rev().map(|i| (key(i), None)));
    alike(&table, &model);
}

#[test]
fn a_value_that_grows_does_not_leave_a_copy_of_every_size() {
    let mut table = Memtable::default();
    for len in 0..10_000 {
        table.change(b"page", Some(&vec![7; len]));
    }
    assert_eq!(table.get(b"page"), Some(Some(&[7; 9_999][..])));
    assert!(table.bytes() < 50_000, "{}", table.bytes());
}

/// A change, and whether the key is known to be nowhere below if nothing is known of it here.
type New = (Vec<u8>, Option<Vec<u8>>, bool);

/// What is left of changes: of a key that came into being here and is removed, nothing.
fn with_new(changes: &[New]) -> (Memtable, Model) {
    let (mut table, mut model) = (Memtable::default(), Model::new());
    let mut born = std::collections::BTreeSet::new();
    for (key, value, new) in changes {
        match value {
            Some(value) if *new && model.get(key).is_none_or(Option::is_none) => {
                if !model.contains_key(key) {
                    born.insert(key);
                }
                table.insert(key, value);
            }
            value => table.change(key, value.as_deref()),
        }
        match value.is_none() && born.remove(key) {
            true => drop(model.remove(key)),
            false => drop(model.insert(key.clone(), value.clone())),
        }
    }
    (table, model)
}

#[test]
fn what_comes_and_goes_leaves_nothing_behind() {
    let place = |i: u64| (key(i), Some(b"v".to_vec()), true);
    let mut changes: Vec<New> = (0..30_000).map(place).collect();
    changes.extend((0..30_000).filter(|i| i % 1_000 > 0).map(|i| (key(i), None, false)));
    let (table, model) = with_new(&changes);
    assert_eq!(model.len(), 30);
    alike(&table, &model);
    // Whole leaves are empty now: they are walked over, and take keys again.
    changes.extend((0..30_000).step_by(7).map(place));
    let (table, model) = with_new(&changes);
    alike(&table, &model);
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Few different bytes: prefixes of each other, equal heads, zeros at the end.
    prop_oneof![
        prop::collection::vec(0u8..2, 0..14),
        prop::collection::vec(Just(255), 0..20),
        prop::collection::vec(prop_oneof![Just(b'a'), Just(0)], 60..80),
        any::<Vec<u8>>(),
    ]
}

fn bound(of: Vec<u8>, kind: u8) -> Bound<Bytes> {
    match kind {
        0 => Bound::Unbounded,
        1 => Bound::Included(of.into()),
        _ => Bound::Excluded(of.into()),
    }
}

proptest! {
    #[test]
    fn new_keys_go_without_a_trace(
        changes in prop::collection::vec((0u64..200, any::<Option<Vec<u8>>>(), any::<bool>()), 0..2000),
    ) {
        let changes: Vec<New> = changes.into_iter().map(|(i, value, new)| (key(i), value, new)).collect();
        let (table, model) = with_new(&changes);
        alike(&table, &model);
    }

    #[test]
    fn it_is_an_ordered_map(
        changes in prop::collection::vec((bytes(), any::<Option<Vec<u8>>>()), 0..400),
        ends in prop::collection::vec(((bytes(), 0u8..3), (bytes(), 0u8..3)), 20),
        reverse: bool,
    ) {
        let (table, model) = both(changes);
        alike(&table, &model);
        for ((start, first), (end, last)) in ends {
            let range = ScanRange { start: bound(start, first), end: bound(end, last), reverse };
            let within = |(key, _): &(&Vec<u8>, &Option<Vec<u8>>)| range.contains(key);
            let mut expected: Vec<_> =
                model.iter().filter(within).map(|(k, v)| (k.clone(), v.clone())).collect();
            if reverse {
                expected.reverse();
            }
            prop_assert_eq!(of(&table, range), expected);
        }
    }
}
