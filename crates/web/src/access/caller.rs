//! The caller of a request, as handlers ask for one: whoever it is, at least an operator, or an admin.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Role;
use crate::{Web, api::Problem};

/// How a caller was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    /// By a name and a password, or a token, in the request itself.
    Credentials,
    /// By the cookie of a session; forms carry this secret, so that nobody else's page can send them.
    Session { csrf: String },
}

/// Somebody who is allowed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) via: Via,
}

impl Caller {
    /// Whether the caller sees the data of events and states.
    pub(crate) fn sees_payloads(&self, web: &Web) -> bool {
        self.role >= Role::Operator || web.options().readers_see_payloads
    }

    /// Refuses a caller of a lower role.
    fn at_least(self, role: Role) -> Result<Self, Problem> {
        if self.role >= role { Ok(self) } else { Err(Problem::forbidden(&self, role)) }
    }

    /// Refuses a caller who does not see data.
    pub(crate) fn expect_payloads(&self, web: &Web) -> Result<(), Problem> {
        if self.sees_payloads(web) { Ok(()) } else { Err(Problem::forbidden(self, Role::Operator)) }
    }
}

/// A caller who may send commands.
pub(crate) struct Operator(pub(crate) Caller);

impl FromRequestParts<Web> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::not_signed_in)
    }
}

impl FromRequestParts<Web> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, web).await?.at_least(Role::Operator).map(Operator)
    }
}
