//! The listening half over the in-memory store, on virtual time: handlers, checkpoints, errors, operators.

mod batches;
mod checkpoints;
mod errors;
mod fence;
mod gaps;
mod handover;
mod hooks;
mod interest;
mod kit;
mod lag;
mod leases;
mod map;
mod operators;
mod panics;
mod parked;
mod stopping;
mod strong;
mod waiting;
mod worlds;
