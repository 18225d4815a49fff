//! `GET /api/streams`: which streams there are.

use axum::{
    Json,
    extract::{Query, State},
};
use engine_store::StreamQuery;
use engine_types::StreamName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ReadProblems};
use crate::{Web, access::Caller};

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Choice {
    /// Only names that begin with this. Streams of the system are listed only where it begins with `$`.
    #[serde(default)]
    prefix: String,
    /// Only streams of this category.
    category: Option<String>,
    /// Only names behind this one.
    after: Option<String>,
    /// At most this many; 100 by default, 1,000 at most.
    #[param(minimum = 1)]
    limit: Option<usize>,
}

/// A stream and where it ends.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stream {
    /// Its name.
    stream: String,
    /// The revision of its newest event.
    last_revision: u64,
}

/// One page of streams, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Streams {
    /// The streams.
    streams: Vec<Stream>,
    /// What to give as `after` for the next page; null where there is none.
    next: Option<String>,
}

/// Lists streams by name.
#[utoipa::path(
    get, path = "/api/streams", tag = "events", params(Choice),
    responses((status = 200, description = "One page of streams.", body = Streams), ReadProblems),
)]
pub(super) async fn list(
    _: Caller,
    State(web): State<Web>,
    Query(choice): Query<Choice>,
) -> Result<Json<Streams>, Problem> {
    let query = StreamQuery {
        prefix: choice.prefix,
        category: choice.category,
        after: choice.after.map(StreamName::new).transpose()?,
        limit: web.page(choice.limit)?,
    };
    let page = web.store().streams(query).await?;
    let next = page.streams.last().filter(|_| page.more).map(|last| last.stream.to_string());
    let streams = page.streams.iter();
    let streams = streams.map(|info| Stream { stream: info.stream.to_string(), last_revision: info.last.0 });
    Ok(Json(Streams { streams: streams.collect(), next }))
}
