//! The API.

mod access;
mod audit;
mod commands;
mod document;
mod events;
mod failing;
mod handlers;
pub(crate) mod post;
mod processes;
mod read_models;
