//! `GET /api/map`: what is registered.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};

use super::ReadProblems;
use crate::{Web, access::Caller};

/// What is registered: aggregates with their commands and events, handlers, read models with their queries.
#[utoipa::path(
    get, path = "/api/map", tag = "map",
    responses((status = 200, description = "The map.", body = Object), ReadProblems),
)]
pub(super) async fn map(_: Caller, State(web): State<Web>) -> Response {
    axum::Json(web.map()).into_response()
}
