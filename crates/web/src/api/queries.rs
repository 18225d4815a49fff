//! `/api/queries/{name}`: what read models know.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use bytes::Bytes;
use engine_runtime::Body;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{CommandProblems, Problem, ReadProblems, commands::read_object, headers::query_options};
use crate::{Web, access::Caller};

/// The answer to a query.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer {
    /// The query.
    query: String,
    /// The answer.
    #[schema(value_type = serde_json::Value)]
    answer: Value,
}

/// Asks a read model, with the fields of the query in the URL.
#[utoipa::path(
    get, path = "/api/queries/{name}", tag = "read models",
    params(
        ("name" = String, Path, description = "The name of the query, such as `balances`."),
        ("Consistency" = Option<String>, Header, description = "`strong` (default), `eventual`, or the position that must be counted: what the answer waits for."),
        ("Timeout-Ms" = Option<u64>, Header, description = "How long it may take; 5,000 by default."),
    ),
    responses((status = 200, description = "The answer.", body = Answer), ReadProblems),
)]
pub(super) async fn ask(
    caller: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(fields): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<Answer>, Problem> {
    answer(&caller, &web, name, Body::Texts(fields), &headers).await
}

/// Asks a read model, with the fields of the query as a JSON object.
#[utoipa::path(
    post, path = "/api/queries/{name}", tag = "read models",
    params(
        ("name" = String, Path, description = "The name of the query, such as `balances`."),
        ("Consistency" = Option<String>, Header, description = "`strong` (default), `eventual`, or the position that must be counted: what the answer waits for."),
        ("Timeout-Ms" = Option<u64>, Header, description = "How long it may take; 5,000 by default."),
    ),
    request_body(content = Object, description = "The fields of the query.", content_type = "application/json"),
    responses((status = 200, description = "The answer.", body = Answer), CommandProblems),
)]
pub(super) async fn ask_with_body(
    caller: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Answer>, Problem> {
    answer(&caller, &web, name, Body::Json(read_object(&body)?), &headers).await
}

async fn answer(
    caller: &Caller,
    web: &Web,
    name: String,
    body: Body,
    headers: &HeaderMap,
) -> Result<Json<Answer>, Problem> {
    caller.expect_payloads(web)?;
    let answer = web.bus().query_by_name(&name, body, query_options(headers)?).await?;
    Ok(Json(Answer { query: name, answer }))
}
