//! The API.

mod access;
mod commands;
mod document;
mod events;
mod handlers;
mod post;
mod read_models;
