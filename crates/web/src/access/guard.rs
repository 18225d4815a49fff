//! The door: finds out who asks, by name and password, by token, or by the cookie of a session.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use engine_store::EventStore;
use http::{HeaderMap, header};

use super::{
    Caller, User, Users, UsersError, Via,
    attempts::Attempts,
    sessions::{self, Sessions},
    tokens::Tokens,
    verified::Verified,
};
use crate::{Web, WebOptions, api::Problem};

/// The header in which our own pages send the secret of their session.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Knows who may come in.
pub(crate) struct Guard {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) sessions: Sessions,
    pub(crate) tokens: Tokens,
    attempts: Attempts,
    verified: Verified,
}

/// Why somebody did not get in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The name, the password, or the token is wrong.
    #[error("the name, the password or the token is wrong")]
    Wrong,
    /// There were too many tries.
    #[error("too many failed sign-ins: try again in {0} s")]
    TooMany(u64),
    /// It cannot be found out now.
    #[error(transparent)]
    Users(#[from] UsersError),
}

impl Guard {
    pub(crate) fn new(users: Arc<dyn Users>, store: Arc<dyn EventStore>, options: &WebOptions) -> Self {
        Guard {
            users,
            sessions: Sessions::new(options.sessions, options.session_idle, options.session_longest),
            tokens: Tokens::new(store),
            attempts: Attempts::new(options.sign_in_failures, options.sign_in_pause),
            verified: Verified::default(),
        }
    }

    /// The user of this name and password. What was right a moment ago is believed without another look, because a
    /// password is slow to check on purpose.
    pub(crate) async fn verify(
        &self,
        login: &str,
        password: &str,
        address: Option<SocketAddr>,
    ) -> Result<User, Refused> {
        if let Some(user) = self.verified.get(login, password) {
            return Ok(user);
        }
        let _turn = self.verified.turn(login, password).await;
        if let Some(user) = self.verified.get(login, password) {
            return Ok(user);
        }
        let attempt = self.attempts.begin(login, address.map(|address| address.ip()));
        let attempt = attempt.map_err(Refused::TooMany)?;
        match self.users.verify(login, password).await? {
            Some(user) => {
                attempt.succeeded();
                self.verified.insert(login, password, &user);
                Ok(user)
            }
            None => Err(Refused::Wrong),
        }
    }

    /// Forgets what is known of a user whose rights or password have changed, and ends the user's sessions.
    pub(crate) fn forget(&self, login: &str) {
        self.verified.forget(login);
        self.tokens.forget(login);
        self.sessions.end_all_of(login);
    }

    async fn by_header(
        &self,
        headers: &HeaderMap,
        address: Option<SocketAddr>,
    ) -> Option<Result<Caller, Refused>> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok().unwrap_or_default();
        let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
        let user = if scheme.eq_ignore_ascii_case("basic") {
            match basic(secret) {
                Some((login, password)) => self.verify(&login, &password, address).await,
                None => Err(Refused::Wrong),
            }
        } else if scheme.eq_ignore_ascii_case("bearer") {
            self.by_token(secret.trim()).await
        } else {
            Err(Refused::Wrong)
        };
        Some(user.map(|user| Caller { role: user.role(), name: user.login, via: Via::Credentials }))
    }

    async fn by_token(&self, token: &str) -> Result<User, Refused> {
        self.tokens.user(&*self.users, token).await?.ok_or(Refused::Wrong)
    }

    fn by_cookie(&self, headers: &HeaderMap) -> Option<Caller> {
        self.sessions.find(sessions::cookie(headers)?)
    }
}

fn basic(secret: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(secret.trim()).ok()?).ok()?;
    let (login, password) = text.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

/// The address that a request came from, where the server tells it.
pub(crate) fn address(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address)
}

/// Puts the [`Caller`] into the request. Credentials that are wrong are refused, whatever the request asks for.
pub(crate) async fn identify(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let address = address(&request);
    let caller = match web.guard().by_header(request.headers(), address).await {
        Some(Ok(caller)) => Some(caller),
        Some(Err(refused)) => return Problem::from(refused).into_response(),
        None => web.guard().by_cookie(request.headers()),
    };
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

/// Whether a browser says that a page of another site sent this. Programs say nothing.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// Refuses changes that come with the cookie of a session, but without the secret that only our own pages know: they
/// could come from somebody else's page.
pub(crate) async fn guard_writes(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>();
    let is_allowed = match caller.map(|caller| &caller.via) {
        Some(Via::Session { csrf }) if !request.method().is_safe() => {
            request.headers().get(CSRF_HEADER).is_some_and(|secret| secret.as_bytes() == csrf.as_bytes())
        }
        Some(Via::Credentials) if !request.method().is_safe() => !is_from_elsewhere(request.headers()),
        _ => true,
    };
    if is_allowed { next.run(request).await } else { Problem::foreign_page().into_response() }
}
