//! gRPC: the services of the protocol, one file or folder each.

mod convert;
mod features;
mod filter;
mod gossip;
mod links;
mod monitoring;
mod status;
mod streams;

use std::sync::Arc;

use axum::Router;
use tonic::service::Routes;

use crate::core::Core;

/// A service and its methods, in lower case, with the features that clients ask for.
type Methods = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// What clients are told that this node can do.
const METHODS: &[Methods] = &[streams::METHODS, gossip::METHODS, monitoring::METHODS, features::METHODS];

/// All services.
pub(crate) fn router(core: &Arc<Core>) -> Router {
    Routes::new(streams::service(core.clone()))
        .add_service(features::service())
        .add_service(gossip::service(core.clone()))
        .add_service(monitoring::service(core.clone()))
        .prepare()
        .into_axum_router()
}
