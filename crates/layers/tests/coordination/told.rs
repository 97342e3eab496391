//! What commands tell of their changes is what can be read of them.

use kernel::{Incarnation, Rng};
use layers::coordination::{Act, Answer, Ask, ChangesRequest, Error, Event, PutRequest, Stretch};
use proptest::prelude::*;

use super::{Stage, act, ask, draw, send};

/// All changes from a revision on, and the next one; `None` if nothing can be read from there.
fn read(stage: &Stage, from: i64) -> Option<(Vec<Event>, i64)> {
    let request = ChangesRequest { prev_kv: true, ..ChangesRequest::of_all((from, 0)) };
    match ask(stage, Ask::Changes(request)) {
        Ok(Answer::Changes(page)) => {
            assert!(!page.more);
            (page.compact_revision == 0).then_some((page.events, page.next_revision))
        }
        Err(Error::Importing) => None,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_told_is_what_can_be_read(seeds in prop::collection::vec(any::<u64>(), 1..80)) {
        let (mut stage, mut next, mut known) = (Stage::new(), 2, true);
        for seed in seeds {
            let command = draw::command(&mut Rng::new(seed), next - 1);
            let refused = send(&mut stage, &command).is_err();
            let told = stage.told.take();
            let gap = matches!(command.act, Some(Act::Auth(_) | Act::Import(_))) && !refused;
            prop_assert_eq!(told.is_none(), gap || command.check().is_err(), "{:?}", command);
            let Some(told) = told else {
                known = known && !gap;
                continue;
            };
            prop_assert!(told.from == next || !known, "{} after {}", told.from, next);
            (next, known) = (told.next, true);
            if let Some(found) = read(&stage, told.from) {
                prop_assert_eq!(found, (told.events, told.next), "{:?}", command);
            }
        }
    }
}

#[test]
fn a_refused_command_tells_that_nothing_changed() {
    let mut stage = Stage::new();
    let put = |lease| PutRequest { key: "a".into(), lease, ..PutRequest::default() };
    act(&mut stage, Act::Put(put(0))).unwrap();
    stage.told.take();
    assert!(act(&mut stage, Act::Put(put(7))).is_err());
    assert_eq!(stage.told.take(), Stretch::new(2, 2, Vec::new()));
}

/// What is cut off was told as it was, and nothing of it follows.
#[test]
fn a_cut_is_told_as_a_gap() {
    let mut stage = Stage::new();
    let put = PutRequest { key: "a".into(), ..PutRequest::default() };
    act(&mut stage, Act::Put(put.clone())).unwrap();
    let before = stage.told.take().unwrap().next;
    stage.cut(Incarnation(2));
    act(&mut stage, Act::Put(put)).unwrap();
    assert!(stage.told.take().unwrap().from > before);
}
