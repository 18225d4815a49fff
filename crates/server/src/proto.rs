//! The protocol, as `build.rs` makes it from the files in `proto/`.

#![allow(
    clippy::all,
    clippy::pedantic,
    dead_code,
    missing_docs,
    rustdoc::all,
    unreachable_pub,
    reason = "generated, and the protocol has words that the node never says"
)]

tonic::include_proto!("protocol");

pub(crate) use event_store::client::*;
