//! gRPC: the services of the protocol, one file or folder each.

pub(crate) mod appends;
mod convert;
mod features;
pub(crate) mod filter;
mod gossip;
pub(crate) mod links;
mod monitoring;
mod operations;
mod persistent;
mod projections;
pub(crate) mod status;
mod streams;
mod users;
mod v2;

use std::sync::Arc;

use axum::Router;
use tonic::{Request, Status, service::Routes};

use crate::{auth::Caller, core::Core};

/// A service and its methods, in lower case, with the features that clients ask for.
type Methods = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// What clients are told that this node can do.
const METHODS: &[Methods] = &[
    streams::METHODS,
    v2::METHODS,
    persistent::METHODS,
    projections::METHODS,
    users::METHODS,
    operations::METHODS,
    gossip::METHODS,
    monitoring::METHODS,
    features::METHODS,
];

/// Who calls.
fn caller<T>(request: &Request<T>) -> Caller {
    request.extensions().get().cloned().unwrap_or(Caller::Anonymous)
}

/// Refuses everybody but administrators and operators.
fn operators_only<T>(request: &Request<T>) -> Result<(), Status> {
    if caller(request).is_operator() { Ok(()) } else { Err(status::access_denied()) }
}

/// All services.
pub(crate) fn router(core: &Arc<Core>) -> Router {
    Routes::new(streams::service(core.clone()))
        .add_service(features::service())
        .add_service(gossip::service(core.clone()))
        .add_service(operations::service(core.clone()))
        .add_service(persistent::service(core.clone()))
        .add_service(projections::service(core.clone()))
        .add_service(users::service(core.clone()))
        .add_service(v2::service(core.clone()))
        .add_service(monitoring::service(core.clone()))
        .prepare()
        .into_axum_router()
        // What is nowhere is the console's to answer, but for calls of gRPC: those are told apart by `http::note`.
        .reset_fallback()
}
