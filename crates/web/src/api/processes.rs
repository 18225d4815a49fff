//! `/api/processes`: the instances of process managers, and telling them what to do.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use bytes::Bytes;
use engine_runtime::processes::Summary;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{CommandProblems, Problem, ReadProblems, commands::read_fields};
use crate::{
    Web,
    access::{Caller, Operator},
    audit,
};

/// The process managers that there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProcessNames {
    /// Their names.
    processes: Vec<&'static str>,
}

/// An instance in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Instance {
    /// Its id.
    id: String,
    /// What it does: `running`, `ended` or `parked`.
    state: &'static str,
    /// The state of its machine; null where it is none.
    stage: Option<&'static str>,
    /// The newest of its entries.
    revision: Option<u64>,
    /// How many timers wait.
    timers: usize,
    /// Why it is parked.
    error: Option<String>,
}

impl From<Summary> for Instance {
    fn from(summary: Summary) -> Self {
        Instance {
            id: summary.id,
            state: summary.state.word(),
            stage: summary.stage,
            revision: summary.revision.map(|revision| revision.0),
            timers: summary.timers,
            error: summary.error,
        }
    }
}

/// One page of instances, by id.
#[expect(clippy::struct_field_names, reason = "as they are called everywhere")]
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Instances {
    /// The process manager.
    process: String,
    /// The instances.
    instances: Vec<Instance>,
    /// What to give as `after` for the next page; null where there is none.
    next: Option<String>,
}

/// What was done with an instance.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstanceDone {
    /// The process manager.
    process: String,
    /// The instance.
    id: String,
    /// How many events it handled; null where that has no meaning.
    events: Option<u64>,
}

/// The names of the process managers.
#[utoipa::path(
    get, path = "/api/processes", tag = "processes",
    responses((status = 200, description = "Their names.", body = ProcessNames), ReadProblems),
)]
pub(super) async fn names(_: Caller, State(web): State<Web>) -> Json<ProcessNames> {
    Json(ProcessNames { processes: web.map().processes.iter().map(|process| process.name).collect() })
}

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Which {
    /// Only those in this state: `running`, `ended`, `parked`, or a state of the machine.
    state: Option<String>,
    /// Only those behind this id.
    after: Option<String>,
    /// At most this many; 100 by default, 1,000 at most.
    #[param(minimum = 1)]
    limit: Option<usize>,
}

/// The instances of a process manager.
#[utoipa::path(
    get, path = "/api/processes/{name}", tag = "processes",
    params(("name" = String, Path, description = "The name of the process manager."), Which),
    responses((status = 200, description = "One page of instances.", body = Instances), ReadProblems),
)]
pub(super) async fn list(
    _: Caller,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<Instances>, Problem> {
    let limit = web.page(which.limit)?;
    let processes = web.bus().processes();
    let page = processes.list(&name, which.state.as_deref(), which.after.as_deref(), limit).await?;
    let instances = page.instances.into_iter().map(Into::into).collect();
    Ok(Json(Instances { process: name, instances, next: page.next }))
}

/// An instance: its state, what it has handled and decided, and the timers that wait.
#[utoipa::path(
    get, path = "/api/processes/{name}/{id}", tag = "processes",
    params(("name" = String, Path, description = "The name of the process manager."), ("id" = String, Path, description = "The id of the instance.")),
    responses((status = 200, description = "The instance.", body = Object), ReadProblems),
)]
pub(super) async fn show(
    caller: Caller,
    State(web): State<Web>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    caller.expect_payloads(&web)?;
    let report = web.bus().processes().show(&name, &id).await?;
    serde_json::to_value(report).map(Json).map_err(|fault| {
        Problem::unavailable("unreadable", format!("the instance cannot be written as JSON: {fault}"))
    })
}

/// Lets an instance that is parked try again.
#[utoipa::path(
    post, path = "/api/processes/{name}/{id}/retry", tag = "processes",
    params(("name" = String, Path, description = "The name of the process manager."), ("id" = String, Path, description = "The id of the instance.")),
    responses((status = 200, description = "It goes on.", body = InstanceDone), CommandProblems),
)]
pub(super) async fn retry(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path((process, id)): Path<(String, String)>,
) -> Result<Json<InstanceDone>, Problem> {
    let subject = format!("{process}-{id}");
    let order = web.bus().processes().retry(&process, &id);
    let events = audit::order(web.store(), &caller, "retry", &subject, json!({}), order).await?;
    Ok(Json(InstanceDone { process, id, events: Some(events) }))
}

/// Why an instance is to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// The reason, kept with the instance.
    #[schema(min_length = 1)]
    reason: String,
}

/// Ends an instance: its timers are cancelled; what it has sent before stays sent.
#[utoipa::path(
    post, path = "/api/processes/{name}/{id}/stop", tag = "processes",
    params(("name" = String, Path, description = "The name of the process manager."), ("id" = String, Path, description = "The id of the instance.")),
    request_body = Reason,
    responses((status = 200, description = "It has ended.", body = InstanceDone), CommandProblems),
)]
pub(super) async fn stop(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path((process, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<InstanceDone>, Problem> {
    let Reason { reason } = read_fields(&body)?;
    let subject = format!("{process}-{id}");
    let order = web.bus().processes().stop(&process, &id, &reason);
    audit::order(web.store(), &caller, "stop", &subject, json!({ "reason": reason }), order).await?;
    Ok(Json(InstanceDone { process, id, events: None }))
}
