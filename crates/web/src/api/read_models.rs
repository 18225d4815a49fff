//! `/api/read-models`: how read models are doing, and building them anew.

use axum::{
    Json,
    extract::{Path, State},
};
use engine_runtime::read_models::{ProjectionReport, RebuildProgress, RebuildState};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{CommandProblems, Problem, ReadProblems};
use crate::{
    Web,
    access::{Caller, Operator},
    audit,
};

/// How a read model is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadModel {
    /// Its name.
    name: &'static str,
    /// The version of its functions.
    version: u32,
    /// The generation that is shown, or built for the first time.
    generation: u64,
    /// Where its rows are kept, in one word.
    place: &'static str,
    /// Whether it can be asked.
    ready: bool,
    /// How much of a first building is done; null when it is ready.
    percent: Option<u8>,
    /// Everything up to here has been counted; null before the first event.
    position: Option<u64>,
    /// Why its rows cannot be reached.
    fault: Option<String>,
    /// What is being built beside it.
    rebuild: Option<Rebuild>,
}

/// How far a rebuild is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rebuild {
    /// `building`, `done`, `cancelled` or `failed`.
    state: &'static str,
    /// Everything up to here has been counted; null before the first event.
    position: Option<u64>,
    /// The newest event that there is.
    head: Option<u64>,
    /// How many events have been counted.
    events: u64,
    /// How many events are counted in a second.
    events_per_second: u64,
}

impl From<RebuildProgress> for Rebuild {
    fn from(progress: RebuildProgress) -> Self {
        let state = match progress.state {
            RebuildState::Building => "building",
            RebuildState::Done => "done",
            RebuildState::Cancelled => "cancelled",
            RebuildState::Failed { .. } => "failed",
        };
        Rebuild {
            state,
            position: progress.position.map(|position| position.0),
            head: progress.head.map(|position| position.0),
            events: progress.events,
            events_per_second: progress.events_per_second,
        }
    }
}

impl From<ProjectionReport> for ReadModel {
    fn from(report: ProjectionReport) -> Self {
        ReadModel {
            name: report.name,
            version: report.version,
            generation: report.generation,
            place: report.place,
            ready: report.ready,
            percent: report.percent,
            position: report.position.map(|position| position.0),
            fault: report.fault,
            rebuild: report.rebuild.map(Into::into),
        }
    }
}

/// Read models, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadModelList {
    /// The read models.
    read_models: Vec<ReadModel>,
}

/// How all read models are doing.
#[utoipa::path(
    get, path = "/api/read-models", tag = "read models",
    responses((status = 200, description = "All of them, by name.", body = ReadModelList), ReadProblems),
)]
pub(super) async fn list(_: Caller, State(web): State<Web>) -> Result<Json<ReadModelList>, Problem> {
    let reports = web.bus().projections().list().await?;
    Ok(Json(ReadModelList { read_models: reports.into_iter().map(Into::into).collect() }))
}

/// How a read model is doing.
#[utoipa::path(
    get, path = "/api/read-models/{name}", tag = "read models",
    params(("name" = String, Path, description = "The name of the read model.")),
    responses((status = 200, description = "The read model.", body = ReadModel), ReadProblems),
)]
pub(super) async fn report(
    _: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<ReadModel>, Problem> {
    Ok(Json(web.bus().projections().report(&name).await?.into()))
}

/// Builds a read model anew beside the one that is shown, and shows it when it has caught up.
///
/// Answers at once; the read model itself tells how far it is.
#[utoipa::path(
    post, path = "/api/read-models/{name}/rebuild", tag = "read models",
    params(("name" = String, Path, description = "The name of the read model.")),
    responses((status = 200, description = "The rebuild has begun.", body = Rebuild), CommandProblems),
)]
pub(super) async fn rebuild(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<Rebuild>, Problem> {
    let order = web.bus().projections().rebuild(&name);
    let rebuild = audit::order(web.store(), &caller, "rebuild", &name, json!({}), order).await?;
    Ok(Json(rebuild.progress().into()))
}

/// Breaks a rebuild off. What is shown goes on being shown.
#[utoipa::path(
    delete, path = "/api/read-models/{name}/rebuild", tag = "read models",
    params(("name" = String, Path, description = "The name of the read model.")),
    responses((status = 200, description = "It is broken off.", body = Rebuild), CommandProblems),
)]
pub(super) async fn cancel(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Result<Json<Rebuild>, Problem> {
    let rebuild = web.bus().projections().rebuilding(&name)?;
    let rebuild = rebuild.ok_or_else(|| Problem::not_found(format!("`{name}` is not being built anew")))?;
    rebuild.cancel();
    audit::record(web.store(), &caller, "cancel", &name, json!({}), "done").await;
    Ok(Json(rebuild.progress().into()))
}
