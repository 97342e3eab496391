//! Random commands and queries: the program and the model agree in every field.

use bytes::Bytes;
use contract::Program;
use kernel::Rng;
use layers::coordination::{Act, Ask, Command, Query, SweepRequest};
use proptest::prelude::*;
use prost::Message;

use super::{Stage, act, ask, draw, model::Model, send};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_program_does_what_the_model_does(seeds in prop::collection::vec(any::<u64>(), 1..80)) {
        let (mut stage, mut model) = (Stage::new(), Model::new());
        for seed in seeds {
            let rng = &mut Rng::new(seed);
            let command = draw::command(rng, model.revision());
            prop_assert_eq!(send(&mut stage, &command), model.apply(&command), "{:?}", command);
            for _ in 0..3 {
                let query = draw::query(rng, model.revision());
                let found = ask(&stage, query.ask.clone().unwrap());
                prop_assert_eq!(found, model.answer(&query), "{:?}", query);
            }
        }
    }

    #[test]
    fn an_import_does_what_the_model_does(
        seed: u64,
        seeds in prop::collection::vec(any::<u64>(), 1..20),
    ) {
        let (mut stage, mut model) = (Stage::new(), Model::new());
        let pieces = draw::import(&mut Rng::new(seed)).into_iter().map(Act::Import);
        let pieces = pieces.map(Command::new).collect::<Vec<_>>();
        let after = seeds.iter().map(|seed| draw::command(&mut Rng::new(*seed), 9));
        for command in pieces.into_iter().chain(after) {
            prop_assert_eq!(send(&mut stage, &command), model.apply(&command), "{:?}", command);
            let query = draw::query(&mut Rng::new(seed), model.revision());
            let found = ask(&stage, query.ask.clone().unwrap());
            prop_assert_eq!(found, model.answer(&query), "{:?}", query);
        }
    }

    #[test]
    fn bytes_that_mean_nothing_are_refused_not_fatal(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        if layers::check(Program::Coordination, &bytes).is_ok() {
            Stage::new().apply(Program::Coordination, &bytes);
        }
        if Query::read(&bytes).is_ok() {
            Stage::new().query(Program::Coordination, &bytes);
        }
    }
}

/// Whatever a model has that long, one engine batch or many, the answers stay the same.
#[test]
fn a_long_history_agrees() {
    let rng = &mut Rng::new(7);
    let (mut stage, mut model) = (Stage::new(), Model::new());
    for step in 0..3_000 {
        let command = draw::command(rng, model.revision());
        assert_eq!(send(&mut stage, &command), model.apply(&command), "{step}: {command:?}");
        if step % 10 == 0 {
            let query = draw::query(rng, model.revision());
            assert_eq!(ask(&stage, query.ask.clone().unwrap()), model.answer(&query), "{query:?}");
        }
    }
    assert!(model.revision() > 500, "{}", model.revision());
}

/// Commands of one batch see each other.
#[test]
fn a_batch_is_as_its_commands_one_by_one() {
    let rng = &mut Rng::new(11);
    let (mut single, mut batched) = (Stage::new(), Stage::new());
    for _ in 0..100 {
        let commands: Vec<Command> = (0..8).map(|_| draw::command(rng, 20)).collect();
        let bytes = commands.iter().map(|command| Bytes::from(command.encode_to_vec()));
        let bytes: Vec<Bytes> =
            bytes.filter(|bytes| layers::check(Program::Coordination, bytes).is_ok()).collect();
        let one: Vec<Bytes> =
            bytes.iter().map(|bytes| single.apply(Program::Coordination, bytes)).collect();
        assert_eq!(batched.apply_all(Program::Coordination, &bytes), one);
    }
    act(&mut single, Act::Sweep(SweepRequest {})).unwrap();
    let status = Ask::Status(layers::coordination::StatusRequest {});
    assert!(ask(&batched, status).is_ok());
}
