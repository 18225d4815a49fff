//! What the node is.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use engine_store::{Clock, SystemClock};
use serde_json::{Value, json};

use super::reached::Reached;
use crate::{PROTOCOL_VERSION, core::Core};

/// The version of the protocol for those who choose by it, and the truth about who speaks it.
pub(super) async fn info(State(core): State<Arc<Core>>) -> Json<Value> {
    let apps: Vec<_> = core.apps.iter().map(|bus| bus.map().app.clone()).collect();
    Json(json!({
        "dbVersion": PROTOCOL_VERSION,
        "esVersion": PROTOCOL_VERSION,
        "state": "leader",
        "features": { "projections": true, "userManagement": true, "atomPub": false },
        "authentication": { "type": "internal", "properties": {} },
        "product": {
            "name": "cqrs-engine",
            "version": env!("CARGO_PKG_VERSION"),
            "note": "compatible with the clients of EventStoreDB and KurrentDB; neither of these products",
        },
        "store": { "kind": core.store.properties().kind, "durable": core.store.properties().durable },
        "apps": apps,
    }))
}

/// Who is in the cluster: this node alone.
pub(super) async fn gossip(
    State(core): State<Arc<Core>>,
    reached: Option<Extension<Reached>>,
) -> Json<Value> {
    let Reached { host, port } =
        reached.map_or_else(|| Reached::of_address(core.address), |Extension(reached)| reached);
    Json(json!({
        "members": [{
            "instanceId": core.instance,
            "timeStamp": SystemClock.now().to_string(),
            "state": "Leader",
            "isAlive": true,
            "httpEndPointIp": host,
            "httpEndPointPort": port,
        }],
        "serverIp": host,
        "serverPort": port,
    }))
}
