//! Process managers and timers over the in-memory store, on virtual time.

mod choices;
mod crashes;
mod following;
mod instances;
mod kit;
mod listing;
mod machines;
mod many_timers;
mod migration;
mod nodes;
mod observing;
mod refusals;
mod timers;
