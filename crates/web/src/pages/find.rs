//! One box to find things with: a position, a stream, an event id, a correlation id, or the beginning of a name.

use axum::{
    extract::{Query, State},
    response::Redirect,
};
use engine_store::StreamQuery;
use engine_types::{CurrentRevision, StreamName};
use serde::Deserialize;
use uuid::Uuid;

use super::{Fault, Seen, parts::encoded};
use crate::Web;

#[derive(Debug, Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    q: String,
}

pub(super) async fn find(
    _: Seen,
    State(web): State<Web>,
    Query(Sought { q }): Query<Sought>,
) -> Result<Redirect, Fault> {
    let sought = q.trim();
    if sought.is_empty() {
        return Ok(Redirect::to("/streams"));
    }
    if sought == "$all" {
        return Ok(Redirect::to("/all"));
    }
    if sought.parse::<u64>().is_ok() {
        return Ok(Redirect::to(&format!("/events/{sought}")));
    }
    if Uuid::try_parse(sought).is_ok() {
        return Ok(Redirect::to(&format!("/correlations/{}", encoded(sought))));
    }
    if let Ok(stream) = StreamName::new(sought)
        && let Ok(CurrentRevision::At(_)) = web.store().current_revision(&stream).await
    {
        return Ok(Redirect::to(&format!("/streams/{}", encoded(sought))));
    }
    let named_like_it = StreamQuery { prefix: sought.to_owned(), limit: 1, ..StreamQuery::default() };
    if !web.store().streams(named_like_it).await?.streams.is_empty() {
        return Ok(Redirect::to(&format!("/streams?prefix={}", encoded(sought))));
    }
    Ok(Redirect::to(&format!("/correlations/{}", encoded(sought))))
}
