//! From a message to what must be asked, and from the program's answer to a message: pure, total.
//!
//! ```text
//!   PutRequest ─▶ Command { put: PutRequest } ─▶ … ─▶ Reply { put: [header][rest] }
//!                                                              │        │
//!                              answer: [5 bytes] [header, filled in] [rest, as it is]
//! ```
//!
//! Requests are decoded, since what is wrong in itself is refused here. Answers are not: their
//! header comes first, and what is behind it leaves as the program wrote it.

use std::fmt::Display;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use contract::{Consistency, Program};
use database::api::Action;
use layers::coordination::{
    Act, Ask, CampaignRequest, Command, CompactionRequest, Error, LockRequest, Outcome, Query,
    Reply, Request, RequestOp, ResponseHeader, TxnRequest,
};
use prost::{
    Message,
    encoding::{
        WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint,
    },
};

use super::{
    auth::{self, AuthTask, Who},
    facts::Facts,
    grpc::{Code, PREFIX, Status, prefix},
    method::Unary,
    wire::{AlarmRequest, HashKvRequest, HealthCheckRequest, MemberListRequest, MoveLeaderRequest},
};

/// What a call needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// One question to the program; its answer is the call's.
    Ask(Asked),
    /// The same, unless the answer is that the call has to wait: then it goes on as this task.
    Queue(Asked, Task),
    /// More than that.
    Task(Task),
}

/// A question to the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// A command or a query.
    pub action: Action,
    /// How fresh an answer must be.
    pub consistency: Consistency,
}

/// Calls that are more than one question.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is named as the call")]
pub enum Task {
    Lock(LockRequest),
    Campaign(CampaignRequest),
    /// Answers when the space is given back.
    Compact(CompactionRequest),
    MemberList(MemberListRequest),
    Alarm(AlarmRequest),
    Status,
    Defragment,
    MoveLeader(MoveLeaderRequest),
    Hash,
    HashKv(HashKvRequest),
    Auth(AuthTask),
    HealthCheck(HealthCheckRequest),
}

/// Reads the message of a call.
///
/// # Errors
/// With etcd's code and text.
pub fn plan(method: Unary, message: &Bytes, who: &Who) -> Result<Plan, Status> {
    read(method, message, who).map_err(|status| match status.code {
        Code::InvalidArgument if method.is_recipe() => Status { code: Code::Unknown, ..status },
        _ => status,
    })
}

fn read(method: Unary, message: &Bytes, who: &Who) -> Result<Plan, Status> {
    let ask = |of, level| query(of, level, who).map(Plan::Ask);
    let act = |of| command(of, who).map(Plan::Ask);
    match method {
        Unary::Range => {
            let request: layers::coordination::RangeRequest = decode(message)?;
            let level = level(request.serializable);
            ask(Ask::Range(request), level)
        }
        Unary::Put => act(Act::Put(decode(message)?)),
        Unary::DeleteRange => act(Act::DeleteRange(decode(message)?)),
        Unary::Txn => txn(decode(message)?, who),
        Unary::Compact => {
            let request: CompactionRequest = decode(message)?;
            if request.physical {
                return Ok(Plan::Task(Task::Compact(request)));
            }
            act(Act::Compaction(request))
        }
        Unary::LeaseGrant => act(Act::LeaseGrant(decode(message)?)),
        Unary::LeaseRevoke => act(Act::LeaseRevoke(decode(message)?)),
        Unary::LeaseTimeToLive => ask(Ask::LeaseTimeToLive(decode(message)?), level(false)),
        Unary::LeaseLeases => ask(Ask::LeaseLeases(decode(message)?), level(false)),
        Unary::Unlock => act(Act::Unlock(decode(message)?)),
        Unary::Proclaim => act(Act::Proclaim(decode(message)?)),
        Unary::Resign => act(Act::Resign(decode(message)?)),
        Unary::Leader => ask(Ask::Leader(decode(message)?), level(false)),
        Unary::Lock => {
            let request: LockRequest = decode(message)?;
            queue(request.lease, Act::Lock(request.clone()), Task::Lock(request), who)
        }
        Unary::Campaign => {
            let request: CampaignRequest = decode(message)?;
            queue(request.lease, Act::Campaign(request.clone()), Task::Campaign(request), who)
        }
        Unary::MemberList => Ok(Plan::Task(Task::MemberList(decode(message)?))),
        Unary::Alarm => Ok(Plan::Task(Task::Alarm(decode(message)?))),
        Unary::Status => Ok(Plan::Task(Task::Status)),
        Unary::Defragment => Ok(Plan::Task(Task::Defragment)),
        Unary::Hash => Ok(Plan::Task(Task::Hash)),
        Unary::HashKv => Ok(Plan::Task(Task::HashKv(decode(message)?))),
        Unary::MoveLeader => Ok(Plan::Task(Task::MoveLeader(decode(message)?))),
        Unary::Auth(method) => Ok(Plan::Task(Task::Auth(auth::plan(method, message)?))),
        Unary::HealthCheck => Ok(Plan::Task(Task::HealthCheck(decode(message)?))),
        refused => Err(refusal(refused)),
    }
}

/// A call that queues. Without a lease it needs one first.
fn queue(lease: i64, act: Act, task: Task, who: &Who) -> Result<Plan, Status> {
    match lease {
        0 => Ok(Plan::Task(task)),
        _ => command(act, who).map(|asked| Plan::Queue(asked, task)),
    }
}

/// Why a call that is known is not carried out.
fn refusal(method: Unary) -> Status {
    let text = match method {
        Unary::MemberChange => {
            "quorate: members are changed by `quorate cluster add`, `remove` and `replace`"
        }
        Unary::Downgrade => "quorate: there is no etcd to go back to",
        _ => "quorate: this is not done here",
    };
    Status::new(Code::Unimplemented, text)
}

/// Decodes a message.
///
/// # Errors
/// If it is none.
pub fn decode<M: Message + Default>(message: &Bytes) -> Result<M, Status> {
    // A clone shares the bytes, and so does what is decoded.
    M::decode(message.clone()).map_err(|error| {
        Status::new(Code::Internal, format!("grpc: error unmarshalling request: {error}"))
    })
}

fn level(serializable: bool) -> Consistency {
    if serializable { Consistency::EVENTUAL } else { Consistency::LINEARIZABLE }
}

/// A command.
///
/// # Errors
/// If it is wrong in itself.
pub fn command(act: Act, who: &Who) -> Result<Asked, Status> {
    let command = Command { caller: who.clone(), ..Command::new(act) };
    command.check()?;
    let command: Bytes = command.encode_to_vec().into();
    if command.len() > layers::coordination::limits::REQUEST_BYTES_MAX {
        return Err(Error::RequestTooLarge.into());
    }
    let action = Action::Mutate { program: Program::Coordination, command };
    Ok(Asked { action, consistency: Consistency::LINEARIZABLE })
}

/// A query.
///
/// # Errors
/// If it is wrong in itself.
pub fn query(ask: Ask, consistency: Consistency, who: &Who) -> Result<Asked, Status> {
    let query = Query { caller: who.clone(), ..Query::from(ask) };
    query.check()?;
    let query = query.encode_to_vec().into();
    Ok(Asked { action: Action::Query { program: Program::Coordination, query }, consistency })
}

/// A transaction that changes nothing is a query, and as fresh as its freshest range.
fn txn(request: TxnRequest, who: &Who) -> Result<Plan, Status> {
    if !request.changes_nothing() {
        return command(Act::Txn(request), who).map(Plan::Ask);
    }
    let level = level(serializable(&request));
    query(Ask::Txn(request), level, who).map(Plan::Ask)
}

fn serializable(request: &TxnRequest) -> bool {
    let any = |op: &RequestOp| match &op.request {
        Some(Request::RequestRange(range)) => range.serializable,
        _ => false,
    };
    let mut ops = request.success.iter().chain(&request.failure).peekable();
    ops.peek().is_some() && ops.all(any)
}

/// The framed message that a program's reply to a command or query becomes; `recipe` says that the
/// call belongs to etcd's services for recipes.
///
/// # Errors
/// With the program's error.
pub fn answer(body: &Bytes, facts: &Facts, recipe: bool) -> Result<Bytes, Status> {
    let (header, rest) = response(body).map_err(|status| match recipe {
        true => Status { code: Code::Unknown, ..status },
        false => status,
    })?;
    let header = facts.header(header.revision);
    let length = header.encoded_len();
    let total = 1 + encoded_len_varint(length as u64) + length + rest.len();
    let mut out = BytesMut::with_capacity(PREFIX + total);
    prefix(&mut out, total);
    encode_key(1, WireType::LengthDelimited, &mut out);
    encode_varint(length as u64, &mut out);
    // There is room: the length was asked for.
    let _ = header.encode(&mut out);
    out.put(rest);
    Ok(out.freeze())
}

/// What a program's reply to a command says.
///
/// # Errors
/// With the program's error, or if it is no reply.
pub fn outcome(body: &Bytes) -> Result<Outcome, Status> {
    Ok(Reply::read(body).map_err(broken)?.into_result()?)
}

/// The program answered what cannot be read.
pub fn broken(what: impl Display) -> Status {
    Status::new(Code::Internal, format!("quorate: {what}"))
}

/// The header of a program's reply, and the bytes behind it.
///
/// # Errors
/// With the program's error, or if it is no reply.
fn response(body: &Bytes) -> Result<(ResponseHeader, Bytes), Status> {
    let mut reply = body.clone();
    let (tag, inside) = field(&mut reply).ok_or_else(|| broken("an answer that is none"))?;
    let mut rest = match inside {
        // Tag 1 is the error, whoever answers.
        Field::Number(code) if tag == 1 => {
            let error = i32::try_from(code).ok().and_then(|code| Error::try_from(code).ok());
            return Err(error.unwrap_or(Error::Unknown).into());
        }
        Field::Bytes(response) if tag > 1 => response,
        _ => return Err(broken("an answer of an unknown kind")),
    };
    let whole = rest.clone();
    match field(&mut rest) {
        Some((1, Field::Bytes(header))) => {
            let header = ResponseHeader::decode(header)
                .map_err(|error| broken(format!("a header that is none: {error}")))?;
            Ok((header, rest))
        }
        _ => Ok((ResponseHeader::default(), whole)),
    }
}

enum Field {
    Number(u64),
    Bytes(Bytes),
}

/// Takes one field.
fn field(bytes: &mut Bytes) -> Option<(u32, Field)> {
    let (tag, wire) = decode_key(bytes).ok()?;
    let number = decode_varint(bytes).ok()?;
    match wire {
        WireType::Varint => Some((tag, Field::Number(number))),
        WireType::LengthDelimited => {
            let length = usize::try_from(number).ok().filter(|n| *n <= bytes.remaining())?;
            Some((tag, Field::Bytes(bytes.split_to(length))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layers::coordination::{
        KeyValue, Outcome, PutRequest, PutResponse, RangeRequest, Reply, Response, ResponseOp,
        TxnResponse,
    };
    use proptest::prelude::*;

    fn plan(method: Unary, message: &Bytes) -> Result<Plan, Status> {
        super::plan(method, message, &None)
    }

    fn message(message: &impl Message) -> Bytes {
        message.encode_to_vec().into()
    }

    fn put(key: &'static str) -> PutRequest {
        PutRequest { key: key.into(), value: "v".into(), ..PutRequest::default() }
    }

    #[test]
    fn a_put_is_a_command_and_what_is_wrong_in_itself_is_refused_as_etcd_does() {
        let Ok(Plan::Ask(asked)) = plan(Unary::Put, &message(&put("k"))) else { panic!() };
        let Action::Mutate { command, .. } = asked.action else { panic!() };
        assert_eq!(Command::read(&command).unwrap(), Command::new(Act::Put(put("k"))));
        let refused = plan(Unary::Put, &message(&put(""))).unwrap_err();
        assert_eq!(refused.text, "etcdserver: key is not provided");
        assert_eq!(refused.code, Code::InvalidArgument);
        let large = PutRequest { value: vec![0; 3 << 19].into(), ..put("k") };
        let refused = plan(Unary::Put, &message(&large)).unwrap_err();
        assert_eq!(refused.text, "etcdserver: request is too large");
        let broken = plan(Unary::Put, &Bytes::from_static(&[10, 9])).unwrap_err();
        assert_eq!(broken.code, Code::Internal);
    }

    #[test]
    fn who_calls_goes_along() {
        use layers::coordination::Caller;
        let who = Some(Caller::user("ann", 3));
        let asked = |method, message: Bytes| match super::plan(method, &message, &who) {
            Ok(Plan::Ask(asked)) => asked.action,
            other => panic!("{other:?}"),
        };
        let Action::Mutate { command, .. } = asked(Unary::Put, message(&put("k"))) else {
            panic!()
        };
        assert_eq!(Command::read(&command).unwrap().caller, who);
        let range = RangeRequest { key: "k".into(), ..RangeRequest::default() };
        let Action::Query { query, .. } = asked(Unary::Range, message(&range)) else { panic!() };
        assert_eq!(Query::read(&query).unwrap().caller, who);
    }

    #[test]
    fn what_only_reads_is_a_query_as_fresh_as_was_asked() {
        let range = |serializable| {
            let key = "k".into();
            RequestOp {
                request: Some(Request::RequestRange(RangeRequest {
                    key,
                    serializable,
                    ..RangeRequest::default()
                })),
            }
        };
        let level = |success: Vec<RequestOp>| {
            let txn = TxnRequest { success, ..TxnRequest::default() };
            match plan(Unary::Txn, &message(&txn)) {
                Ok(Plan::Ask(Asked { action: Action::Query { .. }, consistency })) => consistency,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(level(vec![range(true)]), Consistency::EVENTUAL);
        assert_eq!(level(vec![range(true), range(false)]), Consistency::LINEARIZABLE);
        assert_eq!(level(vec![]), Consistency::LINEARIZABLE);
        let op = RequestOp { request: Some(Request::RequestPut(put("k"))) };
        let txn = TxnRequest { failure: vec![op], ..TxnRequest::default() };
        let Ok(Plan::Ask(asked)) = plan(Unary::Txn, &message(&txn)) else { panic!() };
        assert!(matches!(asked.action, Action::Mutate { .. }));
    }

    #[test]
    fn an_answer_gets_its_header_and_keeps_the_rest() {
        let facts = Facts { cluster: 7, member: 2, term: 5, ..Facts::default() };
        let kv = KeyValue { key: "k".into(), value: "v".into(), ..KeyValue::default() };
        let inner = PutResponse { header: ResponseHeader::at(9), prev_kv: Some(kv) };
        let responses = vec![ResponseOp { response: Some(Response::ResponsePut(inner)) }];
        let txn = TxnResponse { header: ResponseHeader::at(9), succeeded: true, responses };
        let outcome = Some(Outcome::Txn(txn.clone()));
        let framed = answer(&message(&Reply { error: None, outcome }), &facts, false).unwrap();
        assert_eq!(framed[..PREFIX], [0, 0, 0, 0, (framed.len() - PREFIX) as u8]);
        let came = TxnResponse::decode(framed.slice(PREFIX..)).unwrap();
        let header = Some(facts.header(9));
        assert_eq!(came, TxnResponse { header, ..txn });
        let refused = Reply { error: Some(Error::Compacted as i32), outcome: None };
        let code = |recipe| answer(&message(&refused), &facts, recipe).unwrap_err().code;
        assert_eq!((code(false), code(true)), (Code::OutOfRange, Code::Unknown));
    }

    proptest! {
        #[test]
        fn any_bytes_are_handled(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let _ = answer(&bytes, &Facts::default(), false);
            for method in [Unary::Range, Unary::Txn, Unary::LeaseGrant, Unary::Alarm, Unary::Lock] {
                let _ = plan(method, &bytes);
            }
        }
    }
}
