//! What a gateway knows of auth, and what that makes of a token.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use hyper::HeaderMap;
use kernel::Duration;
use layers::coordination::{Caller, CredentialsResponse, Error};
use tokio::sync::Mutex;

use super::token::Token;
use crate::{
    ambient,
    etcd::grpc::{Code, Status},
};

/// On whose behalf something is asked; `None` for nobody.
pub type Who = Option<Caller>;

/// A node's clock may be behind the one that gave a token by this much.
const SLACK: Duration = Duration::from_secs(60);

/// What a gateway knows of auth.
#[derive(Debug, Default)]
pub struct Known {
    /// Whether tokens are looked at.
    on: AtomicBool,
    state: RwLock<Arc<State>>,
    /// One task asks, the others wait.
    pub asking: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    enabled: bool,
    revision: u64,
    token_key: Bytes,
    /// How often something was learnt.
    learnt: u64,
}

/// A token that cannot be read by what is known: perhaps too little is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    token: Vec<u8>,
    /// What was known then.
    learnt: u64,
}

/// The token of a call: as etcd, under either name, with or without the word before it.
pub fn token_of(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get("token").or_else(|| headers.get("authorization"))?.as_bytes();
    Some(value.strip_prefix(b"Bearer ").unwrap_or(value))
}

/// Who calls, as far as is known.
///
/// # Errors
/// If more must be known.
pub fn caller_of(known: &Known, headers: &HeaderMap) -> Result<Who, Doubt> {
    if known.on.load(Relaxed) { known.caller(headers) } else { Ok(None) }
}

impl Known {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The auth revision, as far as is known; 0 while auth is off.
    pub fn revision(&self) -> u64 {
        let state = self.state();
        if state.enabled { state.revision } else { 0 }
    }

    /// Who calls, whether or not auth is known to be on.
    ///
    /// # Errors
    /// If more must be known.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Who, Doubt> {
        let Some(token) = token_of(headers) else { return Ok(None) };
        let state = self.state();
        let caller = state.enabled.then(|| state.read(token)).flatten();
        let doubt = || Doubt { token: token.to_vec(), learnt: state.learnt };
        caller.map(Some).ok_or_else(doubt)
    }

    /// Whether something was learnt since somebody doubted.
    pub fn knows_more(&self, doubt: &Doubt) -> bool {
        self.state().learnt != doubt.learnt
    }

    /// Who it is that called with a token, after all that can be known is. While auth is off, a
    /// token is not looked at.
    ///
    /// # Errors
    /// If the token is none of ours, or expired.
    pub fn settle(&self, doubt: &Doubt) -> Result<Who, Status> {
        let state = self.state();
        if !state.enabled {
            return Ok(None);
        }
        state.read(&doubt.token).map(Some).ok_or_else(|| Error::InvalidAuthToken.into())
    }

    /// Takes what the program said. An answer that was overtaken by a later one changes nothing:
    /// the revision moves with everything but turning auth on.
    pub fn learn(&self, found: &CredentialsResponse) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let learnt = state.learnt + 1;
        let newer = (found.auth_revision, found.enabled) >= (state.revision, state.enabled);
        let next = match newer {
            true => State {
                enabled: found.enabled,
                revision: found.auth_revision,
                token_key: found.token_key.clone(),
                learnt,
            },
            false => State { learnt, ..(**state).clone() },
        };
        *state = Arc::new(next);
        self.on.store(state.enabled, Relaxed);
    }

    /// The program refused a call without a caller. If auth was not known to be on, the call may
    /// have had a token: its sender is told to log in, and sends it again.
    pub fn refused(&self, status: Status) -> Status {
        let nobody = status.code == Code::InvalidArgument && status.text == Error::UserEmpty.text();
        if nobody && !self.on.swap(true, Relaxed) {
            return Error::InvalidAuthToken.into();
        }
        status
    }
}

impl State {
    fn read(&self, text: &[u8]) -> Option<Caller> {
        let token = Token::read(text, &self.token_key)?;
        let alive = ambient::unix_s() <= token.expires_s.saturating_add(SLACK.as_secs());
        alive.then(|| Caller::user(token.user, token.revision))
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn found(enabled: bool, auth_revision: u64, key: u8) -> CredentialsResponse {
        let token_key = vec![key; 32].into();
        CredentialsResponse { enabled, auth_revision, token_key, ..CredentialsResponse::default() }
    }

    fn headers(name: &'static str, before: &str, key: u8, expires_s: u64) -> HeaderMap {
        let token = Token { user: "ann".into(), revision: 5, expires_s };
        let text = before.to_owned() + &token.sign(&[key; 32]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(&text).unwrap());
        headers
    }

    #[test]
    fn a_token_is_looked_at_while_auth_is_on() {
        let (known, good) = (Known::default(), headers("token", "", 1, u64::MAX));
        assert_eq!(caller_of(&known, &good), Ok(None));
        known.learn(&found(true, 7, 1));
        let ann = Ok(Some(Caller::user("ann", 5)));
        assert_eq!(caller_of(&known, &good), ann);
        assert_eq!(caller_of(&known, &headers("authorization", "Bearer ", 1, u64::MAX)), ann);
        assert_eq!(caller_of(&known, &HeaderMap::new()), Ok(None));
        let now = ambient::unix_s();
        assert_eq!(caller_of(&known, &headers("token", "", 1, now)), ann, "within the slack");
        assert!(caller_of(&known, &headers("token", "", 1, now - 3_600)).is_err());
        assert!(caller_of(&known, &headers("token", "", 2, u64::MAX)).is_err());
    }

    #[test]
    fn a_doubt_is_settled_by_what_is_learnt_later() {
        let (known, token) = (Known::default(), headers("token", "", 2, u64::MAX));
        known.learn(&found(true, 7, 1));
        let doubt = caller_of(&known, &token).unwrap_err();
        assert!(!known.knows_more(&doubt) && known.settle(&doubt).is_err());
        known.learn(&found(true, 8, 2));
        assert!(known.knows_more(&doubt));
        assert_eq!(known.settle(&doubt).unwrap(), Some(Caller::user("ann", 5)));
        known.learn(&found(false, 9, 2));
        assert_eq!(known.settle(&doubt).unwrap(), None);
    }

    #[test]
    fn an_answer_that_was_overtaken_changes_nothing() {
        let known = Known::default();
        known.learn(&found(true, 7, 1));
        known.learn(&found(false, 7, 0));
        known.learn(&found(true, 6, 0));
        assert_eq!(known.revision(), 7);
        assert!(caller_of(&known, &headers("token", "", 1, u64::MAX)).is_ok());
        known.learn(&found(false, 8, 1));
        assert_eq!(known.revision(), 0);
    }

    #[test]
    fn whoever_is_refused_before_this_is_known_logs_in_again() {
        let (known, nobody) = (Known::default(), Status::from(Error::UserEmpty));
        assert_eq!(known.refused(nobody.clone()), Error::InvalidAuthToken.into());
        assert_eq!(known.refused(nobody.clone()), nobody);
        let other = Status::from(Error::UserNotFound);
        assert_eq!(Known::default().refused(other.clone()), other);
    }
}
