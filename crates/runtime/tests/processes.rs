//! Process managers and timers over the in-memory store, on virtual time.

mod crashes;
mod following;
mod instances;
mod kit;
mod machines;
mod observing;
mod refusals;
mod timers;
