//! `GET /api/aggregates/{category}/{id}`: the state of an instance, now or as it was.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use engine_types::{Revision, StreamName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ReadProblems};
use crate::{Web, access::Caller};

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct At {
    /// The revision to show the state at; the newest by default.
    at: Option<u64>,
}

/// The state of an instance.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StateAt {
    /// Its stream.
    stream: String,
    /// The revision of the last event that went into the state.
    revision: u64,
    /// The state.
    #[schema(value_type = serde_json::Value)]
    state: Value,
}

/// The state of an instance, now or as it was at a revision.
#[utoipa::path(
    get, path = "/api/aggregates/{category}/{id}", tag = "aggregates",
    params(
        ("category" = String, Path, description = "The category, such as `account`."),
        ("id" = String, Path, description = "The id of the instance."),
        At,
    ),
    responses((status = 200, description = "The state.", body = StateAt), ReadProblems),
)]
pub(super) async fn state(
    caller: Caller,
    State(web): State<Web>,
    Path((category, id)): Path<(String, String)>,
    Query(At { at }): Query<At>,
) -> Result<Json<StateAt>, Problem> {
    caller.expect_payloads(&web)?;
    let state = web.bus().state_by_name(&category, &id, at.map(Revision)).await?;
    let state = state.ok_or_else(|| Problem::not_found(format!("there is no {category} `{id}`")))?;
    let stream = StreamName::of_instance(&category, &id)?.to_string();
    Ok(Json(StateAt { stream, revision: state.revision.0, state: state.state }))
}
