//! The figures as JSON.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};

use crate::core::Core;

/// The figures by name.
pub(crate) fn collect(core: &Core) -> BTreeMap<String, u64> {
    let figures = core.metrics.figures().into_iter();
    let mut stats: BTreeMap<_, _> =
        figures.map(|figure| (format!("node-{}", figure.name.replace('_', "-")), figure.value)).collect();
    stats.insert("proc-id".to_owned(), std::process::id().into());
    stats.insert("proc-uptime-seconds".to_owned(), core.started.elapsed().as_secs());
    stats
}

/// The page.
pub(super) async fn page(State(core): State<Arc<Core>>) -> Json<BTreeMap<String, u64>> {
    Json(collect(&core))
}
