//! The service `Auth`, carried out.

use std::sync::Arc;

use bytes::Bytes;
use contract::Consistency;
use layers::coordination::{
    Answer, AuthAct, AuthAnswer, AuthAsk, AuthEnableRequest, AuthFound, AuthResponse,
    AuthUserAddRequest, AuthUserChangePasswordRequest, CredentialsRequest, CredentialsResponse,
    Error, Need, Outcome, ResponseHeader,
};

use super::{known::Who, plan::AuthTask, token::Token};
use crate::{
    Backend, ambient,
    etcd::{
        grpc::{Code, Status, frame},
        serve::{Shared, unexpected},
        terms::Terms,
        wire::{AuthenticateRequest, AuthenticateResponse},
    },
};

/// Carries a call out; its framed answer.
///
/// # Errors
/// As etcd does.
pub async fn carry_out<B: Backend>(
    shared: &Arc<Shared<B>>,
    task: AuthTask,
    who: &Who,
    terms: Terms,
) -> Result<Bytes, Status> {
    match task {
        AuthTask::Enable => {
            let token_key = ambient::random::<32>().map_err(|_| no_entropy())?;
            let request = AuthEnableRequest { token_key: token_key.to_vec().into() };
            act(shared, AuthAct::Enable(request), who, terms).await
        }
        AuthTask::Authenticate(request) => log_in(shared, request, terms).await,
        AuthTask::UserAdd(request) => {
            let no_password = request.options.is_some_and(|options| options.no_password);
            let password = (!no_password).then_some(request.password);
            let hashed_password = hash(shared, password, who).await?;
            let request =
                AuthUserAddRequest { password: String::new(), hashed_password, ..request };
            act(shared, AuthAct::UserAdd(request), who, terms).await
        }
        AuthTask::UserChangePassword(request) => {
            // As in etcd, no password is one that nobody can give.
            let password = Some(request.password).filter(|password| !password.is_empty());
            let hashed_password = hash(shared, password, who).await?;
            let (name, password) = (request.name, String::new());
            let request = AuthUserChangePasswordRequest { name, password, hashed_password };
            act(shared, AuthAct::UserChangePassword(request), who, terms).await
        }
        AuthTask::Act(of) => act(shared, of, who, terms).await,
        AuthTask::Ask(of) => ask(shared, of, who, terms).await,
    }
}

/// Whoever may not change users does not make us hash.
async fn hash<B: Backend>(
    shared: &Shared<B>,
    password: Option<String>,
    who: &Who,
) -> Result<String, Status> {
    let Some(password) = password else { return Ok(String::new()) };
    shared.may(who, Need::Root.into()).await?;
    shared.passwords.hash(password).await
}

async fn act<B: Backend>(
    shared: &Shared<B>,
    act: AuthAct,
    who: &Who,
    terms: Terms,
) -> Result<Bytes, Status> {
    let switch = matches!(act, AuthAct::Enable(_) | AuthAct::Disable(_));
    let Outcome::Auth(response) = shared.command(act.into(), who, terms).await? else {
        return Err(unexpected());
    };
    if switch {
        // The calls behind this one find it known here.
        shared.learn_auth(Consistency::LINEARIZABLE).await?;
    }
    Ok(frame(&AuthResponse { header: filled(shared, response.header) }))
}

async fn ask<B: Backend>(
    shared: &Shared<B>,
    ask: AuthAsk,
    who: &Who,
    terms: Terms,
) -> Result<Bytes, Status> {
    let told = shared.query(ask.into(), Consistency::LINEARIZABLE, who, terms).await?;
    let Answer::Auth(AuthAnswer { found: Some(mut found) }) = told else {
        return Err(unexpected());
    };
    let header = match &mut found {
        AuthFound::Status(found) => &mut found.header,
        AuthFound::UserGet(found) => &mut found.header,
        AuthFound::UserList(found) => &mut found.header,
        AuthFound::RoleGet(found) => &mut found.header,
        AuthFound::RoleList(found) => &mut found.header,
        AuthFound::Credentials(_) | AuthFound::May(_) => return Err(unexpected()),
    };
    *header = filled(shared, *header);
    Ok(match &found {
        AuthFound::Status(found) => frame(found),
        AuthFound::UserGet(found) => frame(found),
        AuthFound::UserList(found) => frame(found),
        AuthFound::RoleGet(found) => frame(found),
        AuthFound::RoleList(found) => frame(found),
        AuthFound::Credentials(_) | AuthFound::May(_) => return Err(unexpected()),
    })
}

fn filled<B: Backend>(
    shared: &Shared<B>,
    header: Option<ResponseHeader>,
) -> Option<ResponseHeader> {
    header.map(|header| shared.facts().header(header.revision))
}

/// Checks a password and gives a token.
///
/// The token names the auth revision that was read with the hash. If the password is changed or the
/// user removed while we hash, the token is older than that, and the program refuses it.
async fn log_in<B: Backend>(
    shared: &Shared<B>,
    request: AuthenticateRequest,
    terms: Terms,
) -> Result<Bytes, Status> {
    let found = credentials(shared, &request.name, Consistency::LINEARIZABLE, terms).await?;
    if !found.enabled {
        return Err(Error::AuthNotEnabled.into());
    }
    let revision = found.auth_revision;
    let key = found.token_key;
    let hash = Some(found.hashed_password).filter(|_| found.known && !found.no_password);
    if !shared.passwords.verify(request.password, hash).await? {
        return Err(Error::AuthFailed.into());
    }
    let expires_s = ambient::unix_s().saturating_add(shared.limits.token_lifetime.as_secs());
    let token = Token { user: request.name, revision, expires_s };
    let token = token.sign(&key).ok_or_else(no_entropy)?;
    let header = Some(shared.facts().header(crate::etcd::service::revision(shared).await));
    Ok(frame(&AuthenticateResponse { header, token }))
}

/// What the program knows of a user, and of auth; the gateway learns from it.
///
/// # Errors
/// If nobody can say.
pub async fn credentials<B: Backend>(
    shared: &Shared<B>,
    name: &str,
    level: Consistency,
    terms: impl Into<Terms>,
) -> Result<CredentialsResponse, Status> {
    let ask = AuthAsk::Credentials(CredentialsRequest { name: name.into() });
    let node = Some(layers::coordination::Caller::node());
    match shared.query(ask.into(), level, &node, terms).await? {
        Answer::Auth(AuthAnswer { found: Some(AuthFound::Credentials(found)) }) => {
            shared.known.learn(&found);
            Ok(found)
        }
        _ => Err(unexpected()),
    }
}

fn no_entropy() -> Status {
    Status::new(Code::Internal, "quorate: there is no key for tokens")
}
