//! The console: server-rendered pages, one file each. Every page works by links and forms alone; scripts only make it
//! livelier.

mod account;
mod aggregates;
mod api;
mod commands;
mod correlation;
mod event;
mod fault;
mod find;
mod handlers;
mod map;
mod overview;
mod parked;
mod parts;
mod posted;
mod processes;
mod queries;
mod sign_in;
mod store;
mod streams;
mod subscriptions;
mod tail;
mod timers;
mod users;

use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};

use crate::{Web, assets, live, policy};
use fault::Fault;
use parts::layout::{self, Nav};
use posted::{Posted, Seen};

pub(crate) use store::Work;

use correlation::cut as correlation_cut;

/// What a page answers.
type Page = Result<maud::Markup, Fault>;

pub(crate) fn router() -> Router<Web> {
    Router::new()
        .route("/", get(overview::page))
        .route("/live", get(live::events))
        .route("/streams", get(streams::list))
        .route("/streams/{stream}", get(streams::one))
        .route("/all", get(streams::all))
        .route("/tail", get(tail::page))
        .route("/tail/rows", get(tail::rows))
        .route("/events/{position}", get(event::page))
        .route("/correlations/{id}", get(correlation::page))
        .route("/find", get(find::find))
        .route("/aggregates", get(aggregates::choose))
        .route("/aggregates/{category}/{id}", get(aggregates::page).post(aggregates::dry_run))
        .route("/commands", get(commands::list))
        .route("/commands/{name}", get(commands::form).post(commands::send))
        .route("/queries", get(queries::list))
        .route("/queries/{name}", get(queries::ask))
        .route("/handlers", get(handlers::page))
        .route("/handlers/{name}/reset", get(handlers::preview))
        .route("/handlers/{name}/{order}", post(handlers::order))
        .route("/read-models/{name}/{order}", post(handlers::rebuild))
        .route("/parked", get(parked::page))
        .route("/parked/{handler}/{order}", post(parked::order))
        .route("/processes", get(processes::list))
        .route("/processes/{name}", get(processes::instances))
        .route("/processes/{name}/{id}", get(processes::show))
        .route("/processes/{name}/{id}/{order}", post(processes::order))
        .route("/timers", get(timers::list))
        .route("/subscriptions", get(subscriptions::list).post(subscriptions::create))
        .route("/subscriptions/new", get(subscriptions::new))
        .route("/subscriptions/{source}/{group}", get(subscriptions::show).post(subscriptions::order))
        .route("/map", get(map::page))
        .route("/store", get(store::page))
        .route("/store/{work}", post(store::work))
        .route("/users", get(users::page).post(users::create))
        .route("/users/{login}", post(users::change))
        .route("/account", get(account::page).post(account::change_password))
        .route("/account/tokens", post(account::tokens))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/api", get(api::page))
        .fallback(fault::nothing_here)
        .layer(from_fn(policy::harden))
        .route("/assets/{name}", get(assets::asset))
}
