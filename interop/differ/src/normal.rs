//! Answers as text that two servers can agree on.
//!
//! Left out is what belongs to a server and not to the model: who answered, and ids that the server
//! chose. Remaining times of long leases count as the granted time. Lists that etcd gives in no
//! order are sorted. Fields that etcd does not have, from number 100 on, are cleared; any other
//! field that is not known here is a difference.

use bytes::Bytes;
use layers::coordination::*;
use prost::Message;
use tonic::Status;

/// An answer: the text that is compared, and the revision that it speaks of.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The message, or the status.
    pub text: String,
    /// The revision of the header.
    pub revision: Option<i64>,
}

/// How much a remaining time may lie under the granted time, in seconds.
const RUN: i64 = 3_600;

/// What is left out of a message.
pub trait Normal: Message + Default + std::fmt::Debug {
    /// Its header.
    fn header(&mut self) -> Option<&mut ResponseHeader>;
    /// Leaves out the rest.
    fn leave_out(&mut self) {}
}

/// The text of an answer.
pub fn answer<M: Normal>(found: Result<Bytes, Status>) -> Answer {
    let found = found.map_err(|status| format!("{:?}: {}", status.code(), status.message()));
    match found.and_then(|bytes| message::<M>(&bytes)) {
        Ok((text, revision)) => Answer { text, revision },
        Err(text) => Answer { text, revision: None },
    }
}

fn message<M: Normal>(bytes: &Bytes) -> Result<(String, Option<i64>), String> {
    let mut message = M::decode(bytes.clone()).map_err(|e| format!("not decodable: {e}"))?;
    if message.encode_to_vec() != *bytes {
        return Err(format!("has unknown fields: {message:?} from {bytes:?}"));
    }
    let revision = message.header().map(|header| {
        let present = header.cluster_id != 0 && header.member_id != 0 && header.raft_term != 0;
        *header = ResponseHeader { revision: header.revision, ..ResponseHeader::default() };
        header.cluster_id = u64::from(present);
        header.revision
    });
    message.leave_out();
    Ok((format!("{message:?}"), revision))
}

/// Messages with a header, and how the rest of some is left out.
macro_rules! normal {
    ($($message:ty $(: $self:ident $what:block)?;)*) => {
        $(impl Normal for $message {
            fn header(&mut self) -> Option<&mut ResponseHeader> {
                self.header.as_mut()
            }
            $(fn leave_out(&mut $self) $what)?
        })*
    };
}

normal! {
    RangeResponse;
    PutResponse;
    DeleteRangeResponse;
    TxnResponse;
    CompactionResponse: self { self.swept = false; };
    LeaseGrantResponse;
    LeaseRevokeResponse;
    LeaseKeepAlive: self { self.renewal = 0; };
    LeaseTimeToLiveResponse: self {
        if (0..RUN).contains(&(self.granted_ttl - self.ttl)) {
            self.ttl = self.granted_ttl;
        }
        self.keys.sort();
    };
    LeaseLeasesResponse: self { self.leases.sort_by_key(|lease| lease.id); };
    LockResponse: self { (self.token, self.held, self.behind) = Default::default(); };
    UnlockResponse;
    CampaignResponse: self {
        (self.elected, self.behind) = Default::default();
        // etcd says how it was before it changed what the candidate says.
        self.header.iter_mut().for_each(|header| header.revision = 0);
    };
    ProclaimResponse;
    ResignResponse;
    LeaderResponse;
}
