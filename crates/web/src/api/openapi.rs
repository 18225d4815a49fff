//! The description of the API, made from the code of its operations and from what the application takes.

mod application;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use engine_runtime::map::Map;
use http::header;
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::routes;
use crate::Web;

/// What the operations have in common.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "cqrs-engine",
        description = "Commands in, events and answers out. Everything that is no success is `application/problem+json`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(super::Problem)),
    modifiers(&Schemes),
    security(("password" = []), ("token" = [])),
    tags(
        (name = "commands", description = "Sending commands."),
        (name = "aggregates", description = "The states of instances."),
        (name = "events", description = "Streams and their events."),
        (name = "read models", description = "Asking read models, and building them anew."),
        (name = "handlers", description = "What listens to events."),
        (name = "processes", description = "The instances of process managers, and their timers."),
        (name = "map", description = "What is registered."),
    ),
)]
struct Base;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("password", scheme(HttpAuthScheme::Basic));
        components.add_security_scheme("token", scheme(HttpAuthScheme::Bearer));
    }
}

pub(super) fn base() -> openapi::OpenApi {
    Base::openapi()
}

/// The whole description, for an application.
pub(crate) fn described(map: &Map) -> Value {
    let mut document = serde_json::to_value(routes().split_for_parts().1).unwrap_or_default();
    application::describe(&mut document, map);
    document
}

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "map", security(()),
    responses((status = 200, description = "An OpenAPI document.", body = Object)),
)]
pub(super) async fn document(State(web): State<Web>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], described(web.map()).to_string()).into_response()
}
