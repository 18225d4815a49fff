//! Compiles the protocol from `proto/` in pure Rust: no `protoc` is needed on the machine.

use std::error::Error;

const FILES: [&str; 11] = [
    "shared.proto",
    "streams.proto",
    "persistent.proto",
    "projections.proto",
    "users.proto",
    "operations.proto",
    "gossip.proto",
    "server_features.proto",
    "monitoring.proto",
    "kurrentdb/v2/streams.proto",
    "kurrentdb/v2/errors.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        // What is stored is handed on without being copied.
        .bytes(".")
        // The maps of this protocol are small: they are searched faster than hashed.
        .btree_map(".")
        .include_file("protocol.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
