//! The API.

mod access;
mod commands;
mod document;
mod events;
mod handlers;
mod read_models;
