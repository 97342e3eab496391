//! What a node tells its host of changes is what can be read of them, and nothing is left out.

use contract::Program;
use layers::coordination::{
    Answer, Ask, Caller, ChangesRequest, ChangesResponse, Event, Query, QueryReply, Stretch,
};
use prost::Message;
use store::Reader;

use super::{Db, Replica, Watch};

impl Watch {
    /// The node told this of a keyspace, or that there is something that it does not tell.
    pub fn told(&mut self, db: &Db, keyspace: &str, told: Option<&Stretch>) {
        let known = self.told.take();
        let Some(told) = told else { return };
        let me = self.me;
        self.told = Some(told.next);
        if let Some(next) = known.filter(|next| *next != told.from) {
            let from = told.from;
            self.fail(|| format!("{me} told changes of {keyspace} from {from} on after {next}"));
        }
        let of = |replica: &&Replica| replica.runs.coordinates() == Some(keyspace);
        let Some(page) = db.shards().values().find(of).and_then(|of| read(db, of, told.from))
        else {
            return;
        };
        let found: Vec<&Event> =
            page.events.iter().filter(|event| event.revision() < told.next).collect();
        let alike = found.len() == told.events.len()
            && found.iter().zip(&told.events).all(|(read, event)| same(read, event, told.from));
        if page.compact_revision == 0 && !alike {
            let (from, next) = (told.from, told.next);
            self.fail(|| format!("{me} told other changes of {keyspace} than {from} to {next}"));
        }
    }
}

/// Whether what is read of a change is what was told. A compaction of the same batch may have taken
/// what stood there before the first revision that it left.
fn same(read: &Event, told: &Event, from: i64) -> bool {
    let taken = told.revision() == from && read.prev_kv.is_none();
    read == told || taken && *read == Event { prev_kv: None, ..told.clone() }
}

/// The changes of a replica from a revision on; `None` while an import closes the keyspace.
fn read(db: &Db, replica: &Replica, from: i64) -> Option<ChangesResponse> {
    let request = ChangesRequest { prev_kv: true, ..ChangesRequest::of_all((from, 0)) };
    let query = Query { ask: Some(Ask::Changes(request)), caller: Some(Caller::node()) };
    let reader = Reader::latest(db.engine(), replica.space);
    let reply = layers::query(Program::Coordination, &query.encode_to_vec().into(), &reader);
    match QueryReply::read(&reply.ok()?.ok()?).ok()?.into_result() {
        Ok(Answer::Changes(page)) => Some(page),
        _ => None,
    }
}
