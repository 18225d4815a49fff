//! The console, without a browser.

mod overview;
mod security;
mod sessions;
mod store;
mod streams;
mod timers;
