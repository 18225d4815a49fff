//! Whether the node lives, and whether it can serve.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde_json::json;

use crate::core::Core;

/// The process runs. `?liveCode=200` chooses the code of the answer.
pub(super) async fn live(Query(query): Query<HashMap<String, String>>) -> StatusCode {
    let wanted = query.get("liveCode").and_then(|code| code.parse().ok());
    wanted.and_then(|code: u16| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::NO_CONTENT)
}

/// The store answers, and the node does not stop.
pub(super) async fn ready(State(core): State<Arc<Core>>) -> impl IntoResponse {
    if core.stopping.is_cancelled() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "ready": false, "why": "the node is stopping" })),
        );
    }
    match core.store.head().await {
        Ok(_) => (StatusCode::OK, Json(json!({ "ready": true }))),
        Err(error) => {
            let why = error.to_string();
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "why": why })))
        }
    }
}

/// Somebody is there.
pub(super) async fn ping() -> impl IntoResponse {
    Json(json!({ "text": "Ping request successfully handled" }))
}
