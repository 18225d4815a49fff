//! `/api/handlers`: how what listens to events is doing, and telling it what to do.

mod wire;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use bytes::Bytes;
use engine_types::Position;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{CommandProblems, Problem, ReadProblems, commands::read_fields};
use crate::{
    Web,
    access::{Caller, Operator},
    audit,
};
use wire::{Done, Handler, HandlerList, ParkedList, Preview, Reset, SequenceOrder};

/// How what listens to events is doing: event handlers and read models.
#[utoipa::path(
    get, path = "/api/handlers", tag = "handlers",
    responses((status = 200, description = "All of them, by name.", body = HandlerList), ReadProblems),
)]
pub(super) async fn list(_: Caller, State(web): State<Web>) -> Result<Json<HandlerList>, Problem> {
    let reports = web.bus().handlers().list().await?;
    Ok(Json(HandlerList { handlers: reports.into_iter().map(Into::into).collect() }))
}

/// How a handler is doing.
#[utoipa::path(
    get, path = "/api/handlers/{name}", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    responses((status = 200, description = "The handler.", body = Handler), ReadProblems),
)]
pub(super) async fn report(
    _: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<Handler>, Problem> {
    Ok(Json(web.bus().handlers().report(&name).await?.into()))
}

/// Lets a handler rest, over restarts too, until it is resumed.
#[utoipa::path(
    post, path = "/api/handlers/{name}/pause", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    responses((status = 200, description = "It rests.", body = Done), CommandProblems),
)]
pub(super) async fn pause(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Problem> {
    let order = web.bus().handlers().pause(&name);
    audit::order(web.store(), &caller, "pause", &name, json!({}), order).await?;
    Ok(Json(Done { handler: name, events: None }))
}

/// Lets a handler go on that was paused or has stopped.
#[utoipa::path(
    post, path = "/api/handlers/{name}/resume", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    responses((status = 200, description = "It goes on.", body = Done), CommandProblems),
)]
pub(super) async fn resume(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Problem> {
    let order = web.bus().handlers().resume(&name);
    audit::order(web.store(), &caller, "resume", &name, json!({}), order).await?;
    Ok(Json(Done { handler: name, events: None }))
}

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct After {
    /// The position behind which it would go on; the first event by default.
    after: Option<u64>,
}

/// What a reset would lead to. Changes nothing.
#[utoipa::path(
    get, path = "/api/handlers/{name}/reset", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler."), After),
    responses((status = 200, description = "What a reset would lead to.", body = Preview), ReadProblems),
)]
pub(super) async fn preview_reset(
    _: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(web.bus().handlers().preview_reset(&name, after.map(Position)).await?.into()))
}

/// Handles events again: behind a position, or from the first. Parked sequences are forgotten.
#[utoipa::path(
    post, path = "/api/handlers/{name}/reset", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = Reset,
    responses((status = 200, description = "It handles events again.", body = Done), CommandProblems),
)]
pub(super) async fn reset(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Done>, Problem> {
    let Reset { after } = read_fields(&body)?;
    let order = web.bus().handlers().reset(&name, after.map(Position));
    audit::order(web.store(), &caller, "reset", &name, json!({ "after": after }), order).await?;
    Ok(Json(Done { handler: name, events: None }))
}

/// The sequences that wait because one of their events could not be handled.
#[utoipa::path(
    get, path = "/api/handlers/{name}/parked", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    responses((status = 200, description = "The sequences.", body = ParkedList), ReadProblems),
)]
pub(super) async fn parked(
    _: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<ParkedList>, Problem> {
    let parked = web.bus().handlers().parked(&name).await?;
    Ok(Json(ParkedList { handler: name, sequences: parked.into_iter().map(Into::into).collect() }))
}

/// Hands the events of a parked sequence out again.
#[utoipa::path(
    post, path = "/api/handlers/{name}/parked/retry", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = SequenceOrder,
    responses((status = 200, description = "How many events were handled.", body = Done), CommandProblems),
)]
pub(super) async fn retry(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Done>, Problem> {
    let sequence: SequenceOrder = read_fields(&body)?;
    let order = web.bus().handlers().retry(&name, &sequence.key, sequence.scope());
    let events = audit::order(web.store(), &caller, "retry", &name, sequence.details(), order).await?;
    Ok(Json(Done { handler: name, events: Some(events) }))
}

/// Leaves the events of a parked sequence unhandled for good.
#[utoipa::path(
    post, path = "/api/handlers/{name}/parked/discard", tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = SequenceOrder,
    responses((status = 200, description = "How many events were left.", body = Done), CommandProblems),
)]
pub(super) async fn discard(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Done>, Problem> {
    let sequence: SequenceOrder = read_fields(&body)?;
    let order = web.bus().handlers().discard(&name, &sequence.key, sequence.scope());
    let events = audit::order(web.store(), &caller, "discard", &name, sequence.details(), order).await?;
    Ok(Json(Done { handler: name, events: Some(events) }))
}
