//! `/api/timers`: the commands that wait for their time.

use axum::{
    Json,
    extract::{Query, State},
};
use engine_runtime::timers::{TimerId, TimerReport};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ReadProblems};
use crate::{Web, access::Caller};

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Which {
    /// Only those that are due after this one.
    after: Option<String>,
    /// At most this many; 100 by default, 1,000 at most.
    #[param(minimum = 1)]
    limit: Option<usize>,
}

/// A command that waits for its time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timer {
    /// Its id.
    id: String,
    /// When it is due, in UTC.
    due: String,
    /// The command that is sent then.
    command: String,
    /// The stream of the instance that it is sent to.
    target: String,
    /// The process manager that has set it; null where somebody else has.
    process: Option<String>,
    /// The instance of the process manager.
    instance: Option<String>,
    /// What the process manager calls it.
    name: Option<String>,
    /// Why it is due and not sent yet.
    error: Option<String>,
}

impl From<TimerReport> for Timer {
    fn from(report: TimerReport) -> Self {
        Timer {
            id: report.id.to_string(),
            due: report.due.to_string(),
            command: report.command,
            target: report.target,
            process: report.process,
            instance: report.instance,
            name: report.name,
            error: report.error,
        }
    }
}

/// One page of timers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timers {
    /// The timers, the next that is due first.
    timers: Vec<Timer>,
    /// What to give as `after` for the next page; null where there is none.
    next: Option<String>,
}

/// The commands that wait for their time, the next that is due first.
#[utoipa::path(
    get, path = "/api/timers", tag = "processes", params(Which),
    responses((status = 200, description = "One page of timers.", body = Timers), ReadProblems),
)]
pub(super) async fn list(
    _: Caller,
    State(web): State<Web>,
    Query(which): Query<Which>,
) -> Result<Json<Timers>, Problem> {
    let limit = web.page(which.limit)?;
    let after = which.after.as_deref().map(id).transpose()?;
    let page = web.bus().timers().list(after, limit).await?;
    let timers = page.timers.into_iter().map(Into::into).collect();
    Ok(Json(Timers { timers, next: page.next.map(|next| next.to_string()) }))
}

/// The id of a timer, as it was told.
pub(crate) fn id(text: &str) -> Result<TimerId, Problem> {
    text.parse().map_err(|fault| Problem::bad_request(format!("parameter `after`: {fault}")))
}
