//! `serve`: the store, open to the network.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::kit::{Console, Engine};

/// A node over the store in the engine's folder, and where it listens.
fn serve(engine: &Engine, arguments: &[&str]) -> (Console, String) {
    let mut node = engine.console(&[&["--json", "serve", "--listen", "127.0.0.1:0"], arguments].concat());
    let line = node.next_line().unwrap_or_else(|| panic!("{}", node.stderr()));
    let line: Value = serde_json::from_str(&line).unwrap();
    (node, line["listening"].as_str().unwrap().to_owned())
}

/// What a page answers, head and all.
fn get(address: &str, page: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// A connection is still counted for a moment after its other end has seen it closed.
fn until_only_this_connection_is_open(address: &str) {
    let begun = Instant::now();
    loop {
        let metrics = get(address, "/metrics");
        if metrics.contains("\nengine_connections 1\n") {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "others are still counted: {metrics}");
    }
}

#[test]
fn a_node_tells_where_it_listens_what_it_is_and_ends_well_with_sigterm() {
    let engine = Engine::with_account();
    let (mut node, address) = serve(&engine, &[]);
    assert!(get(&address, "/health/live").starts_with("HTTP/1.1 204"));
    let ready = get(&address, "/health/ready");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains(r#""ready":true"#), "{ready}");
    let info = get(&address, "/info");
    assert!(info.contains(r#""durable":true"#) && info.contains(r#""apps":[]"#), "{info}");
    until_only_this_connection_is_open(&address);
    node.signal(Signal::TERM);
    assert_eq!(node.next_line(), None);
    assert_eq!(node.wait(), Some(0));
    assert_eq!(engine.balance("jsdf"), 23, "the store was let go");
}

#[test]
fn an_application_that_is_named_runs_beside_the_node() {
    let engine = Engine::with_account();
    let (_node, address) = serve(&engine, &["--app", "bank"]);
    assert!(get(&address, "/info").contains(r#""apps":["bank"]"#));
    let console = get(&address, "/");
    assert!(console.starts_with("HTTP/1.1 303") && console.contains("sign-in"), "{console}");
}

#[test]
fn an_address_that_others_reach_is_refused_without_tls() {
    let engine = Engine::new();
    let ended = engine.call(&["serve", "--listen", "0.0.0.0:0", "--store", "memory:"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--insecure"), "{}", ended.stderr);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Engine::new().call(&["serve", "--listen", &address, "--store", "memory:"]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains(&format!("cannot listen on {address}")), "{}", ended.stderr);
}
