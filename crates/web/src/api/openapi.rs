//! The description of the API, made from the code of its operations.

use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{Problem, routes};

/// What the operations have in common.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "cqrs-engine",
        description = "Commands in, events and answers out. Everything that is no success is `application/problem+json`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(Problem)),
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

/// The whole description.
pub(crate) fn described() -> openapi::OpenApi {
    routes().split_for_parts().1
}

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "map", security(()),
    responses((status = 200, description = "An OpenAPI document.", body = Object)),
)]
pub(super) async fn document() -> Response {
    match described().to_json() {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(fault) => {
            let detail = format!("the description cannot be written: {fault}");
            Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
        }
    }
}
