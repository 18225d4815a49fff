//! `POST /api/commands/{name}`: the door for everybody who speaks HTTP.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use engine_runtime::{Body, JsonReceipt, JsonSendError, SendError};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{
    CommandProblems, Problem,
    headers::send_options,
    wire::{DecidedEvent, Receipt},
};
use crate::{
    Web,
    access::{Caller, Operator},
    audit,
};

/// The entry of an event's metadata that names who sent its command.
pub(crate) const USER: &str = "user";

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Sending {
    /// Decides against the present state, and stores nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What a command would lead to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DryRun {
    /// Always true.
    dry_run: bool,
    /// The events that would be stored.
    events: Vec<DecidedEvent>,
}

/// What comes back from a command that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer; each kind is written by itself")]
enum Accepted {
    Receipt(Receipt),
    DryRun(DryRun),
}

/// Sends a command to the one aggregate instance that it is addressed to.
///
/// The body is a JSON object of the command's fields. Sent again with the same `Idempotency-Key`, a command takes
/// effect once and gives the first answer again.
#[utoipa::path(
    post, path = "/api/commands/{name}", tag = "commands",
    params(
        ("name" = String, Path, description = "The name of the command, such as `DepositMoney`."),
        Sending,
        ("Idempotency-Key" = Option<String>, Header, description = "The command's identity: a UUID."),
        ("If-Match" = Option<String>, Header, description = "The revision that the instance must be at, such as `\"3\"`, or `*`."),
        ("If-None-Match" = Option<String>, Header, description = "`*`: the instance must not be there yet."),
        ("Consistency" = Option<String>, Header, description = "`eventual` (default), `strong`, or names of handlers with commas: what the answer waits for."),
        ("Correlation-Id" = Option<String>, Header, description = "What the whole chain of causes is called."),
        ("Causation-Id" = Option<String>, Header, description = "What caused the command."),
        ("Timeout-Ms" = Option<u64>, Header, description = "How long it may take; 5,000 by default."),
    ),
    request_body(content = Object, description = "The fields of the command.", content_type = "application/json"),
    responses(
        (status = 200, description = "It was accepted, and its events are stored.", body = Accepted,
            headers(("ETag" = String, description = "The revision of the instance."))),
        CommandProblems,
    ),
)]
pub(super) async fn send(
    Operator(caller): Operator,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(Sending { dry_run }): Query<Sending>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let mut options = send_options(&headers)?;
    options.metadata.insert(USER.to_owned(), caller.name.clone().into());
    let fields = Body::Json(read_object(&body)?);
    if dry_run {
        let events = web.bus().dry_run_by_name(&name, fields, options).await?;
        let events = events.into_iter().map(Into::into).collect();
        return Ok(Json(DryRun { dry_run, events }).into_response());
    }
    let sent = web.bus().send_by_name(&name, fields, options).await;
    record(&web, &caller, &name, &body, &sent).await;
    let receipt: Receipt = sent?.into();
    let tag = receipt.revision.and_then(|revision| HeaderValue::try_from(format!("\"{revision}\"")).ok());
    let mut response = Json(receipt).into_response();
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Records who sent a command, and what came of it, where no event that it led to names the sender.
async fn record(
    web: &Web,
    caller: &Caller,
    name: &str,
    body: &[u8],
    sent: &Result<JsonReceipt, JsonSendError>,
) {
    let outcome = match sent {
        Ok(receipt) if !receipt.duplicate && !receipt.events.is_empty() => return,
        Ok(_) => "accepted",
        // Not a command of this application, so that nobody was asked.
        Err(SendError::UnknownCommand { .. } | SendError::Invalid(_)) => return,
        Err(error) => error.kind(),
    };
    let details = json!({ "fields": read_object(body).unwrap_or_default(), "via": "api" });
    audit::record(web.store(), caller, "send", name, details, outcome).await;
}

/// Reads the fields of an order, naming the fault of those that are not what they should be. Nothing is the same as no
/// fields.
pub(super) fn read_fields<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|fault| Problem::bad_request(format!("the body: {fault}")))
}

/// Reads a body that must be JSON. Nothing is the same as an object without fields.
pub(super) fn read_object(body: &[u8]) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|fault| {
        Problem::bad_request(format!("the body is no JSON: {fault}; send an object of the fields"))
    })
}
