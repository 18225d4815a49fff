//! Problems: every answer that is no success, as `application/problem+json` (RFC 9457).

mod convert;
mod documented;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::access::{Caller, Role};

pub(crate) use documented::{CommandProblems, ReadProblems};

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem: `urn:cqrs-engine:problem:` and the kind.
    #[serde(rename = "type")]
    about: String,
    /// The meaning of the status.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What was wrong, and what to do.
    detail: String,
    /// The kind of problem as one word, as the command line has it.
    kind: &'static str,
    /// What else is known, such as the `field` at fault or the `actual` revision.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    more: Box<Map<String, Value>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            about: format!("urn:cqrs-engine:problem:{kind}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.into(),
            kind,
            more: Box::default(),
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn unavailable(kind: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail)
    }

    pub(crate) fn not_signed_in() -> Self {
        let detail = "say who you are: with a name and password (Basic), a token (Bearer), or by signing in";
        Problem::new(StatusCode::UNAUTHORIZED, "not_signed_in", detail)
    }

    pub(crate) fn forbidden(caller: &Caller, needed: Role) -> Self {
        let detail = format!("`{}` is {} here; this needs {}", caller.name, a(caller.role), a(needed));
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn foreign_page() -> Self {
        let detail = "this came with the cookie of a session, but without its secret: send it from the console, or \
                      with a name and password, or a token";
        Problem::new(StatusCode::FORBIDDEN, "foreign_page", detail)
    }

    pub(crate) fn wrong_method(method: &Method, path: &str) -> Self {
        let detail = format!("{method} is not for `{path}`: /api/openapi.json says what is");
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail)
    }

    /// Adds what else is known.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// The meaning of the status.
    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    /// What was wrong, and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The field at fault, where one is.
    pub(crate) fn field(&self) -> Option<&str> {
        self.more.get("field")?.as_str()
    }

    /// The kind of problem as one word.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn a(role: Role) -> String {
    format!("{} {role}", if role == Role::Reader { "a" } else { "an" })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.status() {
            StatusCode::UNAUTHORIZED => {
                let value = HeaderValue::from_static("Basic realm=\"cqrs-engine\", charset=\"UTF-8\"");
                headers.insert(header::WWW_AUTHENTICATE, value);
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                let seconds = self.more.get("retry_after_s").and_then(Value::as_u64).unwrap_or(1);
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            _ => {}
        }
        response
    }
}

/// Makes problems of what the layers below refuse in plain words, such as a path that is no UTF-8.
pub(super) async fn complete(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() && is_plain) {
        return response;
    }
    let words = axum::body::to_bytes(response.into_body(), 4_096).await.unwrap_or_default();
    let kind = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        _ => "invalid",
    };
    Problem::new(status, kind, String::from_utf8_lossy(&words)).into_response()
}
