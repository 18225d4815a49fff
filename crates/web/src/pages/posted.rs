//! Who looks at a page, and what was sent by a form of ours.

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;

use super::Fault;
use crate::{
    Web,
    access::{Caller, Role, Via, is_from_elsewhere},
    api::Problem,
};

/// The field in which forms carry the secret of their session.
pub(super) const CSRF: &str = "csrf";

/// Whoever looks at a page; nobody is sent to the sign-in.
pub(super) struct Seen(pub(super) Caller);

impl FromRequestParts<Web> for Seen {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Fault> {
        let to = || parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        parts.extensions.get::<Caller>().cloned().map(Seen).ok_or_else(|| Fault::SignIn { to: to() })
    }
}

/// A form that was sent from a page of ours, and by whom.
pub(super) struct Posted {
    pub(super) caller: Caller,
    pub(super) fields: Vec<(String, String)>,
}

impl FromRequest<Web> for Posted {
    type Rejection = Fault;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Fault> {
        if is_from_elsewhere(request.headers()) {
            return Err(Problem::foreign_page().into());
        }
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Fault::SignIn { to: "/".to_owned() })?;
        let body = Bytes::from_request(request, web)
            .await
            .map_err(|_| Problem::bad_request("the form is too large"))?;
        let mut fields = read_form(&body);
        if let Via::Session { csrf } = &caller.via {
            let place = fields.iter().position(|(name, value)| name == CSRF && value == csrf);
            let place = place.ok_or_else(Problem::foreign_page)?;
            fields.remove(place);
        }
        Ok(Posted { caller, fields })
    }
}

/// The fields of a form as browsers send them.
pub(super) fn read_form(body: &[u8]) -> Vec<(String, String)> {
    let text = |part: &str| {
        percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned()
    };
    let body = String::from_utf8_lossy(body);
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

impl Posted {
    /// Refuses a caller of a lower role.
    pub(super) fn at_least(self, role: Role) -> Result<Self, Fault> {
        if self.caller.role >= role { Ok(self) } else { Err(Problem::forbidden(&self.caller, role).into()) }
    }

    /// The value of a field; empty where there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let fields = read_form(b"id=a%26b+c&note=%C3%A4&flag");
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("id", "a&b c"), ("note", "ä"), ("flag", "")]);
    }
}
