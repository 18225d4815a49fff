//! PostgreSQL keeps the promises of the contract. One program, so that it is linked once and has one server.

#![allow(clippy::unwrap_used)] // everything here is a test

mod connections;
mod disk;
mod failover;
mod kit;
mod lost_answers;
mod nodes;
mod pooler;
mod read_models;
mod refusals;
mod restarts;
mod schemas;
mod suite;
mod tls;
