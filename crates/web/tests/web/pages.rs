//! The console, without a browser.

mod handlers;
mod overview;
mod security;
mod sessions;
mod store;
mod streams;
mod timers;
