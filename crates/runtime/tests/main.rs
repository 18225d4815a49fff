//! The promises of the runtime, as tests. One binary, so that it is linked once.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

mod arrival;
mod by_name;
mod cancellation;
mod conflicts;
mod deletion;
mod large_states;
mod listening;
mod lost_answers;
mod memory;
mod metadata;
mod middleware;
mod panics;
mod processes;
mod receipts;
mod repetition;
mod simulation;
mod snapshots;
mod start;
mod state_at;
mod timeouts;
mod upcasting;
