//! Queries: read, look, answer.

use alloc::format;

use bytes::Bytes;
use prost::Message;
use store::{
    engine::{EngineError, Read},
    mvcc::Reader,
};

use super::{
    Error, auth,
    draft::Draft,
    error::Stop,
    lease,
    limits::{ANSWER_BYTES_MAX, REQUEST_BYTES_MAX},
    log,
    look::{Kept, Look},
    meta::{Meta, encode},
    queue, range, recipe, txn,
    wire::{Answer, Ask, ChangesResponse, Query, QueryReply, ResponseHeader, StatusResponse},
};
use crate::Rejected;

impl Query {
    /// Decodes a query and checks it.
    ///
    /// # Errors
    /// If the bytes are no query, or one that [`Query::check`] refuses.
    pub fn read(bytes: &Bytes) -> Result<Query, Rejected> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(Rejected(Error::RequestTooLarge.text().into()));
        }
        let query = Query::decode(bytes.clone())
            .map_err(|e| Rejected(format!("not a coordination query: {e}")))?;
        query.check().map_err(|error| Rejected(error.text().into()))?;
        Ok(query)
    }

    pub(crate) fn answer<R: Read>(&self, reader: &Reader<'_, R>) -> Result<Bytes, EngineError> {
        let reply = match look(self, &mut Kept(reader)) {
            Ok(answer) => QueryReply { error: None, answer: Some(answer) },
            Err(Stop::Refused(error)) => QueryReply { error: Some(error as i32), answer: None },
            Err(Stop::Engine(error)) => return Err(error),
        };
        Ok(encode(&reply))
    }
}

fn look(query: &Query, look: &mut dyn Look) -> Result<Answer, Stop> {
    let mut room = ANSWER_BYTES_MAX;
    let meta = &Meta::load(look)?;
    if meta.importing && !matches!(query.ask, Some(Ask::Status(_))) {
        return Err(Error::Importing.into());
    }
    if meta.auth || auth::is_secret(query) {
        auth::ask(look, query)?;
    }
    if let Some(Ask::Txn(request)) = &query.ask {
        // A draft that nobody finishes.
        let mut draft = Draft::at(look, *meta);
        draft.room = room;
        return Ok(Answer::Txn(txn::txn(&mut draft, request)?));
    }
    Ok(match &query.ask {
        Some(Ask::Range(request)) => Answer::Range(range::range(look, meta, request, &mut room)?),
        Some(Ask::Changes(request)) => {
            let auth_revision = auth::revision(look, meta)?;
            let page = log::changes(look, meta, request)?;
            Answer::Changes(ChangesResponse { auth_revision, ..page })
        }
        Some(Ask::LeaseTimeToLive(request)) => {
            Answer::LeaseTimeToLive(lease::time_to_live(look, meta, request, &mut room)?)
        }
        Some(Ask::LeaseLeases(_)) => Answer::LeaseLeases(lease::list(look, meta)?),
        Some(Ask::LeaseRecords(request)) => {
            Answer::LeaseRecords(lease::records(look, meta, request)?)
        }
        Some(Ask::LeaseKeepAlive(request)) => {
            Answer::LeaseKeepAlive(lease::keep_alive(look, meta, request)?)
        }
        Some(Ask::Leader(request)) => Answer::Leader(queue::leader(look, meta, request)?),
        Some(Ask::Queue(request)) => Answer::Queue(queue::queue(look, meta, request, &mut room)?),
        Some(Ask::Status(_)) => Answer::Status(StatusResponse {
            header: ResponseHeader::at(meta.revision),
            compact_revision: meta.compacted,
            swept: meta.is_swept(),
            leases: meta.leases,
            importing: meta.importing,
            auth_revision: auth::revision(look, meta)?,
        }),
        Some(Ask::Recipe(query)) => Answer::Recipe(recipe::answer(look, meta, query, &mut room)?),
        Some(Ask::Auth(query)) => auth::answer(look, meta, query)?.into(),
        Some(Ask::Txn(_)) | None => return Err(Error::KeyNotFound.into()),
    })
}
