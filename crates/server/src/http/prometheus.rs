//! The figures in the form of Prometheus.

use std::{fmt::Write, sync::Arc};

use axum::{extract::State, http::header, response::IntoResponse};

use crate::{
    core::Core,
    metrics::{Figure, Kind},
};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page.
pub(super) async fn page(State(core): State<Arc<Core>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text(&core.metrics.figures()))
}

fn text(figures: &[Figure]) -> String {
    figures.iter().fold(String::new(), |mut out, figure| {
        let (kind, suffix) = match figure.kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
        };
        let name = format!("engine_{}{suffix}", figure.name);
        let _ = write!(out, "# HELP {name} {}\n# TYPE {name} {kind}\n{name} {}\n", figure.help, figure.value);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_gauges_are_told_apart() {
        let figures = [
            Figure { name: "appends", kind: Kind::Counter, help: "All.", value: 7 },
            Figure { name: "connections", kind: Kind::Gauge, help: "Open.", value: 2 },
        ];
        assert_eq!(
            text(&figures),
            "# HELP engine_appends_total All.\n# TYPE engine_appends_total counter\nengine_appends_total 7\n\
             # HELP engine_connections Open.\n# TYPE engine_connections gauge\nengine_connections 2\n"
        );
    }
}
