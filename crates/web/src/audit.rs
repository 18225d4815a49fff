//! What people did here, as events: in a stream of the system, so that no handler of the domain hears of it.

use std::{future::Future, sync::Arc};

use engine_store::{AppendRequest, EventStore, NewEvent};
use engine_types::{ExpectedRevision, StreamName};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::access::Caller;

/// The stream of what people did.
pub(crate) const STREAM: &str = "$audit";

/// The type of its events.
const EVENT_TYPE: &str = "$OperatorActed";

#[derive(Serialize)]
struct Acted<'a> {
    user: &'a str,
    role: &'a str,
    action: &'a str,
    subject: &'a str,
    details: Value,
    outcome: &'a str,
}

/// Carries out an order of somebody, and records it, whatever came of it.
pub(crate) async fn order<T, E>(
    store: &Arc<dyn EventStore>,
    caller: &Caller,
    action: &str,
    subject: &str,
    details: Value,
    order: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let done = order.await;
    let outcome = if done.is_ok() { "done" } else { "refused" };
    record(store, caller, action, subject, details, outcome).await;
    done
}

/// Records what somebody did, whatever came of it. That it could not be recorded is told to those who read the log,
/// not to those who acted: what was done cannot be taken back.
pub(crate) async fn record(
    store: &Arc<dyn EventStore>,
    caller: &Caller,
    action: &str,
    subject: &str,
    details: Value,
    outcome: &str,
) {
    let acted = Acted { user: &caller.name, role: caller.role.name(), action, subject, details, outcome };
    let event = NewEvent::json(Uuid::now_v7(), EVENT_TYPE, &acted);
    let stream = StreamName::new(STREAM);
    let (Ok(event), Ok(stream)) = (event, stream) else { return };
    let request = AppendRequest::to(stream, ExpectedRevision::Any, vec![event]);
    if let Err(error) = store.append(request).await {
        tracing::warn!(user = caller.name, action, subject, %error, "what was done could not be recorded");
    }
}
