//! PostgreSQL keeps the promises of the contract. One program, so that it is linked once and has one server.

#![allow(clippy::unwrap_used)] // everything here is a test

mod suite;
