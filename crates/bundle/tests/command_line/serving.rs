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
    ask(address, page, "")
}

/// The same for `admin`, whose password is the first one.
fn get_as_admin(address: &str, page: &str) -> String {
    ask(address, page, "Authorization: Basic YWRtaW46Y2hhbmdlaXQ=\r\n")
}

fn ask(address: &str, page: &str, header: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {page} HTTP/1.1\r\nHost: {address}\r\n{header}Connection: close\r\n\r\n")
        .unwrap();
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
    let (mut node, address) = serve(&engine, &["--no-app"]);
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
fn the_first_application_runs_beside_the_node_or_the_one_that_is_named_or_none() {
    for (arguments, apps, commands) in [
        (&[][..], r#"["bank"]"#, Some("DepositMoney")),
        (&["--app", "conference"], r#"["conference"]"#, Some("MakeSeatReservation")),
        (&["--no-app"], "[]", None),
    ] {
        let engine = Engine::with_account();
        let (_node, address) = serve(&engine, arguments);
        let info = get(&address, "/info");
        assert!(info.contains(&format!(r#""apps":{apps}"#)), "{info}");
        let console = get(&address, "/");
        assert!(console.starts_with("HTTP/1.1 303") && console.contains("sign-in"), "{console}");
        let map = get_as_admin(&address, "/api/map");
        assert!(map.contains("HTTP/1.1 200"), "{map}");
        assert_eq!(commands.is_some_and(|command| map.contains(command)), commands.is_some(), "{map}");
    }
    let ended = Engine::new().call(&["serve", "--no-app", "--app", "bank", "--store", "memory:"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("contradict each other"), "{}", ended.stderr);
}

#[test]
fn whoever_starts_a_node_is_told_where_the_console_is_and_how_to_sign_in() {
    let engine = Engine::new();
    let mut node = engine.console(&["serve", "--listen", "127.0.0.1:0", "--store", "memory:"]);
    let lines = [node.next_line(), node.next_line()].map(Option::unwrap_or_default);
    assert!(lines[0].starts_with("serving memory: at kurrentdb://127.0.0.1:"), "{lines:?}");
    assert!(lines[1].starts_with("console of bank at http://127.0.0.1:"), "{lines:?}");
    assert!(lines[1].contains("`admin`") && lines[1].contains("`changeit`"), "{lines:?}");
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
