//! Process managers and timers over the in-memory store, on virtual time.

mod crashes;
mod instances;
mod kit;
mod machines;
mod refusals;
mod timers;
