//! The `engine` program from outside: what is typed or piped, what is printed, and how it ends.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

mod bad_input;
mod conference;
mod failing_store;
mod following;
mod json;
mod kit;
mod kurrentdb;
mod later;
mod listening;
mod nodes;
mod postgres;
mod processes;
mod reading;
mod serving;
mod session;
mod shutdown;
mod terminal;
mod transfer;
mod upkeep;
mod usage;
