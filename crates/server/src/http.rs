//! HTTP beside gRPC: whether the node is well, what it is, and its figures.

mod health;
mod info;
mod prometheus;
pub(crate) mod reached;
pub(crate) mod stats;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tonic::Status;

use crate::{
    auth::{Caller, credentials},
    core::Core,
};

/// All pages. The layer here holds for gRPC too, once both are merged.
pub(crate) fn router(core: Arc<Core>) -> Router {
    let figures = Router::new()
        .route("/stats", get(stats::page))
        .route("/metrics", get(prometheus::page))
        .layer(middleware::from_fn(known_only));
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/alive", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/ping", get(health::ping))
        .route("/info", get(info::info))
        .route("/gossip", get(info::gossip))
        .merge(figures)
        .with_state(core)
}

/// Refuses those who have not said who they are, where they must.
async fn known_only(caller: Option<Extension<Caller>>, request: Request, next: Next) -> Response {
    if caller.is_some_and(|Extension(caller)| caller.is_known()) {
        next.run(request).await
    } else {
        credentials::refused(&Status::unauthenticated("say who you are"))
    }
}

/// Counts a call, and notes under which name the node was reached.
pub(crate) async fn note(State(core): State<Arc<Core>>, mut request: Request, next: Next) -> Response {
    core.metrics.calls.add(1);
    if let Some(reached) = reached::Reached::of_request(&request) {
        request.extensions_mut().insert(reached);
    }
    next.run(request).await
}
