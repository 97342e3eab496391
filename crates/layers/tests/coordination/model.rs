//! The model: every state that ever was, kept whole, and every change.
//!
//! Slow and plain on purpose. It shares the messages and the check of shapes with the program, and
//! nothing else.

use std::collections::BTreeMap;

use bytes::Bytes;
use layers::coordination::*;

use super::auth_model::Auth;

mod recipes;

pub type State = BTreeMap<Bytes, KeyValue>;

#[derive(Clone)]
pub struct Model {
    /// One state for each revision.
    states: Vec<State>,
    changes: Vec<(i64, u32, Event)>,
    compacted: i64,
    leases: BTreeMap<u64, LeaseRecord>,
    /// Commands so far.
    index: u64,
    import: Option<Import>,
    auth: Auth,
}

/// An import.
#[derive(Clone, Default)]
struct Import {
    source: Bytes,
    revision: i64,
    leases: Vec<i64>,
    kvs: State,
    finished: bool,
}

impl Import {
    fn done(&self) -> usize {
        self.leases.len() + self.kvs.len()
    }

    fn take(
        &mut self,
        request: &ImportRequest,
        all: &mut BTreeMap<u64, LeaseRecord>,
        renewal: u64,
    ) -> Result<(), Error> {
        let done = self.done();
        if request.at as usize > done {
            return Err(Error::ImportOutOfPlace);
        }
        for (at, lease) in request.leases.iter().enumerate() {
            let last = self.leases.last().map_or(0, |last| *last as u64);
            if request.at as usize + at < done {
                continue;
            } else if lease.id as u64 <= last || !self.kvs.is_empty() {
                return Err(Error::ImportOutOfPlace);
            }
            let ttl = lease.ttl.clamp(2, 9_000_000_000);
            let remaining_ttl = lease.remaining_ttl.clamp(0, ttl);
            all.insert(lease.id as u64, LeaseRecord { id: lease.id, ttl, remaining_ttl, renewal });
            self.leases.push(lease.id);
        }
        for (at, kv) in request.kvs.iter().enumerate() {
            if request.at as usize + request.leases.len() + at < done {
                continue;
            } else if self.kvs.keys().next_back().is_some_and(|last| kv.key <= last) {
                return Err(Error::ImportOutOfPlace);
            }
            self.kvs.insert(kv.key.clone(), kv.clone());
        }
        Ok(())
    }
}

/// A command under way.
struct Work {
    state: State,
    events: Vec<Event>,
}

pub fn within(key: &Bytes, first: &Bytes, end: &Bytes) -> bool {
    match &end[..] {
        b"" => key == first,
        b"\0" => key >= first,
        _ => key >= first && key < end,
    }
}

/// The end of a range of all keys that begin so.
pub fn behind(prefix: &Bytes) -> Bytes {
    let mut end = prefix.to_vec();
    while end.last() == Some(&0xff) {
        end.pop();
    }
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end = vec![0],
    }
    end.into()
}

fn found(state: &State, first: &Bytes, end: &Bytes) -> Vec<KeyValue> {
    state.values().filter(|kv| within(&kv.key, first, end)).cloned().collect()
}

fn queue(state: &State, name: &Bytes) -> Vec<KeyValue> {
    let prefix = [&name[..], b"/"].concat();
    let mut places: Vec<_> =
        state.values().filter(|kv| kv.key.starts_with(&prefix)).cloned().collect();
    places.sort_by_key(|kv| kv.create_revision);
    places
}

impl Model {
    pub fn new() -> Model {
        let states = vec![State::new(), State::new()];
        Model {
            states,
            changes: Vec::new(),
            compacted: -1,
            leases: BTreeMap::new(),
            index: 0,
            import: None,
            auth: Auth::new(),
        }
    }

    pub fn revision(&self) -> i64 {
        self.states.len() as i64 - 1
    }

    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    fn newest(&self) -> &State {
        self.states.last().unwrap()
    }

    fn work(&self) -> Work {
        Work { state: self.newest().clone(), events: Vec::new() }
    }

    fn now(&self, work: &Work) -> i64 {
        self.revision() + i64::from(!work.events.is_empty())
    }

    fn finish(&mut self, work: Work) {
        if work.events.is_empty() {
            return;
        }
        self.states.push(work.state);
        let revision = self.revision();
        let events = work.events.into_iter().enumerate();
        self.changes.extend(events.map(|(sub, event)| (revision, sub as u32, event)));
    }

    fn put(&self, work: &mut Work, key: &Bytes, value: &Bytes, lease: i64) -> Option<KeyValue> {
        let revision = self.revision() + 1;
        let old = work.state.get(key).cloned();
        let kv = KeyValue {
            key: key.clone(),
            create_revision: old.as_ref().map_or(revision, |old| old.create_revision),
            mod_revision: revision,
            version: old.as_ref().map_or(0, |old| old.version) + 1,
            value: value.clone(),
            lease,
        };
        work.state.insert(key.clone(), kv.clone());
        work.events.push(Event { r#type: 0, kv: Some(kv), prev_kv: None });
        old
    }

    fn delete(&self, work: &mut Work, key: &Bytes) {
        if work.state.remove(key).is_some() {
            let mod_revision = self.revision() + 1;
            let kv = KeyValue { key: key.clone(), mod_revision, ..KeyValue::default() };
            work.events.push(Event { r#type: 1, kv: Some(kv), prev_kv: None });
        }
    }

    fn has_lease(&self, id: i64) -> bool {
        self.leases.contains_key(&(id as u64))
    }

    fn end(&mut self, work: &mut Work, id: i64) {
        let attached: Vec<_> = work.state.values().filter(|kv| kv.lease == id).cloned().collect();
        attached.iter().for_each(|kv| self.delete(work, &kv.key));
        self.leases.remove(&(id as u64));
    }

    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Error> {
        command.check()?;
        self.index += 1;
        if self.importing() && !matches!(command.act, Some(Act::Import(_))) {
            return Err(Error::Importing);
        }
        self.auth.permits(command, self.newest())?;
        for guard in &command.guards {
            if !self.holders(&guard.name).contains(&guard.token) {
                return Err(Error::GuardFailed);
            }
        }
        let mut work = self.work();
        let outcome = self.act(command.act.as_ref().unwrap(), &mut work)?;
        self.finish(work);
        Ok(outcome)
    }

    fn act(&mut self, act: &Act, work: &mut Work) -> Result<Outcome, Error> {
        let header = |model: &Model, work: &Work| ResponseHeader::at(model.now(work));
        Ok(match act {
            Act::Auth(request) => {
                self.auth.act(request.act.as_ref().unwrap())?;
                Outcome::Auth(AuthResponse { header: header(self, work) })
            }
            Act::Put(request) => {
                if request.lease != 0 && !self.has_lease(request.lease) {
                    return Err(Error::LeaseNotFound);
                }
                self.keeps(request)?;
                Outcome::Put(self.put_response(work, request)?)
            }
            Act::DeleteRange(request) => Outcome::DeleteRange(self.delete_response(work, request)),
            Act::Txn(request) => Outcome::Txn(self.txn(work, request)?),
            Act::Compaction(request) => {
                if request.revision <= self.compacted {
                    return Err(Error::Compacted);
                } else if request.revision > self.revision() {
                    return Err(Error::FutureRev);
                }
                self.compacted = request.revision;
                Outcome::Compaction(CompactionResponse { header: header(self, work), swept: true })
            }
            Act::Sweep(_) => {
                Outcome::Sweep(SweepResponse { header: header(self, work), swept: true })
            }
            Act::LeaseGrant(request) => {
                if request.ttl > 9_000_000_000 {
                    return Err(Error::LeaseTtlTooLarge);
                } else if self.has_lease(request.id) {
                    return Err(Error::LeaseExist);
                }
                let (id, ttl) = (request.id, request.ttl.max(2));
                let record = LeaseRecord { id, ttl, remaining_ttl: ttl, renewal: self.index };
                self.leases.insert(id as u64, record);
                Outcome::LeaseGrant(LeaseGrantResponse { header: header(self, work), id, ttl })
            }
            Act::LeaseRevoke(request) => {
                if !self.has_lease(request.id) {
                    return Err(Error::LeaseNotFound);
                }
                self.end(work, request.id);
                Outcome::LeaseRevoke(LeaseRevokeResponse { header: header(self, work) })
            }
            Act::LeaseRenew(request) => {
                let mut leases = Vec::new();
                for id in &request.ids {
                    let mut kept = LeaseKeepAlive { id: *id, ..LeaseKeepAlive::default() };
                    if let Some(record) = self.leases.get_mut(&(*id as u64)) {
                        record.renewal = self.index;
                        record.remaining_ttl = record.ttl;
                        (kept.ttl, kept.renewal) = (record.ttl, record.renewal);
                    }
                    leases.push(kept);
                }
                Outcome::LeaseRenew(LeaseRenewResponse { header: header(self, work), leases })
            }
            Act::LeaseCheckpoint(request) => {
                for checkpoint in &request.checkpoints {
                    if let Some(record) = self.leases.get_mut(&(checkpoint.id as u64))
                        && record.renewal == checkpoint.renewal
                    {
                        record.remaining_ttl = checkpoint.remaining_ttl.clamp(0, record.ttl);
                    }
                }
                Outcome::LeaseCheckpoint(LeaseCheckpointResponse { header: header(self, work) })
            }
            Act::LeaseExpire(request) => {
                let mut ids = Vec::new();
                for overdue in &request.overdue {
                    let record = self.leases.get(&(overdue.id as u64));
                    if record.is_some_and(|record| record.renewal == overdue.renewal) {
                        self.end(work, overdue.id);
                        ids.push(overdue.id);
                    }
                }
                Outcome::LeaseExpire(LeaseExpireResponse { header: header(self, work), ids })
            }
            Act::Lock(request) => {
                let (kv, before) = self.stand(work, &request.name, request.lease, None)?;
                Outcome::Lock(LockResponse {
                    header: header(self, work),
                    key: kv.key,
                    token: kv.create_revision,
                    held: before.is_none(),
                    behind: before.unwrap_or_default(),
                })
            }
            Act::Unlock(request) => {
                self.delete(work, &request.key);
                Outcome::Unlock(UnlockResponse { header: header(self, work) })
            }
            Act::Campaign(request) => {
                let value = Some(&request.value);
                let (kv, before) = self.stand(work, &request.name, request.lease, value)?;
                let leader = LeaderKey {
                    name: request.name.clone(),
                    key: kv.key,
                    rev: kv.create_revision,
                    lease: request.lease,
                };
                Outcome::Campaign(CampaignResponse {
                    header: header(self, work),
                    leader: Some(leader),
                    elected: before.is_none(),
                    behind: before.unwrap_or_default(),
                })
            }
            Act::Proclaim(request) => {
                let leader = request.leader.as_ref().unwrap();
                let stands = work.state.get(&leader.key);
                if stands.is_none_or(|kv| kv.create_revision != leader.rev) {
                    return Err(Error::NotLeader);
                }
                if !self.has_lease(leader.lease) {
                    return Err(Error::LeaseNotFound);
                }
                self.put(work, &leader.key, &request.value, leader.lease);
                Outcome::Proclaim(ProclaimResponse { header: header(self, work) })
            }
            Act::Resign(request) => {
                let leader = request.leader.as_ref().unwrap();
                let stands = work.state.get(&leader.key);
                if stands.is_some_and(|kv| kv.create_revision == leader.rev) {
                    self.delete(work, &leader.key);
                }
                Outcome::Resign(ResignResponse { header: header(self, work) })
            }
            Act::Import(request) => Outcome::Import(self.import(request)?),
            Act::Recipe(request) => Outcome::Recipe(self.recipe(work, request)?),
        })
    }

    fn importing(&self) -> bool {
        self.import.as_ref().is_some_and(|import| !import.finished)
    }

    fn import(&mut self, request: &ImportRequest) -> Result<ImportResponse, Error> {
        let named = (&request.source, request.revision);
        let fresh =
            self.import.as_ref().is_none_or(|import| (&import.source, import.revision) != named);
        if fresh && self.importing() {
            return Err(Error::Importing);
        } else if fresh && (self.revision() > 1 || !self.leases.is_empty()) {
            return Err(Error::NotEmpty);
        }
        // Nothing of a piece that is refused stays.
        let (mut import, mut leases) =
            (self.import.clone().unwrap_or_default(), self.leases.clone());
        if fresh {
            let (source, revision) = (request.source.clone(), request.revision);
            import = Import { source, revision, ..Import::default() };
        }
        if !import.finished {
            import.take(request, &mut leases, self.index)?;
        }
        if !import.finished && request.last {
            if request.at as usize + request.leases.len() + request.kvs.len() != import.done() {
                return Err(Error::ImportOutOfPlace);
            }
            import.finished = true;
            self.compacted = request.revision;
            self.states.resize(request.revision as usize, State::new());
            let put = |kv: &KeyValue| Event { r#type: 0, kv: Some(kv.clone()), prev_kv: None };
            let newest = import.kvs.values().filter(|kv| kv.mod_revision == request.revision);
            let newest =
                newest.enumerate().map(|(sub, kv)| (request.revision, sub as u32, put(kv)));
            self.changes.extend(newest);
            self.states.push(import.kvs.clone());
        }
        let (done, finished) = (import.done() as u64, import.finished);
        (self.import, self.leases) = (Some(import), leases);
        Ok(ImportResponse { header: ResponseHeader::at(self.revision()), done, finished })
    }

    fn stand(
        &self,
        work: &mut Work,
        name: &Bytes,
        lease: i64,
        value: Option<&Bytes>,
    ) -> Result<(KeyValue, Option<Bytes>), Error> {
        if !self.has_lease(lease) {
            return Err(Error::LeaseNotFound);
        }
        let digits = if lease < 0 { format!("-{:x}", -lease) } else { format!("{lease:x}") };
        let key = Bytes::from([&name[..], b"/", digits.as_bytes()].concat());
        let there = work.state.get(&key);
        match value {
            None if there.is_some() => {}
            Some(value) if there.is_some_and(|kv| kv.value == value) => {}
            _ => drop(self.put(work, &key, value.unwrap_or(&Bytes::new()), lease)),
        }
        let queue = queue(&work.state, name);
        let at = queue.iter().position(|kv| kv.key == key).unwrap();
        Ok((queue[at].clone(), at.checked_sub(1).map(|before| queue[before].key.clone())))
    }

    fn keeps(&self, request: &PutRequest) -> Result<(), Error> {
        let keeps = request.ignore_value || request.ignore_lease;
        if keeps && !self.newest().contains_key(&request.key) {
            return Err(Error::KeyNotFound);
        }
        Ok(())
    }

    /// What a put keeps may be gone by now: the transaction removed it itself. etcd ends its process
    /// there; here the transaction does not happen.
    fn put_response(&self, work: &mut Work, request: &PutRequest) -> Result<PutResponse, Error> {
        let (mut value, mut lease) = (request.value.clone(), request.lease);
        if let Some(old) = work.state.get(&request.key) {
            value = if request.ignore_value { old.value.clone() } else { value };
            lease = if request.ignore_lease { old.lease } else { lease };
        } else if request.ignore_value || request.ignore_lease {
            return Err(Error::KeyNotFound);
        }
        let old = self.put(work, &request.key, &value, lease);
        let header = ResponseHeader::at(self.now(work));
        Ok(PutResponse { header, prev_kv: old.filter(|_| request.prev_kv) })
    }

    fn delete_response(
        &self,
        work: &mut Work,
        request: &DeleteRangeRequest,
    ) -> DeleteRangeResponse {
        let removed = found(&work.state, &request.key, &request.range_end);
        removed.iter().for_each(|kv| self.delete(work, &kv.key));
        DeleteRangeResponse {
            header: ResponseHeader::at(self.now(work)),
            deleted: removed.len() as i64,
            prev_kvs: if request.prev_kv { removed } else { Vec::new() },
        }
    }

    fn range(
        &self,
        state: &State,
        request: &RangeRequest,
        header: i64,
    ) -> Result<RangeResponse, Error> {
        if request.revision > header {
            return Err(Error::FutureRev);
        } else if request.revision > 0 && request.revision < self.compacted {
            return Err(Error::Compacted);
        }
        let past = request.revision > 0;
        let state = if past { &self.states[request.revision as usize] } else { state };
        let mut kvs = found(state, &request.key, &request.range_end);
        let counted = request.count_only || !request.uncounted;
        let count = if counted { kvs.len() as i64 } else { 0 };
        let header = ResponseHeader::at(header);
        if request.count_only {
            return Ok(RangeResponse { header, count, ..RangeResponse::default() });
        }
        let within = |at, min, max| (min == 0 || at >= min) && (max == 0 || at <= max);
        kvs.retain(|kv| {
            within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
        });
        kvs.retain(|kv| {
            within(kv.create_revision, request.min_create_revision, request.max_create_revision)
        });
        let bounds = request.min_mod_revision
            | request.max_mod_revision
            | request.min_create_revision
            | request.max_create_revision;
        let limit = if request.limit > 0 { request.limit as usize } else { usize::MAX };
        // Without an order, a limit cuts before anything is sorted, one behind it.
        if request.sort_order == 0 && bounds == 0 {
            kvs.truncate(limit.saturating_add(1));
        }
        let number = |kv: &KeyValue| match request.sort_target {
            1 => kv.version,
            2 => kv.create_revision,
            3 => kv.mod_revision,
            _ => 0,
        };
        let compare = |a: &KeyValue, b: &KeyValue| match request.sort_target {
            0 => a.key.cmp(&b.key),
            4 => a.value.cmp(&b.value),
            _ => number(a).cmp(&number(b)),
        };
        kvs.sort_by(|a, b| if request.sort_order == 2 { compare(b, a) } else { compare(a, b) });
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        Ok(RangeResponse { header, kvs, more, count })
    }

    fn txn(&self, work: &mut Work, request: &TxnRequest) -> Result<TxnResponse, Error> {
        self.try_all(request, true)?;
        self.try_all(request, false)?;
        let response = self.run(work, request)?;
        Ok(TxnResponse { header: ResponseHeader::at(self.now(work)), ..response })
    }

    fn branch<'t>(&self, request: &'t TxnRequest) -> (bool, &'t [RequestOp]) {
        if request.compare.iter().all(|compare| self.holds(compare)) {
            (true, &request.success)
        } else {
            (false, &request.failure)
        }
    }

    fn try_all(&self, request: &TxnRequest, puts: bool) -> Result<(), Error> {
        for op in self.branch(request).1 {
            match op.request.as_ref().unwrap() {
                Request::RequestPut(request) if puts => {
                    self.keeps(request)?;
                    if request.lease != 0 && !self.has_lease(request.lease) {
                        return Err(Error::LeaseNotFound);
                    }
                }
                Request::RequestRange(request) if !puts && request.revision != 0 => {
                    if request.revision > self.revision() {
                        return Err(Error::FutureRev);
                    } else if request.revision < self.compacted {
                        return Err(Error::Compacted);
                    }
                }
                Request::RequestTxn(request) => self.try_all(request, puts)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn run(&self, work: &mut Work, request: &TxnRequest) -> Result<TxnResponse, Error> {
        let (succeeded, ops) = self.branch(request);
        let mut responses = Vec::new();
        for op in ops {
            let response = match op.request.as_ref().unwrap() {
                Request::RequestRange(request) => {
                    let header = self.now(work);
                    Response::ResponseRange(self.range(&work.state, request, header)?)
                }
                Request::RequestPut(request) => {
                    Response::ResponsePut(self.put_response(work, request)?)
                }
                Request::RequestDeleteRange(request) => {
                    Response::ResponseDeleteRange(self.delete_response(work, request))
                }
                Request::RequestTxn(request) => Response::ResponseTxn(self.run(work, request)?),
            };
            responses.push(ResponseOp { response: Some(response) });
        }
        Ok(TxnResponse { header: Some(ResponseHeader::default()), succeeded, responses })
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kvs = found(self.newest(), &compare.key, &compare.range_end);
        let agrees = |kv: &KeyValue| {
            let union = compare.target_union.clone();
            let order = match (compare.target, union) {
                (0, Some(TargetUnion::Version(of))) => kv.version.cmp(&of),
                (0, _) => kv.version.cmp(&0),
                (1, Some(TargetUnion::CreateRevision(of))) => kv.create_revision.cmp(&of),
                (1, _) => kv.create_revision.cmp(&0),
                (2, Some(TargetUnion::ModRevision(of))) => kv.mod_revision.cmp(&of),
                (2, _) => kv.mod_revision.cmp(&0),
                (3, Some(TargetUnion::Value(of))) => kv.value.cmp(&of),
                (3, _) => kv.value.cmp(&Bytes::new()),
                (_, Some(TargetUnion::Lease(of))) => kv.lease.cmp(&of),
                (..) => kv.lease.cmp(&0),
            };
            match compare.result {
                0 => order.is_eq(),
                1 => order.is_gt(),
                2 => order.is_lt(),
                _ => order.is_ne(),
            }
        };
        match kvs.is_empty() {
            true => compare.target != 3 && agrees(&KeyValue::default()),
            false => kvs.iter().all(agrees),
        }
    }

    pub fn answer(&self, query: &Query) -> Result<Answer, Error> {
        query.check()?;
        if self.importing() && !matches!(query.ask, Some(Ask::Status(_))) {
            return Err(Error::Importing);
        }
        self.auth.shows(query, self.newest())?;
        let header = ResponseHeader::at(self.revision());
        Ok(match query.ask.as_ref().unwrap() {
            Ask::Auth(query) => self.auth.answer(query.ask.as_ref().unwrap(), header)?.into(),
            Ask::Range(request) => {
                Answer::Range(self.range(self.newest(), request, self.revision())?)
            }
            Ask::Txn(request) => Answer::Txn(self.txn(&mut self.work(), request)?),
            Ask::Changes(request) => Answer::Changes(self.changes(request)),
            Ask::LeaseTimeToLive(request) => {
                let id = request.id;
                let mut response =
                    LeaseTimeToLiveResponse { header, id, ttl: -1, ..Default::default() };
                if let Some(record) = self.leases.get(&(id as u64)) {
                    (response.ttl, response.granted_ttl) = (record.remaining_ttl, record.ttl);
                    let attached = self.newest().values().filter(|kv| kv.lease == id);
                    response.keys = attached.map(|kv| kv.key.clone()).collect();
                    response.keys.truncate(if request.keys { usize::MAX } else { 0 });
                }
                Answer::LeaseTimeToLive(response)
            }
            Ask::LeaseLeases(_) => {
                let leases = self.leases.values().map(|record| LeaseStatus { id: record.id });
                Answer::LeaseLeases(LeaseLeasesResponse { header, leases: leases.collect() })
            }
            Ask::LeaseRecords(request) => {
                let behind = self.leases.range(request.after as u64 + 1..);
                let mut leases: Vec<_> = behind.map(|(_, record)| *record).collect();
                let more = leases.len() > request.limit as usize;
                leases.truncate(request.limit as usize);
                Answer::LeaseRecords(LeaseRecordsResponse { header, leases, more })
            }
            Ask::LeaseKeepAlive(request) => {
                let kept = |id: &i64| match self.leases.get(&(*id as u64)) {
                    None => LeaseKeepAlive { id: *id, ..LeaseKeepAlive::default() },
                    Some(record) => LeaseKeepAlive {
                        header: None,
                        id: *id,
                        ttl: record.ttl,
                        renewal: record.renewal,
                        log_it: record.remaining_ttl != record.ttl,
                    },
                };
                let leases = request.ids.iter().map(kept).collect();
                Answer::LeaseKeepAlive(LeaseRenewResponse { header, leases })
            }
            Ask::Leader(request) => {
                let first = queue(self.newest(), &request.name).first().cloned();
                Answer::Leader(LeaderResponse { header, kv: Some(first.ok_or(Error::NoLeader)?) })
            }
            Ask::Queue(request) => {
                let places = queue(self.newest(), &request.name);
                Answer::Queue(QueueResponse { header, places })
            }
            Ask::Recipe(query) => {
                let found = Some(self.recipe_found(query.ask.as_ref().unwrap()));
                Answer::Recipe(RecipeAnswer { header, found })
            }
            Ask::Status(_) => Answer::Status(StatusResponse {
                header,
                compact_revision: self.compacted,
                swept: true,
                leases: self.leases.len() as u64,
                importing: self.importing(),
                auth_revision: self.auth.shown(),
            }),
        })
    }

    fn changes(&self, request: &ChangesRequest) -> ChangesResponse {
        let start = request.start_revision.max(1);
        let mut page = ChangesResponse {
            header: ResponseHeader::at(self.revision()),
            next_revision: start,
            next_sub: request.start_sub,
            auth_revision: self.auth.shown(),
            ..ChangesResponse::default()
        };
        if start < self.compacted {
            page.compact_revision = self.compacted;
            return page;
        }
        let limit = if request.limit == 0 { usize::MAX } else { request.limit as usize };
        let from = (start, request.start_sub);
        let mut rest = self.changes.iter().filter(|(at, sub, _)| (*at, *sub) >= from);
        for (at, _, event) in rest.by_ref().take(limit) {
            let kv = event.kv.as_ref().unwrap();
            if !within(&kv.key, &request.key, &request.range_end)
                || request.filters.contains(&event.r#type)
            {
                continue;
            }
            let mut event = event.clone();
            if request.prev_kv && kv.create_revision != *at && *at > self.compacted {
                event.prev_kv = self.states[*at as usize - 1].get(&kv.key).cloned();
            }
            page.events.push(event);
        }
        if let Some((at, sub, _)) = rest.next() {
            (page.next_revision, page.next_sub, page.more) = (*at, *sub, true);
        } else if start <= self.revision() {
            (page.next_revision, page.next_sub) = (self.revision() + 1, 0);
        }
        page
    }
}
