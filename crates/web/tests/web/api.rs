//! The API.

mod access;
mod commands;
mod document;
mod events;
mod handlers;
mod post;
mod processes;
mod read_models;
