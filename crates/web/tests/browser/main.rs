//! The console in a real browser: headless Chromium, driven as a person would use it.
//!
//! Pictures of every page are kept in `target/console`.

mod driver;
#[path = "../web/kit/mod.rs"]
#[expect(dead_code, reason = "what only the tests of the API need")]
mod kit;
mod looks;
mod operators;
#[path = "../web/api/post.rs"]
mod post;
mod story;
