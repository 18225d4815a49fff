//! The promises of read models, as tests that run wherever rows are kept. One binary, so that it is linked once.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod counting;
mod cut_off;
mod domain;
mod files;
mod line;
mod listings;
mod parked;
mod places;
mod queries;
mod rebuilds;
mod shared;
mod versions;
