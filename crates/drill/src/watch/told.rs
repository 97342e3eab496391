//! What a node tells its host of changes is what can be read of them, and nothing is left out.

use contract::Program;
use layers::coordination::{
    Answer, Ask, Caller, ChangesRequest, ChangesResponse, Query, QueryReply, Stretch,
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
        let before = |revision: i64| revision < told.next;
        let found = page
            .events
            .iter()
            .filter(|event| event.kv.as_ref().is_some_and(|kv| before(kv.mod_revision)));
        if page.compact_revision == 0 && !found.eq(&told.events) {
            let (from, next) = (told.from, told.next);
            self.fail(|| format!("{me} told other changes of {keyspace} than {from} to {next}"));
        }
    }
}

/// The changes of a replica from a revision on; `None` while an import closes the keyspace.
fn read(db: &Db, replica: &Replica, from: i64) -> Option<ChangesResponse> {
    let all = bytes::Bytes::from_static(&[0]);
    let (key, range_end) = (all.clone(), all);
    let request = ChangesRequest {
        key,
        range_end,
        start_revision: from,
        prev_kv: true,
        ..Default::default()
    };
    let query = Query { ask: Some(Ask::Changes(request)), caller: Some(Caller::node()) };
    let reader = Reader::latest(db.engine(), replica.space);
    let reply = layers::query(Program::Coordination, &query.encode_to_vec().into(), &reader);
    match QueryReply::read(&reply.ok()?.ok()?).ok()?.into_result() {
        Ok(Answer::Changes(page)) => Some(page),
        _ => None,
    }
}
