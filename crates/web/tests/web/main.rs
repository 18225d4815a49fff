//! The API and the console on a node, asked by real clients over real connections.

mod api;
mod kit;
mod pages;
