//! The web console, and commands, events and queries over HTTP.
//!
//! A [`Web`] is a running [`Bus`](engine_runtime::Bus) and those who may use it; [`router`] makes of it what a server
//! mounts. All that changes anything goes through the bus, as it does for every other caller.
//!
//! ```text
//! request ─▶ access: who is it? ─┬─▶ api: JSON in, JSON or problem+json out ─┬─▶ Bus, EventStore
//!                                └─▶ pages: HTML, refreshed by live ─────────┘
//! ```

pub mod access;
mod api;
mod assets;
mod audit;
mod disk;
pub mod groups;
mod live;
mod meter;
mod options;
mod pages;
mod policy;
mod trace;
mod web;

use axum::{Router, middleware::from_fn_with_state};

pub use meter::{Figures, measured};
pub use options::WebOptions;
pub use web::{Backing, Web};

/// All that is served over HTTP/1.1: the API below `/api`, and the console.
pub fn router(web: Web) -> Router {
    let all = pages::router().merge(api::router(&web));
    all.layer(from_fn_with_state(web.clone(), access::identify)).with_state(web)
}
