//! A lease on real clocks, and word of every change on every node.

use std::time::Duration;

use contract::{Contract, Program};
use database::{
    Answer, Request,
    api::{Action, Call, Control, Trace},
};
use layers::coordination::{
    Act, Ask, Command, LeaseGrantRequest, LeaseLeasesRequest, PutRequest, Query, QueryReply,
};
use node::ambient::Clock;
use prost::Message;
use tokio::time::timeout;

use super::bench::{Bench, until};

const PATIENCE: Duration = Duration::from_secs(30);
const TTL_S: i64 = 2;

fn call(action: Action) -> Request {
    Request::Call(Call {
        keyspace: "locks".to_owned(),
        action,
        consistency: None,
        session: None,
        request_id: None,
        timeout: Duration::from_secs(3),
        trace: Trace::default(),
    })
}

fn act(act: Act) -> Request {
    let command = Command::new(act).encode_to_vec().into();
    call(Action::Mutate { program: Program::Coordination, command })
}

async fn leases(bench: &Bench, node: usize) -> Vec<i64> {
    let query = Query::from(Ask::LeaseLeases(LeaseLeasesRequest {})).encode_to_vec().into();
    let request = call(Action::Query { program: Program::Coordination, query });
    let Answer::Done(done) = bench.ask(node, request).await else { panic!("no answer") };
    match QueryReply::read(&done.body).unwrap().into_result() {
        Ok(layers::coordination::Answer::LeaseLeases(all)) => {
            all.leases.iter().map(|lease| lease.id).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_ends_and_every_node_hears_of_it() {
    let mut bench = Bench::start(3).await;
    let contract = Contract { replicas: 3, ..Contract::new(Program::Coordination) };
    let control = Control::CreateKeyspace { name: "locks".to_owned(), contract };
    let made = Request::Control { control, request_id: None, timeout: Duration::from_secs(3) };
    bench.ask(0, made).await;
    let mut heard: Vec<_> = (0..3).map(|node| bench.handle(node).changes("locks")).collect();

    let clock = Clock::start();
    let begun = clock.instant();
    bench.ask(0, act(Act::LeaseGrant(LeaseGrantRequest { ttl: TTL_S, id: 7 }))).await;
    let put = PutRequest { key: "k".into(), lease: 7, ..PutRequest::default() };
    bench.ask(1, act(Act::Put(put))).await;
    until("word of the put", PATIENCE, || heard.iter().all(|node| *node.borrow() > 0)).await;
    heard.iter_mut().for_each(|node| drop(node.borrow_and_update()));

    // Nothing else happens: what is heard next is the end, or what a leader wrote for itself.
    let wait = async {
        while !leases(&bench, 2).await.is_empty() {
            for node in &mut heard {
                node.changed().await.unwrap();
            }
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "the lease lives on");
    assert!(clock.instant().since(begun) >= Duration::from_secs(TTL_S.unsigned_abs()));
    bench.shutdown().await;
}
