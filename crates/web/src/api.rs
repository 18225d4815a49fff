//! The API: JSON in, JSON or problem+json out, described by a document that is made from this code.

mod aggregates;
mod commands;
mod events;
mod follow;
mod handlers;
mod headers;
mod map;
pub(crate) mod openapi;
mod problem;
mod processes;
mod queries;
mod read_models;
mod streams;
pub(crate) mod timers;
pub(crate) mod wire;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    response::{IntoResponse, Response},
};
use http::{Method, Uri};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use commands::USER;
pub(crate) use problem::{CommandProblems, Problem, ReadProblems};

use crate::{Web, access};

/// All routes below `/api`, and their description.
pub(crate) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(commands::send))
        .routes(routes!(aggregates::state))
        .routes(routes!(streams::list))
        .routes(routes!(events::of_stream))
        .routes(routes!(events::all))
        .routes(routes!(follow::follow))
        .routes(routes!(queries::ask, queries::ask_with_body))
        .routes(routes!(handlers::list))
        .routes(routes!(handlers::report))
        .routes(routes!(handlers::pause))
        .routes(routes!(handlers::resume))
        .routes(routes!(handlers::preview_reset, handlers::reset))
        .routes(routes!(handlers::parked))
        .routes(routes!(handlers::retry))
        .routes(routes!(handlers::discard))
        .routes(routes!(read_models::list))
        .routes(routes!(read_models::report))
        .routes(routes!(read_models::rebuild, read_models::cancel))
        .routes(routes!(processes::names))
        .routes(routes!(processes::list))
        .routes(routes!(processes::show))
        .routes(routes!(processes::retry))
        .routes(routes!(processes::stop))
        .routes(routes!(timers::list))
        .routes(routes!(map::map))
        .routes(routes!(openapi::document))
}

pub(crate) fn router(web: &Web) -> Router<Web> {
    let (router, _) = routes().split_for_parts();
    router
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(problem::complete))
        .layer(from_fn(access::guard_writes))
        .layer(DefaultBodyLimit::max(web.options().body_bytes))
}

/// What is answered where there is nothing.
pub(crate) fn unknown(uri: &Uri) -> Problem {
    Problem::not_found(format!("there is nothing at `{}`: /api/openapi.json lists what there is", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    Problem::wrong_method(&method, uri.path()).into_response()
}
