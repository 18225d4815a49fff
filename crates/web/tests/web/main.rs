//! The API and the console, asked by real clients over real connections.

mod api;
mod kit;
