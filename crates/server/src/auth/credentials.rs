//! The credentials of a call: name and password in the header `authorization`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tonic::Status;

use super::{Caller, UserError};
use crate::core::Core;

/// Finds out who calls, and refuses credentials that are wrong. Whether the caller may do what he asks for is not
/// decided here.
pub(crate) async fn identify(State(core): State<Arc<Core>>, mut request: Request, next: Next) -> Response {
    match caller(&core, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(status) if is_grpc(request.headers()) => status.into_http(),
        Err(status) => refused(&status),
    }
}

/// Who calls, by the headers of the call.
///
/// # Errors
/// Credentials that are wrong, and the failures of the store.
pub(crate) async fn caller(core: &Core, headers: &HeaderMap) -> Result<Caller, Status> {
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return Ok(if core.trusts_everybody { Caller::Trusted } else { Caller::Anonymous });
    };
    let Some((login, password)) = basic(header) else { return Err(wrong()) };
    match core.users.authenticate(&login, &password).await {
        Ok(account) => Ok(Caller::User(account)),
        Err(UserError::Credentials) => Err(wrong()),
        Err(error) => Err(Status::unavailable(format!("Server Is Not Ready: {error}"))),
    }
}

fn wrong() -> Status {
    Status::unauthenticated("Unauthenticated")
}

/// Name and password, where they are sent as `Basic`.
pub(crate) fn basic(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (login, password) = decoded.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.starts_with("application/grpc"))
}

/// A refusal that no browser answers with a window of its own.
pub(crate) fn refused(status: &Status) -> Response {
    let code = match status.code() {
        tonic::Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        tonic::Code::PermissionDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (code, status.message().to_owned()).into_response();
    if code == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("X-Basic realm=\"ESDB\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_hold_colons_and_the_scheme_may_be_written_in_any_case() {
        let header = |scheme: &str| {
            let encoded = STANDARD.encode("zoe:a:b");
            HeaderValue::from_str(&format!("{scheme} {encoded}")).unwrap()
        };
        let expected = Some(("zoe".to_owned(), "a:b".to_owned()));
        assert_eq!(basic(&header("Basic")), expected);
        assert_eq!(basic(&header("basic")), expected);
        assert_eq!(basic(&header("Bearer")), None);
        assert_eq!(basic(&HeaderValue::from_static("Basic !")), None);
    }
}
