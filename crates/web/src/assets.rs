//! The files that pages need, inside the program, so that the console works where there is no network.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

/// Name, kind, content.
const ASSETS: [(&str, &str, &[u8]); 10] = [
    ("console.css", CSS, include_bytes!("../assets/console.css")),
    ("console.js", SCRIPT, include_bytes!("../assets/console.js")),
    ("theme.js", SCRIPT, include_bytes!("../assets/theme.js")),
    ("mark.svg", "image/svg+xml", include_bytes!("../assets/mark.svg")),
    ("htmx.min.js", SCRIPT, include_bytes!("../assets/vendor/htmx.min.js")),
    ("htmx.LICENSE", TEXT, include_bytes!("../assets/vendor/htmx.LICENSE")),
    ("uPlot.iife.min.js", SCRIPT, include_bytes!("../assets/vendor/uPlot.iife.min.js")),
    ("uPlot.min.css", CSS, include_bytes!("../assets/vendor/uPlot.min.css")),
    ("uPlot.LICENSE", TEXT, include_bytes!("../assets/vendor/uPlot.LICENSE")),
    ("VERSIONS", TEXT, include_bytes!("../assets/vendor/VERSIONS")),
];

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// `GET /assets/{name}`. Browsers ask again after an hour, so that another version of the program is soon seen.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => {
            let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "public, max-age=3600")];
            (headers, *content).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such file").into_response(),
    }
}
