//! The coordination program against a model of etcd, and against what etcd is known to do.

mod auth_model;
mod draw;
mod model;
#[path = "../stage/mod.rs"]
mod stage;

mod auth;
mod cut;
mod etcd;
mod golden;
mod import;
mod random;
mod recipes;
mod scenes;
mod told;

use contract::Program;
use layers::coordination::{Act, Answer, Ask, Command, Error, Outcome, Query, QueryReply, Reply};
use prost::Message;
use stage::Stage;

/// Sends a command as bytes, as a gateway does.
fn send(stage: &mut Stage, command: &Command) -> Result<Outcome, Error> {
    command.check()?;
    let reply = stage.apply(Program::Coordination, &command.encode_to_vec().into());
    Reply::read(&reply).unwrap().into_result()
}

fn act(stage: &mut Stage, act: Act) -> Result<Outcome, Error> {
    send(stage, &Command::new(act))
}

fn ask(stage: &Stage, ask: Ask) -> Result<Answer, Error> {
    answer(stage, &ask.into())
}

fn answer(stage: &Stage, query: &Query) -> Result<Answer, Error> {
    query.check()?;
    let reply = stage.query(Program::Coordination, &query.encode_to_vec().into());
    QueryReply::read(&reply).unwrap().into_result()
}
